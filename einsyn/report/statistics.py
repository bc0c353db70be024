"""Statistics that compare searches, in plain Python: rank correlation, intervals by resampling, hypervolume."""

from __future__ import annotations

from bisect import bisect_right, insort
from math import ceil, fsum, sqrt
from random import Random
from typing import TYPE_CHECKING, Final

from einsyn.search.front import Front

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LEVEL: Final = 0.95
RESAMPLES: Final = 10_000
# Points that slicing may look at; its work grows with the power of the number of objectives.
_MOST: Final = 20_000_000


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean, summed exactly."""
    return fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    """The standard deviation of a sample (n - 1 below the line); None of fewer than two."""
    if len(values) < 2:
        return None
    middle = mean(values)
    return sqrt(fsum((value - middle) ** 2 for value in values) / (len(values) - 1))


def kendall_tau(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Kendall's tau-b, which corrects for ties; None where one side is constant.

    Pairs that both sides put in the same order count 1, those in opposite orders -1, ties 0; the sum is divided by the
    geometric mean of the numbers of pairs that are no ties on one side and on the other (Kendall 1945). Pairs are
    counted as inversions (Knight 1966).
    """
    order = sorted(zip(x, y, strict=True))
    pairs = len(order) * (len(order) - 1) // 2
    ties_x, ties_y = _ties(x), _ties(y)
    if pairs in (ties_x, ties_y):
        return None
    discordant = 0
    passed: list[float] = []
    for _, value in order:  # within ties of x in rising order of y, so that these count as no inversions
        discordant += len(passed) - bisect_right(passed, value)
        insort(passed, value)
    concordant = pairs - ties_x - ties_y + _ties(order) - discordant
    return (concordant - discordant) / sqrt((pairs - ties_x) * (pairs - ties_y))


def _ties(values: Iterable[object]) -> int:
    """How many pairs are equal."""
    counts: dict[object, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return sum(count * (count - 1) // 2 for count in counts.values())


def interval(
    samples: Sequence[Sequence[float]],
    statistic: Callable[[Sequence[Sequence[float]]], float | None],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> tuple[float, float] | None:
    """A confidence interval by the percentile bootstrap (Efron 1979): each sample is drawn again with replacement.

    Args:
        samples: independent of each other, one number a seed.
        statistic: of the samples; resamples for which it is None are left out.
        seed: of the draws.
        resamples: how many.

    Returns:
        The ends of the interval of level `LEVEL`; None where a sample has fewer than two numbers, of which nothing can
        be said, or the statistic is never defined. With few seeds the interval is too narrow, by a fifth or so at five.
    """
    if any(len(sample) < 2 for sample in samples):
        return None
    random = Random(seed)
    found: list[float] = []
    for _ in range(resamples):
        value = statistic([random.choices(sample, k=len(sample)) for sample in samples])
        if value is not None:
            found.append(value)
    if not found:
        return None
    found.sort()
    tail = (1 - LEVEL) / 2
    return found[int(tail * len(found))], found[ceil((1 - tail) * len(found)) - 1]


def improvement(scores: Sequence[float], random: Sequence[float]) -> float | None:
    """By which share the mean of scores is above that of others; None where that is 0. More is better in both."""
    base = mean(random)
    return (mean(scores) - base) / abs(base) if base else None


def hypervolume(points: Iterable[Sequence[float]], reference: Sequence[float]) -> float | None:
    """The volume that points dominate above a reference, exact; more is better in every coordinate.

    By a sweep in two dimensions and by slicing along the last one in more (While et al. 2006, HSO). None where slicing
    would take too long: three objectives are never refused below thousands of points, six are above a few dozen.
    """
    front: Front[tuple[float, ...]] = Front()
    for point in points:
        place = tuple(point)
        if all(a > b for a, b in zip(place, reference, strict=True)):
            front.add(place, place)
    found = front.items()
    if len(found) ** max(1, len(reference) - 1) > _MOST:
        return None
    return _volume(found, tuple(reference))


def _volume(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    """Recurses as deep as there are objectives."""
    if not points:
        return 0.0
    if len(reference) == 1:
        return max(points)[0] - reference[0]
    total: list[float] = []
    if len(reference) == 2:
        highest = reference[1]
        for x, y in sorted(points, reverse=True):
            if y > highest:
                total.append((x - reference[0]) * (y - highest))
                highest = y
        return fsum(total)
    order = sorted(points, key=lambda point: point[-1], reverse=True)
    slice_: Front[tuple[float, ...]] = Front()
    for number, point in enumerate(order):
        slice_.add(point[:-1], point[:-1])
        below = order[number + 1][-1] if number + 1 < len(order) else reference[-1]
        if point[-1] > below:
            total.append((point[-1] - below) * _volume(slice_.items(), reference[:-1]))
    return fsum(total)
