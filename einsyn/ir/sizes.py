"""Sizes that are not known yet: symbols, and what windows make of them.

What a window leaves of an open size is `floor((a H + b) / c)` with whole numbers a and c of at least 1, and so is what
another window leaves of that, because `floor((floor(x / c) + d) / e)` is `floor((x + c d) / (c e))`. Each has one text,
in lowest terms, so that equal sizes are equal texts: a size stays a number or a text everywhere else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ir.types import Size, TensorType

_LINEAR: Final = r"(?:(?P<factor>[1-9]\d*)\s*\*\s*)?(?P<symbol>[^\W\d]\w*)(?:\s*(?P<sign>[+-])\s*(?P<offset>\d+))?"
_TEXTS: Final = (
    re.compile(_LINEAR),
    re.compile(r"floor\(\s*(?P<symbol>[^\W\d]\w*)\s*/\s*(?P<divisor>[1-9]\d*)\s*\)"),
    re.compile(rf"floor\(\s*\(\s*{_LINEAR}\s*\)\s*/\s*(?P<divisor>[1-9]\d*)\s*\)"),
)


class Affine(NamedTuple):
    """`floor((factor * symbol + offset) / divisor)`, in lowest terms."""

    symbol: str
    factor: int = 1
    offset: int = 0
    divisor: int = 1

    @classmethod
    def of(cls, size: str) -> Affine:
        """What an open size is."""
        found = read(size)
        assert found is not None, f"`{size}` is no size"
        return found

    def reduced(self) -> Affine:
        """In lowest terms."""
        common = gcd(self.factor, self.divisor)
        return Affine(self.symbol, self.factor // common, self.offset // common, self.divisor // common)

    def __str__(self) -> str:
        linear = self.symbol if self.factor == 1 else f"{self.factor} * {self.symbol}"
        if self.offset:
            linear = f"{linear} {'-' if self.offset < 0 else '+'} {abs(self.offset)}"
        if self.divisor == 1:
            return linear
        return f"floor({linear if linear == self.symbol else f'({linear})'} / {self.divisor})"

    def at(self, value: int) -> int:
        """The size for a value of the symbol."""
        return (self.factor * value + self.offset) // self.divisor

    def least(self, size: int) -> int:
        """The least value of the symbol for which it is at least so much."""
        return -((self.offset - self.divisor * size) // self.factor)


@lru_cache(maxsize=4096)
def read(text: str) -> Affine | None:
    """The open size that a text says, None if it is none."""
    if text.isidentifier():
        return Affine(text)
    for pattern in _TEXTS:
        match = pattern.fullmatch(text)
        if match is not None:
            given = match.groupdict()
            offset = int(f"{given.get('sign') or ''}{given.get('offset') or 0}")
            return Affine(
                given["symbol"], int(given.get("factor") or 1), offset, int(given.get("divisor") or 1)
            ).reduced()
    return None


def slid(size: Size, stride: int, offset: int) -> Size:
    """`floor((size + offset) / stride)`."""
    if isinstance(size, int):
        return (size + offset) // stride
    symbol, factor, before, divisor = Affine.of(size)
    return str(Affine(symbol, factor, before + divisor * offset, divisor * stride).reduced())


def scaled(size: Size, factor: int, offset: int = 0) -> Size | None:
    """`factor * size + offset`; None for multiples of what was rounded, which are no single fraction."""
    if isinstance(size, int):
        return factor * size + offset
    affine = Affine.of(size)
    if factor == 1:
        return slid(size, 1, offset)
    if affine.divisor > 1:
        return None
    return str(Affine(affine.symbol, factor * affine.factor, factor * affine.offset + offset))


def divides(size: Size, count: int) -> bool:
    """Whether a size is a multiple of a number, whatever its symbol stands for."""
    if isinstance(size, int):
        return size % count == 0
    affine = Affine.of(size)
    return count == 1 or (affine.divisor == 1 and affine.factor % count == 0 and affine.offset % count == 0)


def substituted(size: str, value: Size) -> Size | None:
    """An open size with something else in place of its symbol; None where that is no single fraction."""
    affine = Affine.of(size)
    found = scaled(value, affine.factor, affine.offset)
    return None if found is None else slid(found, affine.divisor, 0)


def solved(size: str, given: Size) -> Size | None:
    """What the symbol of an open size is if that is `given`; None where nothing is, or more than one thing."""
    affine = Affine.of(size)
    left = slid(given, 1, -affine.offset)
    if affine.divisor > 1 or not divides(left, affine.factor):
        return None
    found = slid(left, affine.factor, 0)
    return None if isinstance(found, int) and found < 1 else found


def value_of(size: Size, symbols: Mapping[str, int]) -> int:
    """A size where symbols have these values."""
    if isinstance(size, int):
        return size
    found = Affine.of(size)
    return found.at(symbols[found.symbol])


def least_values(types: Iterable[TensorType], at_least: int = 1) -> dict[str, int]:
    """For every symbol in some types the least value, from some number on, for which no size is below 1."""
    found: dict[str, int] = {}
    for t in types:
        for size in t.sizes:
            if isinstance(size, str):
                affine = Affine.of(size)
                found[affine.symbol] = max(found.get(affine.symbol, at_least), affine.least(1))
    return found
