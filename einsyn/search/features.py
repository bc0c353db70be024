"""What a network is made of, as counts, so that networks can be told alike or unlike.

Counted are patterns (Weisfeiler-Lehman features, Shervashidze et al. 2011): an operation, then an operation with those
that its inputs come from, then with those that theirs come from, and so on. Operations that only hand tensors on are
no part of a pattern. A few patterns have attributes in them, most have names alone: `linear(64)` and `linear(128)` are
unlike by the one and alike by the others.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from math import log1p
from typing import TYPE_CHECKING, Final

from einsyn.terms import digest, number_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.ir.graph import Graph
    from einsyn.search.views import View

# Patterns of names go so many steps back, those with attributes one.
_STEPS: Final = 3
# Patterns of names by depth, patterns with attributes by depth, and costs.
ASPECTS: Final = _STEPS + 1 + 2 + 1
_KEPT: Final = 1 << 16

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
    counts: list[Counter[Hashable]] = [Counter() for _ in range(ASPECTS - 1)]
    pending = [architecture.graph]
    while pending:
        graph = pending.pop()
        _count(graph, counts)
        pending += [region for operation in graph.operations for region in operation.regions]
    return [(*[{what: log1p(n) for what, n in each.items()} for each in counts], _costs(architecture))]


def _costs(architecture: Architecture) -> dict[Hashable, float]:
    # Halved, so that a factor of seven is one step: networks that differ by tens of percent cost about the same.
    costs = {"params": architecture.params, "macs": architecture.macs, "operations": len(architecture.graph.operations)}
    return {name: log1p(cost) / 2 for name, cost in costs.items()}


# The patterns that end in an operation: of names by depth, then with attributes by depth.
Pattern = tuple[int, ...]
_INPUT: Final[Pattern] = (number_of(digest("input")),) * (ASPECTS - 1)


def _count(graph: Graph, counts: Sequence[Counter[Hashable]]) -> None:
    """Count the patterns of a graph, those of its regions left out."""
    known: dict[int, Pattern] = dict.fromkeys([value for _, value in graph.inputs], _INPUT)
    met: Counter[Pattern] = Counter()
    for operation in graph.operations:
        op = operation.op
        passed = op.passes(*[graph.types[value] for value in operation.inputs])
        if passed is not None:
            for value, place in zip(operation.outputs, passed, strict=True):
                known[value] = known[operation.inputs[place]]
            continue
        parts = tuple([known[value] for value in operation.inputs])
        found = _patterns(op.name, tuple([repr(value) for value in op.key]), op.joins is not None, parts)
        met[found] += 1
        known.update(dict.fromkeys(operation.outputs, found))
    for found, times in met.items():
        for each, number in zip(counts, found, strict=True):
            each[number] += times


@lru_cache(_KEPT)
def _patterns(name: str, attributes: tuple[str, ...], joins: bool, parts: tuple[Pattern, ...]) -> Pattern:
    """The patterns that end in an operation whose inputs end in those of `parts`."""
    found: list[int] = []
    for what, steps in (((name,), _STEPS), ((name, *attributes), 1)):
        first = len(found)
        found.append(number_of(digest(*what)))
        for depth in range(steps):
            below = [part[first + depth] for part in parts]
            found.append(number_of(digest(*what, "of", *(sorted(below) if joins else below))))
    return tuple(found)
