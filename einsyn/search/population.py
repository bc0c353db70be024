"""Populations: their members, who of them has children, and how several objectives compare."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, NamedTuple

from einsyn.search.front import dominates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from einsyn.search.choices import Choices
    from einsyn.search.views import View

Point = tuple[float, ...]


class Member(NamedTuple):
    """An evaluated architecture.

    Args:
        id: the number of its proposal.
        view: its derivation.
        values: what it scored, each to be maximised.
    """

    id: int
    view: View
    values: Point


def tournament(
    members: Sequence[Member], size: int, fitness: Callable[[Member], tuple[float, ...]], choices: Choices
) -> Member:
    """The fittest of `size` members drawn without replacement; of equal ones the first drawn."""
    left = list(members)
    drawn = [left.pop(choices.choose(len(left))) for _ in range(min(size, len(left)))]
    return max(drawn, key=fitness)


def fronts(points: Sequence[Point]) -> list[list[int]]:
    """The numbers of points by rank: first those that none dominates, then those that only the first do, and so on.

    Fast non-dominated sorting (Deb et al. 2002): quadratic in the number of points.
    """
    below: list[list[int]] = [[j for j, other in enumerate(points) if dominates(point, other)] for point in points]
    above = [0] * len(points)
    for dominated in below:
        for j in dominated:
            above[j] += 1
    found: list[list[int]] = []
    front = [i for i, count in enumerate(above) if not count]
    while front:
        found.append(front)
        following: list[int] = []
        for i in front:
            for j in below[i]:
                above[j] -= 1
                if not above[j]:
                    following.append(j)
        front = sorted(following)
    return found


def crowding(points: Sequence[Point]) -> list[float]:
    """How far each point of a front is from its neighbours: the sides of the box between them, each as a share.

    The ends are infinitely far (Deb et al. 2002).
    """
    distances = [0.0] * len(points)
    for axis in range(len(points[0]) if points else 0):
        order = sorted(range(len(points)), key=lambda i: points[i][axis])
        low, high = points[order[0]][axis], points[order[-1]][axis]
        distances[order[0]] = distances[order[-1]] = inf
        if high > low:
            for before, here, after in zip(order, order[1:], order[2:], strict=False):
                distances[here] += (points[after][axis] - points[before][axis]) / (high - low)
    return distances
