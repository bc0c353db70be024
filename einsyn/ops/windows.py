"""Windows and borders of images as ONNX nodes; windows in the order of torch's Unfold."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from einsyn.ops.rules import BORDERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from einsyn.ir.types import TensorType
    from einsyn.ops.lowering import OnnxContext

Window = tuple[int, int, int]


def patches(ctx: OnnxContext, x: str, channels: int, sizes: Sequence[int], windows: Sequence[Window]) -> str:
    """Windows (kernel, stride, padding per spatial axis) of `[B, c, ...]` as `[B, places, c * kernel area]`.

    No arithmetic touches the elements, so what is not finite stays where it is. Tiles are taken apart by a Reshape,
    other windows by one Gather for each spatial axis with a table of kernel x places.
    """
    places = [(n + 2 * p - k) // s + 1 for n, (k, s, p) in zip(sizes, windows, strict=True)]
    kernels = [k for k, _, _ in windows]
    rank = len(sizes)
    if any(p for _, _, p in windows):
        pads = [p for _, _, p in windows]
        x = ctx.node("Pad", [x, ctx.integers([0, 0, *pads, 0, 0, *pads])])
    if all(k == 1 for k in kernels):
        x = _strided(ctx, x, sizes, windows)
        return ctx.node("Transpose", [ctx.node("Reshape", [x, ctx.integers([0, channels, -1])])], perm=[0, 2, 1])
    if all(k == s for k, s, _ in windows):
        x = _cropped(ctx, x, sizes, windows, places)
        pairs = [n for pair in zip(places, kernels, strict=True) for n in pair]
        x = ctx.node("Reshape", [x, ctx.integers([0, channels, *pairs])])
        place_axes = [2 + 2 * i for i in range(rank)]
    else:
        x = _windowed(ctx, x, windows, places)
        place_axes = [3 + 2 * i for i in range(rank)]
    kernel_axes = [a for a in range(2, 2 + 2 * rank) if a not in place_axes]
    x = ctx.node("Transpose", [x], perm=[0, *place_axes, 1, *kernel_axes])
    return ctx.node("Reshape", [x, ctx.integers([0, prod(places), channels * prod(kernels)])])


def bordered(ctx: OnnxContext, x: str, t: TensorType, before: Sequence[int], after: Sequence[int], border: str) -> str:
    """An image of a type with a border on its spatial axes."""
    import numpy as np

    if not any(before) and not any(after):
        return x
    if border == "circular":  # Pad knows it from opset 19 on only
        sides = zip(t.axes[1:], before, after, strict=True)
        return gathered(ctx, x, [np.pad(np.arange(t.size(a)), pair, mode="wrap") for a, *pair in sides])
    if border != "zeros":
        return ctx.node("Pad", [x, ctx.integers([0, 0, *before, 0, 0, *after])], mode=BORDERS[border])
    # onnxruntime moves a plain border of zeros into a MaxPool that follows, where it never wins (its issue 24737). It
    # leaves alone a Pad that names its axes, and one whose zero is no constant.
    if ctx.opset >= 18:
        axes = ctx.integers([2 + i for i in range(t.rank - 1)])
        return ctx.node("Pad", [x, ctx.integers([*before, *after]), "", axes])
    zero = ctx.node("CastLike", [ctx.node("ConstantOfShape", [ctx.node("Shape", [x], start=0, end=0)]), x])
    return ctx.node("Pad", [x, ctx.integers([0, 0, *before, 0, 0, *after]), zero])


def gathered(ctx: OnnxContext, x: str, tables: Sequence[NDArray[np.int64]]) -> str:
    """An image with the places that a table lists on each spatial axis; a table with two axes makes two of one."""
    axis = 2
    for table in tables:
        x = ctx.node("Gather", [x, ctx.array(table)], axis=axis)
        axis += table.ndim
    return x


def _strided(ctx: OnnxContext, x: str, sizes: Sequence[int], windows: Sequence[Window]) -> str:
    """Every stride-th place along each spatial axis."""
    if all(s == 1 for _, s, _ in windows):
        return x
    ends = [n + 2 * p for n, (_, _, p) in zip(sizes, windows, strict=True)]
    axes = [2 + i for i in range(len(sizes))]
    slices = ([0] * len(sizes), ends, axes, [s for _, s, _ in windows])
    return ctx.node("Slice", [x, *map(ctx.integers, slices)])


def _cropped(ctx: OnnxContext, x: str, sizes: Sequence[int], windows: Sequence[Window], places: Sequence[int]) -> str:
    """The part that whole tiles cover."""
    ends = [n * k for n, (k, _, _) in zip(places, windows, strict=True)]
    if all(end == n + 2 * p for end, n, (_, _, p) in zip(ends, sizes, windows, strict=True)):
        return x
    slices = ([0] * len(sizes), ends, [2 + i for i in range(len(sizes))])
    return ctx.node("Slice", [x, *map(ctx.integers, slices)])


def _windowed(ctx: OnnxContext, x: str, windows: Sequence[Window], places: Sequence[int]) -> str:
    """Each spatial axis replaced by two: kernel, then places."""
    import numpy as np

    pairs = zip(windows, places, strict=True)
    return gathered(ctx, x, [np.arange(k)[:, None] + s * np.arange(n)[None, :] for (k, s, _), n in pairs])
