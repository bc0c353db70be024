"""Where the choices of a move come from: drawn at random, or each in turn with its probability.

A move is written once, as a procedure that asks for choices. Drawing from it and enumerating all that it can do are
the same code with another source, so what tests prove about the enumeration holds for what is drawn.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from einsyn.derivation.choosers import Uniform

T = TypeVar("T")


class Choices(ABC):
    """A source of choices."""

    @abstractmethod
    def choose(self, count: int, cumulative: Sequence[float] | None = None) -> int:
        """A number from 0 to `count - 1`.

        Args:
            count: how many there are, at least 1.
            cumulative: their cumulative probabilities, the last 1.0; all are alike where there are none.
        """

    def happens(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.choose(2, (probability, 1.0)) == 0


class RandomChoices(Choices):
    """Choices drawn with one uniform number each; none where there is no choice.

    Args:
        random: where the numbers come from.
    """

    def __init__(self, random: Uniform) -> None:
        self._draw = random.random

    def choose(self, count: int, cumulative: Sequence[float] | None = None) -> int:
        if count == 1:
            return 0
        if cumulative is None:
            return int(self._draw() * count)
        return bisect_right(cumulative, self._draw())


class _Repeated(Choices):
    """Makes the choices that it is given again, and the first possible one from there on."""

    def __init__(self, made: list[int]) -> None:
        self.made = made
        self.steps: list[float | Sequence[float]] = []
        self.probability = 1.0

    def choose(self, count: int, cumulative: Sequence[float] | None = None) -> int:
        place = len(self.steps)
        self.steps.append(count if cumulative is None else cumulative)
        if place == len(self.made):
            self.made.append(self._possible(place, 0) or 0)
        number = self.made[place]
        self.probability *= self._probability(place, number)
        return number

    def _probability(self, place: int, number: int) -> float:
        step = self.steps[place]
        if isinstance(step, int | float):
            return 1 / step
        return step[number] - (step[number - 1] if number else 0.0)

    def _possible(self, place: int, first: int) -> int | None:
        """The first number from `first` on whose probability is not 0."""
        step = self.steps[place]
        count = int(step) if isinstance(step, int | float) else len(step)
        return next((n for n in range(first, count) if self._probability(place, n) > 0), None)

    def following(self) -> list[int] | None:
        """The choices that begin the next run, or None after the last."""
        made = self.made[: len(self.steps)]
        while made:
            last = self._possible(len(made) - 1, made.pop() + 1)
            if last is not None:
                return [*made, last]
        return None


def outcomes(procedure: Callable[[Choices], T]) -> Iterator[tuple[T, float]]:
    """All that a procedure can do, each way with its probability; these add to 1.

    The procedure runs once for every way, so there must be finitely many, and it must depend on its choices alone.
    """
    made: list[int] | None = []
    while made is not None:
        choices = _Repeated(made)
        result = procedure(choices)
        yield result, choices.probability
        made = choices.following()
