"""The finite set of texts of a terminal, with their values and exact weights.

Texts are numbered from 0: first those that can be drawn, then those that are only parsed (`also`), except
in a list with weights, where a weight of zero may stand anywhere. Ranges compute their texts when asked, so
`int 1..1000000` costs nothing to declare.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from fractions import Fraction
from functools import cached_property
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import closest
from einsyn.grammar.values import canonical_decimal, decimal_text, is_decimal, is_float_terminal, is_int, scalar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.model import Scalar

# Beyond this many values the weights 1/value of `log` are rounded: their exact common denominator is too long.
EXACT_LOG_LIMIT: Final = 10_000
# So many equally likely values at most are drawn like weighted ones.
MAX_LISTED: Final = 256


class Domain(ABC):
    """Base of all domains: uniform over the first `drawable` texts unless a subclass says otherwise."""

    drawable: int

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def text(self, index: int) -> str:
        """The canonical text number `index`."""

    @abstractmethod
    def value(self, index: int) -> Scalar:
        """What text number `index` means."""

    @abstractmethod
    def index_of(self, text: str) -> int | None:
        """The number of a text, or None if it is not in the language."""

    @cached_property
    def cumulative(self) -> tuple[float, ...] | None:
        """Cumulative probabilities, the last 1.0, or None where many texts, the first `drawable`, are equally likely.

        With `u` in [0, 1), text number `bisect_right(cumulative, u)` is a draw.
        """
        return tuple((i + 1) / self.drawable for i in range(self.drawable)) if self.drawable <= MAX_LISTED else None

    @property
    def drawn(self) -> Sequence[int]:
        """The numbers of the texts that can be drawn, in order."""
        return range(self.drawable)

    def probability(self, index: int) -> Fraction:
        """The exact probability of text number `index`."""
        return Fraction(1, self.drawable) if index < self.drawable else Fraction(0)

    def log_prob(self, index: int) -> float:
        """Its natural logarithm; minus infinity for zero."""
        return -math.log(self.drawable) if index < self.drawable else -math.inf

    @abstractmethod
    def suggest(self, text: str) -> str | None:
        """The text that somebody most likely meant by one that is not in the language."""


class ListDomain(Domain):
    """Texts in written order, with weights or all equally likely.

    Args:
        texts: distinct texts.
        weights: one for each, not all zero; None for equal ones.
        drawable: without weights, how many of the first can be drawn.
    """

    def __init__(
        self, texts: Sequence[str], weights: Sequence[Fraction] | None = None, drawable: int | None = None
    ) -> None:
        self.texts = tuple(texts)
        self.is_float = is_float_terminal(self.texts)
        self._weights = tuple(weights) if weights is not None else None
        self._drawn: Sequence[int]
        if self._weights is not None:
            self._drawn = tuple([i for i, weight in enumerate(self._weights) if weight])
        else:
            self._drawn = range(len(self.texts) if drawable is None else drawable)
        self.drawable = len(self._drawn)

    def __len__(self) -> int:
        return len(self.texts)

    @cached_property
    def _index(self) -> dict[str, int]:
        return {text: i for i, text in enumerate(self.texts)}

    @cached_property
    def _total(self) -> Fraction:
        return sum(self._weights or (), Fraction(0))

    @cached_property
    def values(self) -> tuple[Scalar, ...]:
        """All values, by index."""
        return tuple(scalar(t, as_float=self.is_float) for t in self.texts)

    @property
    def drawn(self) -> Sequence[int]:
        return self._drawn

    def text(self, index: int) -> str:
        return self.texts[index]

    def value(self, index: int) -> Scalar:
        return self.values[index]

    def index_of(self, text: str) -> int | None:
        return self._index.get(text)

    @cached_property
    def cumulative(self) -> tuple[float, ...] | None:
        if self._weights is None:
            return super().cumulative
        return tuple(float(s / self._total) for s in accumulate(self._weights))

    def probability(self, index: int) -> Fraction:
        if self._weights is None:
            return super().probability(index)
        return self._weights[index] / self._total

    @cached_property
    def _logs(self) -> tuple[float, ...]:
        """By index, worked out once: every text that is written asks for those of its terminals."""
        if self._weights is None:
            usual = super().log_prob
            return tuple([usual(i) for i in range(len(self.texts))])
        return tuple([log_fraction(weight / self._total) for weight in self._weights])

    def log_prob(self, index: int) -> float:
        return self._logs[index]

    def suggest(self, text: str) -> str | None:
        return _suggest_from(text, self.texts)


class RangeDomain(Domain):
    """`low, low + step, ...` in units of a power of ten.

    Args:
        low, step, count: the first value, the distance and the number of values, in units.
        digits: a unit is `10**-digits`.
        as_float: whether the values are floats.
        log: whether the weight of a value is 1 / value instead of 1.
    """

    def __init__(self, low: int, step: int, count: int, *, digits: int, as_float: bool, log: bool = False) -> None:
        self.low, self.step, self.count, self.digits, self.is_float, self.log = low, step, count, digits, as_float, log
        self.drawable = count

    def __len__(self) -> int:
        return self.count

    def text(self, index: int) -> str:
        units = self.low + self.step * index
        return decimal_text(units, self.digits) if self.is_float else str(units)

    def value(self, index: int) -> Scalar:
        return float(self.text(index)) if self.is_float else self.low + self.step * index

    def index_of(self, text: str) -> int | None:
        if self.is_float:
            if not is_decimal(text) or canonical_decimal(text) != text:
                return None
            whole, _, part = text.partition(".")
            if len(part) > max(self.digits, 1):
                return None
            units = int(whole + part.ljust(self.digits, "0")) if self.digits else int(whole)
            if not self.digits and part != "0":
                return None
        else:
            if not is_int(text) or text == "-0":
                return None
            units = int(text)
        index, rest = divmod(units - self.low, self.step)
        return index if rest == 0 and 0 <= index < self.count else None

    @cached_property
    def _log_weights(self) -> list[int]:
        values = [self.low + self.step * i for i in range(self.count)]
        common = math.lcm(*values) if self.count <= EXACT_LOG_LIMIT else values[-1] << 64
        return [common // v for v in values]

    @cached_property
    def _log_total(self) -> int:
        return sum(self._log_weights)

    @cached_property
    def cumulative(self) -> tuple[float, ...] | None:
        if not self.log:
            return super().cumulative
        return tuple(s / self._log_total for s in accumulate(self._log_weights))

    def probability(self, index: int) -> Fraction:
        return Fraction(self._log_weights[index], self._log_total) if self.log else super().probability(index)

    def log_prob(self, index: int) -> float:
        if not self.log:
            return super().log_prob(index)
        return math.log(self._log_weights[index]) - math.log(self._log_total)

    def suggest(self, text: str) -> str | None:
        if not _is_number(text):
            return None
        units = Fraction(text) * 10**self.digits
        nearest = min(max(round((units - self.low) / self.step), 0), self.count - 1)
        return self.text(nearest)


class JoinedDomain(Domain):
    """A domain that is drawn from, and others that are only parsed."""

    def __init__(self, drawn: Domain, others: Sequence[Domain]) -> None:
        self._drawn = drawn
        self._others = tuple(others)
        self.drawable = drawn.drawable
        self._starts = tuple(accumulate((len(o) for o in self._others), initial=len(drawn)))

    def __len__(self) -> int:
        return self._starts[-1]

    def _part(self, index: int) -> tuple[Domain, int]:
        if index < len(self._drawn):
            return self._drawn, index
        number = max(n for n, start in enumerate(self._starts[:-1]) if start <= index)
        return self._others[number], index - self._starts[number]

    def text(self, index: int) -> str:
        part, inner = self._part(index)
        return part.text(inner)

    def value(self, index: int) -> Scalar:
        part, inner = self._part(index)
        return part.value(inner)

    def index_of(self, text: str) -> int | None:
        found = self._drawn.index_of(text)
        if found is not None:
            return found
        for start, other in zip(self._starts, self._others, strict=False):
            found = other.index_of(text)
            if found is not None:
                return start + found
        return None

    @cached_property
    def cumulative(self) -> tuple[float, ...] | None:
        return self._drawn.cumulative

    @property
    def drawn(self) -> Sequence[int]:
        return self._drawn.drawn

    def probability(self, index: int) -> Fraction:
        return self._drawn.probability(index) if index < len(self._drawn) else Fraction(0)

    def log_prob(self, index: int) -> float:
        return self._drawn.log_prob(index) if index < len(self._drawn) else -math.inf

    def suggest(self, text: str) -> str | None:
        found = [s for s in (part.suggest(text) for part in (self._drawn, *self._others)) if s is not None]
        return _suggest_from(text, found) if found else None


def log_fraction(probability: Fraction) -> float:
    """Natural logarithm of an exact probability; minus infinity for zero."""
    if not probability:
        return -math.inf
    return math.log(probability.numerator) - math.log(probability.denominator)


def _is_number(text: str) -> bool:
    """Whether a text can be compared with numbers, in whatever way it is spelled."""
    return is_decimal(text) or is_int(text) or (len(text) < 300 and text.removeprefix("-").isdecimal())


def _suggest_from(text: str, texts: Sequence[str]) -> str | None:
    if _is_number(text):
        numbers = [t for t in texts if is_decimal(t) or is_int(t)]
        if numbers:
            wanted = Fraction(text)
            return min(numbers, key=lambda t: abs(Fraction(t) - wanted))
    for other in texts:
        if other.lower() == text.lower():
            return other
    return closest(text[:200], texts[:2000])
