"""Derivations: immutable trees of productions."""

from __future__ import annotations

import hashlib
import math
from fractions import Fraction
from typing import TYPE_CHECKING, Any, ClassVar, Final

from einsyn.derivation.text import join, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from einsyn.grammar.model import Production, Terminal


# Characters of a text that a derivation shows of itself.
_SHOWN: Final = 200


class Token:
    """A terminal with the value chosen for it."""

    __slots__ = ("_hash", "index", "symbol")

    symbol: Terminal
    index: int
    production: ClassVar[None] = None

    def __init__(self, terminal: Terminal, index: int) -> None:
        put = object.__setattr__
        put(self, "symbol", terminal)
        put(self, "index", index)
        put(self, "_hash", hash((terminal.symbol, index)))

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"tokens are immutable; cannot set {name}")

    @property
    def text(self) -> str:
        """What stands in the sentence."""
        return self.symbol.domain.text(self.index)

    @property
    def value(self) -> int | float | bool | str:
        """What it means."""
        return self.symbol.domain.value(self.index)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Token) or self.index != other.index:
            return False
        # Another load of the grammar has a terminal of its own for the same.
        a, b = self.symbol, other.symbol
        return a is b or (a.symbol == b.symbol and self.text == other.text)

    def __reduce__(self) -> tuple[object, ...]:
        return Token, (self.symbol, self.index)

    def __deepcopy__(self, memo: object) -> Token:
        return self

    def __repr__(self) -> str:
        return f"Token({self.symbol.name}, {self.text!r})"


class _Fields:
    """The attributes of a node while it is made: see `Derivation.__new__`."""

    __slots__ = ("_hash", "children", "depth", "production", "size")

    production: Production
    children: tuple[Derivation | Token, ...]
    size: int
    depth: int
    _hash: int


class Derivation(_Fields):
    """A node of a derivation tree: a production and a child for each of its slots.

    Equality, hashing and everything else here work in a loop, whatever the depth; size, depth and the
    structural hash are stored when a node is made. Trees of two loads of one grammar, with the same parameters, are
    equal where their nodes are.

    Args:
        production: the alternative taken.
        children: a derivation for each rule and a token for each terminal among `production.slots`.
    """

    __slots__ = ()

    def __new__(cls, production: Production, children: tuple[Derivation | Token, ...]) -> Derivation:
        # Filled in as an object that can still be changed, as types are; searches make millions.
        self: Any = object.__new__(_Fields)
        size = depth = 0
        for child in children:
            if child.production is not None:
                size += child.size
                if child.depth > depth:
                    depth = child.depth
        self.production = production
        self.children = children
        self.size = size + 1
        self.depth = depth + 1
        self._hash = hash((production.index, *[c._hash for c in children]))
        self.__class__ = cls
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"derivations are immutable; cannot set {name}")

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Derivation):
            return False
        pending: list[tuple[Derivation | Token, Derivation | Token]] = [(self, other)]
        while pending:
            a, b = pending.pop()
            if a is b:
                continue
            if isinstance(a, Token) or isinstance(b, Token):
                if a != b:
                    return False
                continue
            if a._hash != b._hash or not _same(a.production, b.production):
                return False
            pending.extend(zip(a.children, b.children, strict=True))
        return True

    def __reduce__(self) -> tuple[object, ...]:
        # In text order: one object inside another would be recursion.
        return tree_of, ([n if isinstance(n, Token) else n.production for n in self.nodes()],)

    def __deepcopy__(self, memo: object) -> Derivation:
        return self

    def __repr__(self) -> str:
        shown = self.text
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        return f"<Derivation {self.production.rule.name}, size {self.size}: {shown}>"

    def walk(self) -> Iterator[tuple[tuple[int, ...], Derivation | Token]]:
        """Every node with its path, in text order. Paths of deep trees are long: see `nodes`."""
        pending: list[tuple[tuple[int, ...], Derivation | Token]] = [((), self)]
        while pending:
            path, node = pending.pop()
            yield path, node
            if isinstance(node, Derivation):
                pending.extend(((*path, i), c) for i, c in reversed(list(enumerate(node.children))))

    def nodes(self) -> Iterator[Derivation | Token]:
        """Every node, in text order."""
        pending: list[Derivation | Token] = [self]
        while pending:
            node = pending.pop()
            yield node
            if isinstance(node, Derivation):
                pending.extend(reversed(node.children))

    def placed(self) -> Iterator[tuple[Derivation | Token, int, int]]:
        """Every node, in text order, with its parent's number in that order and its slot there; -1 at the root."""
        pending: list[tuple[Derivation | Token, int, int]] = [(self, -1, -1)]
        number = 0
        while pending:
            found = pending.pop()
            yield found
            children = found[0].children if isinstance(found[0], Derivation) else ()
            pending.extend([(child, number, slot) for slot, child in enumerate(children)][::-1])
            number += 1

    def at(self, path: Iterable[int]) -> Derivation | Token:
        """The node at a path of child numbers (IndexError if there is none)."""
        node: Derivation | Token = self
        for index in path:
            if isinstance(node, Token) or not 0 <= index < len(node.children):
                raise IndexError(f"no node at {tuple(path)}")
            node = node.children[index]
        return node

    def replace(self, path: Iterable[int], subtree: Derivation | Token) -> Derivation:
        """This tree with another subtree at a path.

        Raises:
            IndexError: there is no such node.
            ValueError: the subtree derives another rule or terminal than the slot needs.
        """
        indexes = tuple(path)
        above: list[Derivation] = []
        node: Derivation | Token = self
        for index in indexes:
            if isinstance(node, Token) or not 0 <= index < len(node.children):
                raise IndexError(f"no node at {indexes}")
            above.append(node)
            node = node.children[index]
        needed = node.symbol if isinstance(node, Token) else node.production.rule
        given = subtree.symbol if isinstance(subtree, Token) else subtree.production.rule
        if needed is not given and (needed.symbol, _grammar(node)) != (given.symbol, _grammar(subtree)):
            raise ValueError(f"the slot needs {needed.name}, not {given.name}")
        result: Derivation | Token = subtree
        for parent, index in zip(reversed(above), reversed(indexes), strict=True):
            children = (*parent.children[:index], result, *parent.children[index + 1 :])
            result = Derivation(parent.production, children)
        if isinstance(result, Token):
            raise ValueError("a derivation cannot become a token")
        return result

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the probability of this tree under the grammar, unconditioned.

        Summed exactly (Shewchuk's algorithm, `math.fsum`), so it does not depend on the order.
        """
        return math.fsum(read(self)[1])

    @property
    def probability(self) -> Fraction:
        """The exact probability of this tree under the grammar, unconditioned."""
        found = Fraction(1)
        for node in self.nodes():
            if isinstance(node, Token):
                found *= node.symbol.domain.probability(node.index)
            else:
                found *= node.production.probability
        return found

    @property
    def text(self) -> str:
        """The canonical text."""
        spacing = self.production.rule.spacing
        assert spacing is not None, "a grammar that is loaded has a spacing"
        return join(read(self)[0], spacing)

    def __str__(self) -> str:
        return self.text

    @property
    def hash(self) -> str:
        """The first 16 hex digits of the SHA-256 of the canonical text; that of the root is the architecture's."""
        return digest(self.text)


def _grammar(node: Derivation | Token) -> str | None:
    return None if isinstance(node, Token) else node.production.rule.grammar


def _same(a: Production, b: Production) -> bool:
    """Whether two productions are one, perhaps of two loads of a grammar."""
    return a is b or (a.index == b.index and a.rule.grammar == b.rule.grammar)


def tree_of(nodes: Sequence[Production | Token]) -> Derivation | Token:
    """The tree whose nodes these are in text order."""
    made: list[Derivation | Token] = []
    for node in reversed(nodes):
        if isinstance(node, Token):
            made.append(node)
            continue
        count = len(node.slots)
        children = tuple(made[-count:][::-1]) if count else ()
        made[len(made) - count :] = [Derivation(node, children)]
    (found,) = made
    return found


def digest(text: str) -> str:
    """The name of an architecture: the first 16 hex digits of the SHA-256 of its canonical text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]
