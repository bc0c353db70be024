"""What draws from a space look like: how many are well typed, what they cost, how many are different networks."""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate
from random import Random
from typing import TYPE_CHECKING, Final

from einsyn.architecture import Architecture
from einsyn.derivation.choosers import RandomChooser, TreeChooser
from einsyn.derivation.enumerate import derivations

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.derivation.tree import Derivation
    from einsyn.elaborate.elaborate import Elaboration
    from einsyn.space import Space

_QUANTILES: Final = {"min": 0.0, "q05": 0.05, "q25": 0.25, "median": 0.5, "q75": 0.75, "q95": 0.95, "max": 1.0}
# A standard normal variable is between minus and plus this with a probability of 95 %.
_Z: Final = 1.959964


@dataclass(frozen=True, slots=True)
class Draws:
    """Draws by the weights of the grammar, or all derivations of a space that has no more than were asked for.

    Args:
        draws: how many were looked at.
        exact: whether they are all derivations there are; then shares are probabilities.
        well_typed: the share that is well typed and within the limits.
        over_limits: the share that exceeds a limit before anything else is wrong with it.
        architectures: those that are well typed and within the limits, in order.
        weights: what each of them counts, adding to 1.
    """

    draws: int
    exact: bool
    well_typed: float
    over_limits: float
    architectures: tuple[Architecture, ...]
    weights: tuple[float, ...]

    @property
    def interval(self) -> tuple[float, float]:
        """Where the probability of being well typed lies with 95 % confidence (Wilson's interval)."""
        if self.exact or not self.draws:
            return self.well_typed, self.well_typed
        n, p = self.draws, self.well_typed
        centre = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
        return max(0.0, centre - half), min(1.0, centre + half)

    def distribution(self, values: Sequence[int]) -> dict[str, float] | None:
        """Mean and quantiles of a cost of the architectures; a quantile is one of the values. None without any."""
        if not values:
            return None
        ordered = sorted(zip(values, self.weights, strict=True))
        sums = list(accumulate(weight for _, weight in ordered))
        found: dict[str, float] = {
            # Sums of weights are off by rounding, which must not skip a value.
            name: ordered[min(bisect_left(sums, share - 1e-12), len(ordered) - 1)][0]
            for name, share in _QUANTILES.items()
        }
        found["mean"] = math.fsum(v * w for v, w in ordered)
        return found

    @property
    def texts(self) -> int:
        """How many different texts there are among the architectures."""
        return len({a.text for a in self.architectures})

    @property
    def graphs(self) -> int:
        """How many different networks there are among them, by canonical form."""
        return len({a.canonical for a in self.architectures})


def draw(space: Space, n: int, seed: int) -> Draws:
    """Look at n draws, or at all derivations where the space has at most n.

    Args:
        space: a loaded space; its limits hold.
        n: how many draws, 0 or more.
        seed: the same seed gives the same draws.
    """
    exact = space.count() <= n
    outcomes = _all(space) if exact else _drawn(space, n, seed)
    architectures: list[Architecture] = []
    weights: list[Fraction] = []
    total, over = 0, Fraction(0)
    for outcome, weight, derivation in outcomes:
        total += 1
        if outcome.cause is None:
            architectures.append(Architecture(space, outcome, derivation))
            weights.append(weight)
        elif outcome.cause.is_limit:
            over += weight
    good = sum(weights, Fraction(0))
    return Draws(
        total,
        exact,
        float(good),
        float(over),
        tuple(architectures),
        tuple([float(w / good) for w in weights]),
    )


_Outcome = tuple["Elaboration", Fraction, "Derivation | None"]


def _drawn(space: Space, n: int, seed: int) -> Iterator[_Outcome]:
    chooser = RandomChooser(Random(seed))
    for _ in range(n):
        yield space.elaborate(chooser), Fraction(1, n), None


def _all(space: Space) -> Iterator[_Outcome]:
    for derivation in derivations(space.grammar):
        yield space.elaborate(TreeChooser(derivation)), derivation.probability, derivation
