"""Looks for weights with which a child computes what its parent does. No weights are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from einsyn.weights.preserving.attempt import Attempt, Child
from einsyn.weights.preserving.known import Known

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.ir.graph import Graph
    from einsyn.weights.preserving.role import Role

# How often a child is gone through before nothing is taken to be found.
TRIES: Final = 16


@dataclass(frozen=True)
class Solved:
    """Weights with which a child computes what its parent does, as far as graphs say.

    Args:
        roles: what the child's weight sets do that its outputs depend on.
        times: what weight sets are multiplied with; 0 where a term of a sum is to be nothing.
    """

    roles: Mapping[int, Role]
    times: Mapping[int, float]


def solve(parent: Graph, child: Graph, counterparts: Mapping[int, int]) -> Solved | None:
    """Find such weights, or None where none are found; there may be some.

    Args:
        parent: as elaborated.
        child: as elaborated.
        counterparts: for weight sets of the child the parent's that stand at the same place of the derivation; they
            are thought of first.
    """
    known, own = Known(parent), Child(child, counterparts)
    made: list[int] | None = []
    for _ in range(TRIES):
        attempt = Attempt(known, own, made)
        if attempt.run():
            needed = _needed(own, attempt)
            roles = {owner: role for owner, role in attempt.roles.items() if owner in needed}
            times = {owner: t for owner, t in attempt.times.items() if owner in needed or t == 0}
            return Solved(roles, times)
        made = _next(attempt.counts, made)
        if made is None:
            return None
    return None


def _next(counts: list[int], made: list[int]) -> list[int] | None:
    """The way after this one, the last choice changing first; None after the last."""
    chosen = [made[k] if k < len(made) else 0 for k in range(len(counts))]
    while chosen:
        last = chosen.pop() + 1
        if last < counts[len(chosen)]:
            return [*chosen, last]
    return None


def _needed(child: Child, attempt: Attempt) -> set[int]:
    """The weight sets that outputs depend on; not those of terms that are nothing."""
    graph = child.graph
    made = {out: number for number, operation in enumerate(graph.operations) for out in operation.outputs}
    found: set[int] = set()
    seen: set[int] = set()
    pending = [made[v] for v in graph.outputs if v in made]
    while pending:
        number = pending.pop()
        if number in seen:
            continue
        seen.add(number)
        operation = graph.operations[number]
        if operation.owner is not None:
            found.add(operation.owner)
        for v in operation.inputs:
            if v in made and not child.zero[v] and (number, v) not in attempt.gated:
                pending.append(made[v])
    return found
