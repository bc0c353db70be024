"""The smallest derivation that still fails, found by cutting and replacing parts of the tree.

What is tried at a node, in this order: the smallest subtree of its rule, a descendant of the same rule in its place,
a simpler alternative that keeps the children that fit, a simpler token. A step is kept when it fails as before and
makes the tree smaller in a fixed order, so that shrinking ends, and the same failure always shrinks to the same tree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.derivation.tree import Derivation, Token
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from einsyn.grammar.model import Grammar, Production, Terminal

# Descendants tried in the place of one node: some of each size, so that deep trees lose half of their depth at once.
_HOISTED: Final = 12


class Shrinker:
    """Makes derivations of one grammar smaller.

    Args:
        grammar: where the alternatives come from.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._smallest = smallest_derivations(grammar)
        self._simplest_first = {rule: sorted(rule.drawable, key=self._size_of) for rule in grammar.rules.values()}
        self._ranks = {p: rank for found in self._simplest_first.values() for rank, p in enumerate(found)}

    def _size_of(self, production: Production) -> int:
        return 1 + sum(self._smallest[slot].size for slot in production.slots if isinstance(slot, Rule))

    def shrink(
        self, tree: Derivation, fails: Callable[[Derivation], bool], max_tests: int = 1_000
    ) -> tuple[Derivation, int]:
        """The smallest tree found, and how many were tested.

        Args:
            tree: fails.
            fails: whether a tree fails in the same way; ill-typed trees do not.
            max_tests: stop after so many tests.
        """
        seen: set[Derivation] = {tree}
        tests = 0
        improved = True
        while improved:
            improved = False
            number = 0
            while number < tree.size:
                path = path_of(tree, number)
                node = tree.at(path)
                assert isinstance(node, Derivation)
                for smaller in self._candidates(node):
                    if not self._simpler(smaller, node):
                        continue
                    candidate = tree.replace(path, smaller)
                    if candidate in seen:
                        continue
                    if tests == max_tests:
                        return tree, tests
                    seen.add(candidate)
                    tests += 1
                    if fails(candidate):
                        # The same place again: what stands there now may get smaller still.
                        tree, improved = candidate, True
                        break
                else:
                    number += 1
        return tree, tests

    def _candidates(self, node: Derivation) -> Iterator[Derivation]:
        yield self._smallest[node.production.rule]
        yield from _hoisted(node)
        for production in self._simplest_first[node.production.rule]:
            yield from self._refitted(node, production)
        for i, child in enumerate(node.children):
            if isinstance(child, Token):
                for index in _simpler_indexes(child.index):
                    token = Token(child.symbol, index)
                    yield Derivation(node.production, (*node.children[:i], token, *node.children[i + 1 :]))

    def _refitted(self, node: Derivation, production: Production) -> Iterator[Derivation]:
        """The node with another alternative; each child goes to the first free slot of its symbol.

        Where not all of them find one, also without the first child, the first two, ...: any of them may matter.
        """
        for first in range(max(1, len(node.children))):
            left = list(node.children[first:])
            children: list[Derivation | Token] = []
            for slot in production.slots:
                kept = next((child for child in left if _symbol(child) is slot), None)
                if kept is not None:
                    left.remove(kept)
                children.append(kept or (self._smallest[slot] if isinstance(slot, Rule) else Token(slot, _first(slot))))
            yield Derivation(production, tuple(children))
            if not left:
                return

    def _simpler(self, a: Derivation, b: Derivation) -> bool:
        """Whether a comes before b: fewer productions, then simpler alternatives, then earlier values."""
        return a.size < b.size or (a.size == b.size and self._order(a) < self._order(b))

    def _order(self, tree: Derivation) -> tuple[int, int]:
        alternatives = values = 0
        for node in tree.nodes():
            if isinstance(node, Token):
                values += node.index
            else:
                # What is never drawn comes after everything that is.
                alternatives += self._ranks.get(node.production, len(self._ranks))
        return alternatives, values


def smallest_derivations(grammar: Grammar) -> dict[Rule, Derivation]:
    """A derivation of each rule with as few productions as any; of several the first alternative's."""
    found: dict[Rule, Derivation] = {}
    changed = True
    while changed:
        changed = False
        for rule in grammar.rules.values():
            for production in rule.drawable:
                if any(isinstance(slot, Rule) and slot not in found for slot in production.slots):
                    continue
                children = tuple(
                    found[slot] if isinstance(slot, Rule) else Token(slot, _first(slot)) for slot in production.slots
                )
                made = Derivation(production, children)
                if rule not in found or made.size < found[rule].size:
                    found[rule] = made
                    changed = True
    return found


def path_of(tree: Derivation, number: int) -> tuple[int, ...]:
    """The path of a derivation node by its number in text order, tokens not counted."""
    path: list[int] = []
    node = tree
    while number:
        number -= 1
        for i, child in enumerate(node.children):
            if isinstance(child, Derivation):
                if number < child.size:
                    path.append(i)
                    node = child
                    break
                number -= child.size
    return tuple(path)


def _hoisted(node: Derivation) -> list[Derivation]:
    """Descendants of the node's rule, the smallest first; of many some of each size."""
    rule = node.production.rule
    unique = dict.fromkeys(
        each
        for each in node.nodes()
        if isinstance(each, Derivation) and each is not node and each.production.rule is rule
    )
    found = sorted(unique, key=lambda each: each.size)
    if len(found) <= _HOISTED:
        return found
    # The smallest, and from there on ever larger ones up to the node's own children.
    steps = {round(len(found) ** (i / (_HOISTED - 1))) - 1 for i in range(_HOISTED)}
    return [found[step] for step in sorted(steps | {len(found) // 2, 3 * len(found) // 4})]


def _simpler_indexes(index: int) -> list[int]:
    """Earlier values to try: the first, halfway, a quarter less, an eighth less, ..., the one before."""
    return [index - (index >> k) for k in range(index.bit_length())]


def _symbol(child: Derivation | Token) -> Rule | Terminal:
    return child.symbol if isinstance(child, Token) else child.production.rule


def _first(terminal: Terminal) -> int:
    """The first value that is ever drawn."""
    domain = terminal.domain
    return next(i for i in range(len(domain)) if domain.probability(i) > 0)
