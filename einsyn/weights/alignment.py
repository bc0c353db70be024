"""Which nodes of one derivation stand for which of another."""

from __future__ import annotations

from collections import defaultdict, deque
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from einsyn.derivation.tree import Derivation, Token

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from einsyn.ir.path import Path


class Correspondence(Enum):
    """Why two nodes stand for each other."""

    SAME_PLACE = "the same subtree stands at the same place"
    MOVED = "the same subtree stands at another place"
    ABOVE_A_CHANGE = "the same production stands at the same place, and something below it was changed"


class Pair(NamedTuple):
    """The node of the parent that a node stands for, by its number in text order, and why."""

    node: int
    why: Correspondence


class NumberedTree:
    """A derivation whose nodes have numbers, in text order; a subtree is a range of them.

    Args:
        derivation: the tree.
    """

    def __init__(self, derivation: Derivation) -> None:
        self.nodes: list[Derivation | Token] = []
        self.children: list[list[int]] = []
        above: list[int] = []
        for node, parent, _ in derivation.placed():
            if parent >= 0:
                self.children[parent].append(len(self.nodes))
            self.nodes.append(node)
            self.children.append([])
            above.append(parent)
        # For every node the number after the last one below it.
        self.ends = list(range(1, len(above) + 1))
        for number in range(len(above) - 1, 0, -1):
            self.ends[above[number]] = max(self.ends[above[number]], self.ends[number])
        self._numbers: dict[int, int] = {}

    def number(self, path: Path) -> int:
        """The number of the node at a path. Paths that share what is above them cost a step each."""
        below: list[Path] = []
        at = path
        while at.parent is not None and id(at) not in self._numbers:
            below.append(at)
            at = at.parent
        number = 0 if at.parent is None else self._numbers[id(at)]
        for step in reversed(below):
            number = self._numbers[id(step)] = self.children[number][step.index]
        return number


def align(
    parent: NumberedTree, child: NumberedTree, parent_facts: Sequence[Hashable], child_facts: Sequence[Hashable]
) -> list[Pair | None]:
    """For every node of a tree the one of another that it stands for, if any; no node stands for two.

    First subtrees that are equal and stand at the same place; then, largest first and in text order among equals,
    subtrees that are equal in structure and facts, wherever they stand; then the nodes that are left, where both trees
    have the same production at the same place. Takes time that is about linear in both sizes.

    Args:
        parent: of the same grammar as the child.
        child: the tree whose nodes are asked for.
        parent_facts: for every node what must agree beside its production where a subtree has moved.
        child_facts: likewise.
    """
    return _Alignment(parent, child, parent_facts, child_facts).found


class _Alignment:
    def __init__(
        self,
        parent: NumberedTree,
        child: NumberedTree,
        parent_facts: Sequence[Hashable],
        child_facts: Sequence[Hashable],
    ) -> None:
        self.parent = parent
        self.child = child
        self.found: list[Pair | None] = [None] * len(child.nodes)
        self._used = bytearray(len(parent.nodes))
        self._done = bytearray(len(child.nodes))
        names: dict[Hashable, int] = {}
        apart = self._same_place(_named(parent, None, names), _named(child, None, names))
        self._moved(_named(parent, parent_facts, names), _named(child, child_facts, names))
        for a, b in apart:
            if (
                not self._used[a]
                and not self._done[b]
                and _alternative(parent.nodes[a]) == _alternative(child.nodes[b])
            ):
                self._pair(a, b, 1, Correspondence.ABOVE_A_CHANGE)

    def _same_place(self, parent: list[int], child: list[int]) -> list[tuple[int, int]]:
        """Pair equal subtrees at equal paths; returns the pairs of nodes above them, which differ."""
        apart: list[tuple[int, int]] = []
        pending = [(0, 0)]
        while pending:
            a, b = pending.pop()
            if parent[a] == child[b]:
                self._pair(a, b, self.parent.ends[a] - a, Correspondence.SAME_PLACE)
                continue
            apart.append((a, b))
            # Where another alternative stands now, children in the same slots may still be what they were.
            pending += zip(self.parent.children[a], self.child.children[b], strict=False)
        return apart

    def _moved(self, parent: list[int], child: list[int]) -> None:
        """Pair equal subtrees of which nothing is paired yet."""
        left: defaultdict[int, deque[int]] = defaultdict(deque)
        for a, name in enumerate(parent):
            if not self._used[a]:
                left[name].append(a)
        ends = self.child.ends
        # A small subtree that was taken early would spoil the large one that it is part of.
        for b in sorted(range(len(child)), key=lambda b: (b - ends[b], b)):
            # Tokens alone have no weights.
            if child[b] not in left or isinstance(self.child.nodes[b], Token):
                continue
            size = ends[b] - b
            if self._done.find(1, b, b + size) >= 0:
                continue
            queue = left[child[b]]
            while queue and self._used.find(1, queue[0], queue[0] + size) >= 0:
                queue.popleft()
            if queue:
                self._pair(queue.popleft(), b, size, Correspondence.MOVED)

    def _pair(self, a: int, b: int, count: int, why: Correspondence) -> None:
        for i in range(count):
            self.found[b + i] = Pair(a + i, why)
        self._used[a : a + count] = self._done[b : b + count] = b"\1" * count


def _named(tree: NumberedTree, facts: Sequence[Hashable] | None, names: dict[Hashable, int]) -> list[int]:
    """For every node a number that only equal subtrees have; children come before what is above them."""
    found = [0] * len(tree.nodes)
    for number in range(len(found) - 1, -1, -1):
        below = tuple([found[child] for child in tree.children[number]])
        key = (facts is None, _alternative(tree.nodes[number]), below, None if facts is None else facts[number])
        found[number] = names.setdefault(key, len(names))
    return found


def _alternative(node: Derivation | Token) -> Hashable:
    """What was chosen at a node, alike in all loadings of a grammar."""
    return (node.symbol.symbol, node.text) if isinstance(node, Token) else node.production.index
