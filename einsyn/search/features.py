"""What a network is made of, as counts, so that networks can be told alike or unlike.

Counted are patterns (Weisfeiler-Lehman features, Shervashidze et al. 2011): an operation, then an operation with those
that its inputs come from, then with those that theirs come from, and so on. Operations that only hand tensors on are
no part of a pattern. A few patterns have attributes in them, most have names alone: `linear(64)` and `linear(128)` are
unlike by the one and alike by the others.
"""

from __future__ import annotations

from collections import Counter
from math import log1p
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.ir.graph import Graph
    from einsyn.ops.op import Op
    from einsyn.search.views import View, Views

# Patterns of names go so many steps back, those with attributes one.
_STEPS: Final = 3
# Patterns of names by depth, patterns with attributes by depth, and costs.
ASPECTS: Final = _STEPS + 1 + 2 + 1

# Logarithms of counts by what is counted, for each aspect. Logarithms, as eight branches of one kind and nine are
# nearly the same, and one and two are not.
Features = tuple["Mapping[Hashable, float]", ...]


def features(view: View) -> Features:
    """The features of a feasible derivation; those of equal derivations are worked out once."""
    return view.sites(_features)[0]


def kinds(found: Features) -> frozenset[Hashable]:
    """The operations that there are, however many of each."""
    return frozenset(found[0])


def _features(view: View) -> list[Features]:
    architecture = view.architecture
    assert architecture is not None
    patterns = view.views.fact(_Patterns)
    counts: list[Counter[Hashable]] = [Counter() for _ in range(ASPECTS - 1)]
    pending = [architecture.graph]
    while pending:
        graph = pending.pop()
        _count(graph, patterns, counts)
        pending += [region for operation in graph.operations for region in operation.regions]
    return [(*[{what: log1p(n) for what, n in each.items()} for each in counts], _costs(architecture))]


def _costs(architecture: Architecture) -> dict[Hashable, float]:
    # Halved, so that a factor of seven is one step: networks that differ by tens of percent cost about the same.
    costs = {"params": architecture.params, "macs": architecture.macs, "operations": len(architecture.graph.operations)}
    return {name: log1p(cost) / 2 for name, cost in costs.items()}


def _count(graph: Graph, patterns: _Patterns, counts: Sequence[Counter[Hashable]]) -> None:
    """Count the patterns of a graph, those of its regions left out."""
    known: dict[int, Pattern] = dict.fromkeys([value for _, value in graph.inputs], patterns.input)
    met: Counter[Pattern] = Counter()
    for operation in graph.operations:
        op = operation.op
        passed = op.passes(*[graph.types[value] for value in operation.inputs])
        if passed is not None:
            for value, place in zip(operation.outputs, passed, strict=True):
                known[value] = known[operation.inputs[place]]
            continue
        found = patterns.of(op, tuple([known[value] for value in operation.inputs]))
        met[found] += 1
        known.update(dict.fromkeys(operation.outputs, found))
    for found, times in met.items():
        for each, number in zip(counts, found, strict=True):
            each[number] += times


# The numbers of the patterns that end in an operation: of names by depth, then with attributes by depth.
Pattern = tuple[int, ...]


class _Patterns:
    """The patterns of a space, numbered in the order in which they are met; the order decides nothing."""

    def __init__(self, _: Views) -> None:
        self._numbers: dict[Hashable, int] = {}
        self._known: dict[tuple[Op, tuple[Pattern, ...]], Pattern] = {}
        self.input: Pattern = (self._number("input"),) * (ASPECTS - 1)

    def of(self, op: Op, parts: tuple[Pattern, ...]) -> Pattern:
        """The patterns that end in an operation whose inputs end those of `parts`."""
        found = self._known.get((op, parts))
        if found is None:
            found = self._known[op, parts] = (
                *self._by_depth(op.name, op, parts, 0, _STEPS),
                *self._by_depth((op.name, *map(repr, op.key)), op, parts, _STEPS + 1, 1),
            )
        return found

    def _by_depth(self, what: Hashable, op: Op, parts: tuple[Pattern, ...], first: int, steps: int) -> Iterator[int]:
        yield self._number((first, what))
        for depth in range(1, steps + 1):
            below = [part[first + depth - 1] for part in parts]
            yield self._number((first, depth, what, *(sorted(below) if op.joins is not None else below)))

    def _number(self, pattern: Hashable) -> int:
        return self._numbers.setdefault(pattern, len(self._numbers))
