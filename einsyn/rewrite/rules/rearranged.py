"""Two rearrangements of axes, one after the other, as one.

What lies between them is forgotten: an axis that the first one joins and the second one splits elsewhere falls into
the pieces of both, if those fit into one another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from einsyn.ops.rearrange import Rearrange, read_pattern

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ir.types import Size, TensorType


class _Piece(NamedTuple):
    """What is moved in one go: it belongs to a part of the first pattern and to one of the second."""

    size: Size
    first: str
    second: str


def is_undone(first: Rearrange, second: Rearrange, x: TensorType) -> bool:
    """Whether the second rearrangement of `x` takes back what the first did."""
    between = first.infer(x)
    if second.infer(between) != x:
        return False
    pieces = _pieces(first, second, x, between)
    if pieces is None:
        return False
    before, after = _sides(first, second, pieces)
    return [i for axis in before for i in axis] == [i for axis in after for i in axis]


def composed(first: Rearrange, second: Rearrange, x: TensorType) -> Rearrange | None:
    """One rearrangement of `x` with the type of both; None where there is none."""
    between = first.infer(x)
    pieces = _pieces(first, second, x, between)
    if pieces is None:
        return None
    before, after = _sides(first, second, pieces)
    axes = read_pattern(second.pattern).after
    names = _names(pieces, after, [len(parts) > 1 for _, parts in axes], [axis for axis, _ in axes])
    left = [_shown([names[i] for i in axis]) for axis in before]
    right = [f"{axis}:{_shown([names[i] for i in ids])}" for (axis, _), ids in zip(axes, after, strict=True)]
    # Of each axis that is split all sizes but the last are needed.
    given = {names[i]: size for axis in before for i in axis[:-1] if isinstance(size := pieces[i].size, int)}
    text = f"{' '.join(left)} -> {' '.join(right)}"
    made = Rearrange.configure(pattern=text, names=tuple(given), sizes=tuple(given.values()))
    assert isinstance(made, Rearrange)
    return made if made.infer(x) == second.infer(between) else None


def _pieces(first: Rearrange, second: Rearrange, x: TensorType, between: TensorType) -> list[_Piece] | None:
    """The pieces of all axes between the two, in order; parts of size 1 have none."""
    sizes = first.part_sizes(x), second.part_sizes(between)
    found: list[_Piece] = []
    for (_, joined), split in zip(read_pattern(first.pattern).after, read_pattern(second.pattern).before, strict=True):
        pieces = _cut(
            *[[(p, own[p]) for p in parts if own[p] != 1] for parts, own in zip((joined, split), sizes, strict=True)]
        )
        if pieces is None:
            return None
        found += pieces
    return found


def _cut(joined: list[tuple[str, Size]], split: list[tuple[str, Size]]) -> list[_Piece] | None:
    """The pieces of one axis, whose size is the product of either list; None where the parts cross one another."""
    joined, split = joined[::-1], split[::-1]
    found: list[_Piece] = []
    while joined and split:
        (first, m), (second, n) = joined.pop(), split.pop()
        if m == n:
            found.append(_Piece(m, first, second))
        elif isinstance(m, str) or isinstance(n, str) or max(m, n) % min(m, n):
            return None
        elif m > n:
            joined.append((first, m // n))
            found.append(_Piece(n, first, second))
        else:
            split.append((second, n // m))
            found.append(_Piece(m, first, second))
    return found


def _sides(first: Rearrange, second: Rearrange, pieces: list[_Piece]) -> tuple[list[list[int]], list[list[int]]]:
    """The numbers of the pieces of each axis before and after both."""
    before, after = read_pattern(first.pattern).before, [parts for _, parts in read_pattern(second.pattern).after]
    return (
        [[i for part in parts for i, piece in enumerate(pieces) if piece.first == part] for parts in before],
        [[i for part in parts for i, piece in enumerate(pieces) if piece.second == part] for parts in after],
    )


def _names(pieces: list[_Piece], after: list[list[int]], joined: list[bool], axes: list[str]) -> dict[int, str]:
    """A name for every piece. An axis remembers those of the parts that were joined last, so they keep theirs."""
    found: dict[int, str] = {}
    for ids, new, axis in zip(after, joined, axes, strict=True):
        for i in ids:
            wanted = axis if len(ids) == 1 else pieces[i].second if new else pieces[i].first
            name, number = wanted, 1
            while name in found.values():
                number += 1
                name = f"{wanted}{number}"
            found[i] = name
    return found


def _shown(names: Sequence[str]) -> str:
    if len(names) == 1:
        return names[0]
    return f"({' '.join(names)})" if names else "1"
