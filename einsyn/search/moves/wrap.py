"""Insert and delete what a recursive rule repeats."""

from __future__ import annotations

from math import inf, log
from typing import TYPE_CHECKING, ClassVar, Final

from einsyn.derivation.tree import Derivation
from einsyn.grammar.model import Rule
from einsyn.search.moves.context import log_spine, nested, recursive, recursive_nodes, spine
from einsyn.search.moves.move import Edit, Move, log_one_of
from einsyn.search.views import log_prob

if TYPE_CHECKING:
    from einsyn.grammar.model import Production
    from einsyn.search.choices import Choices
    from einsyn.search.views import Node, View, Views

# Inserting and deleting are as likely.
_HALF: Final = -log(2)


class InsertDelete(Move):
    """Put a node inside a new one of its rule, or take one away around it; both are as likely.

    For a list that a recursive rule writes this inserts or deletes an item, for nested modules it wraps one in another
    or replaces one by a part of itself. Which alternatives stand around a node is drawn by their weights among those
    that lead back to its rule; what else they need is drawn by the grammar.
    """

    name: ClassVar[str] = "insert or delete"

    def applies(self, views: Views) -> bool:
        return bool(views.fact(recursive))

    def propose(self, view: View, choices: Choices) -> Edit | None:
        return self._insert(view, choices) if choices.choose(2) else self._delete(view, choices)

    def _insert(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(recursive_nodes)
        if not sites:
            return None
        number = sites[choices.choose(len(sites))]
        wrapped = wrap(view, number, choices)
        if wrapped is None:
            return None
        node, log_wrapped = wrapped
        child = view.replaced(number, node)
        return Edit(child, lambda: (_HALF + log_one_of(sites) + log_wrapped, _HALF + log_one_of(child.sites(nested))))

    def _delete(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(nested)
        if not sites:
            return None
        inner = sites[choices.choose(len(sites))]
        child = view.replaced(view.outer[inner], view.nodes[inner])

        def logs() -> tuple[float, float]:
            backward = _HALF + log_one_of(child.sites(recursive_nodes)) + log_spine(view, inner)
            if backward > -inf:
                for node, slot in spine(view, inner):
                    backward += sum([log_prob(other) for k, other in enumerate(node.children) if k != slot])
            return _HALF + log_one_of(sites), backward

        return Edit(child, logs)


def wrap(view: View, number: int, choices: Choices) -> tuple[Derivation, float] | None:
    """A node inside a new one of its rule, and the logarithm of the probability of what was drawn."""
    inner = view.nodes[number]
    assert isinstance(inner, Derivation)
    target = inner.production.rule
    ways = view.views.fact(recursive)[target]
    room = view.views.room(view, number)
    room.size -= inner.size
    drawn: list[tuple[Production, int, list[Node]]] = []
    rule, logs = target, 0.0
    while not drawn or rule is not target:
        steps = ways[rule]
        production, slot = steps.ways[choices.choose(len(steps.ways), steps.cumulative)]
        logs += steps.logs[production, slot]
        if not room.add(production):
            return None
        others: list[Node] = []
        for k, symbol in enumerate(production.slots):
            if k != slot:
                new = room.grow(symbol, choices)
                if new is None:
                    return None
                logs += log_prob(new)
                others.append(new)
        drawn.append((production, slot, others))
        below = production.slots[slot]
        assert isinstance(below, Rule)
        rule = below
    node: Derivation = inner
    for production, slot, others in reversed(drawn):
        node = Derivation(production, (*others[:slot], node, *others[slot:]))
    return node, logs
