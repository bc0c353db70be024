"""Reads tensor types: `f32[B, c:3, h:32, w:32]`, `c:3,l:1024` and `3x32x32`."""

from __future__ import annotations

import re
from math import prod
from typing import TYPE_CHECKING, Final

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.sizes import read
from einsyn.ir.types import AXES_OF_KIND, BATCH, BYTES, Factors, Size, TensorType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    # Gets the text of a size and its 1-based column; returns a number or a symbol, or raises.
    Resolver = Callable[[str, int], Size]

_FULL: Final = re.compile(r"\s*(\w+)\s*\[(.*)\]\s*", re.DOTALL)
_NUMBERS: Final = re.compile(r"\d+(x\d+)*")
_GRID: Final = re.compile(r"(\d+)\s*\*\s*(\d+)")
_FACTORS: Final = re.compile(r"\(\s*\w+\s*:\s*\d+(\s*\*\s*\w+\s*:\s*\d+)*\s*\)")
# Python reads no longer numbers, and no tensor has such sizes.
_DIGITS: Final = 18
_CLOSING: Final = {"(": ")", "[": "]"}


class TypeSyntax(Mismatch):
    """A type is not written correctly; `column` is the 1-based place in its text."""

    def __init__(self, code: str, message: str, column: int, hint: str | None = None) -> None:
        super().__init__(code, message, hint)
        self.column = column


def parse_type(text: str, declared: TensorType | None = None, resolve: Resolver | None = None) -> TensorType:
    """The type that a text means.

    Args:
        text: `f32[B, c:3, h:32, w:32]`, where `B` is left out for a tensor without batch; `c:3,l:1024`, which has a
            batch and is f32, or i64 for tokens `t`; or `3x32x32`, whose axes are those of `declared` if that has as
            many, else an image2d if there are three.
        declared: the type that the text replaces.
        resolve: gives the meaning of sizes that are not plain numbers; without it a name is a symbol.

    Raises:
        TypeSyntax: T030 to T032, T019 for an axis named twice.
    """
    short = text.strip()
    if _NUMBERS.fullmatch(short):
        return _unlabelled(short, declared, text.index(short) + 1)
    full = _FULL.fullmatch(text)
    if full is not None and ":" not in text[: full.start(2)]:
        dtype = full[1]
        if dtype not in BYTES:
            raise TypeSyntax("T030", f"there is no dtype {dtype}", full.start(1) + 1, f"there are {', '.join(BYTES)}")
        return _labelled(full[2], full.start(2), dtype, resolve)
    if ":" not in text:
        raise TypeSyntax(
            "T030", f"{short!r} is no type", 1, "write f32[B, c:3, h:32, w:32], or c:3,h:32,w:32, or 3x32x32"
        )
    return _labelled(text, 0, None, resolve)


def _unlabelled(text: str, declared: TensorType | None, column: int) -> TensorType:
    sizes = tuple(_number(part, column) for part in text.split("x"))
    if declared is not None and declared.rank == len(sizes):
        return TensorType(declared.dtype, declared.axes, sizes, batched=declared.batched)
    if len(sizes) == 3:
        return TensorType("f32", AXES_OF_KIND["image2d"], sizes)
    expected = f"{declared} has {declared.rank} axes" if declared is not None else "an image2d has 3"
    plural = "s" if len(sizes) > 1 else ""
    raise TypeSyntax(
        "T031", f"{text} gives {len(sizes)} size{plural}, and {expected}", column, "name the axes: c:3,l:1024"
    )


def _labelled(text: str, offset: int, dtype: str | None, resolve: Resolver | None) -> TensorType:
    axes: list[str] = []
    sizes: list[Size] = []
    factors: list[Factors | None] = []
    batched = dtype is None
    for i, (part, start) in enumerate(_split(text)):
        column = offset + start + 1
        name, colon, size = part.partition(":")
        axis = name.strip()
        if i == 0 and part.strip() == BATCH:
            batched = True
            continue
        if not part.strip() and dtype is not None and not axes and text.strip() in ("", BATCH):
            continue
        if axis == BATCH:
            raise TypeSyntax("T031", "the batch axis B comes first and has no size", column)
        if not axis.isidentifier():
            raise TypeSyntax("T031", f"{axis!r} is no axis name", column, "write axis:size, for example c:3")
        if not colon or not size.strip():
            raise TypeSyntax("T030", f"axis {axis} has no size", column, f"write {axis}:3, or a symbol for any size")
        if axis in axes:
            raise TypeSyntax("T019", f"axis {axis} is there twice", column)
        place = column + len(name) + 1 + len(size) - len(size.lstrip())
        found, product = _size(size.strip(), place, resolve)
        axes.append(axis)
        sizes.append(found)
        factors.append(product)
    if dtype is None:
        dtype = "i64" if tuple(axes) == AXES_OF_KIND["tokens"] else "f32"
    return TensorType(dtype, tuple(axes), tuple(sizes), tuple(factors), batched)


def _split(text: str) -> Iterator[tuple[str, int]]:
    """The parts between commas outside of brackets and strings, each with its place."""
    start = 0
    open_brackets: list[str] = []
    quoted = False
    for i, char in enumerate(text):
        if char == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif char in _CLOSING:
            open_brackets.append(_CLOSING[char])
        elif open_brackets and char == open_brackets[-1]:
            open_brackets.pop()
        elif char == "," and not open_brackets:
            yield _part(text, start, i)
            start = i + 1
    yield _part(text, start, len(text))


def _part(text: str, start: int, end: int) -> tuple[str, int]:
    part = text[start:end]
    return part.strip(), start + len(part) - len(part.lstrip())


def _size(text: str, column: int, resolve: Resolver | None) -> tuple[Size, Factors | None]:
    if text.isascii() and text.isdigit():
        return _number(text, column), None
    if _FACTORS.fullmatch(text):
        pairs = [part.split(":") for part in text[1:-1].split("*")]
        named = tuple((name.strip(), _number(size.strip(), column)) for name, size in pairs)
        return prod(n for _, n in named), named
    grid = _GRID.fullmatch(text)
    if grid is not None:
        sides = (("h", _number(grid[1], column)), ("w", _number(grid[2], column)))
        return sides[0][1] * sides[1][1], sides
    size = text if resolve is None else resolve(text, column)
    if isinstance(size, int):
        if size < 1:
            raise TypeSyntax("T032", f"a size must be at least 1, and {text} is {size}", column)
        return size, None
    found = read(size)
    if found is not None and found.symbol != BATCH:
        return str(found), None
    raise TypeSyntax("T032", f"{text!r} is no size", column, "a size is a positive whole number, or a symbol, or 4*H")


def _number(text: str, column: int) -> int:
    if len(text) > _DIGITS:
        raise TypeSyntax("T032", f"a size of {len(text)} digits is too large", column)
    number = int(text)
    if number < 1:
        raise TypeSyntax("T032", "a size must be at least 1", column)
    return number


def exact(t: TensorType) -> str:
    """The type with its factorisations by name: `f32[B, s:(h:14*w:14), d:64]`; `parse_type` reads it back equal."""
    dims = [BATCH] if t.batched else []
    for axis, size, factors in zip(t.axes, t.sizes, t.factors, strict=True):
        product = "*".join(f"{name}:{n}" for name, n in factors) if factors else ""
        dims.append(f"{axis}:({product})" if factors else f"{axis}:{size}")
    return f"{t.dtype}[{', '.join(dims)}]"
