"""Pooling windows of images with one or two spatial axes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.op import Op
from einsyn.ops.rules import LARGEST, compact, needs_image, per_axis, slide

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (3, 9, 8))
SIGNAL = TensorType("f32", ("c", "l"), (3, 11))


class Pool(Op):
    """What both kinds of pooling share."""

    kernel: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(same_as="kernel", ge=1, le=LARGEST, doc="step of the window")
    padding: int | tuple[int, ...] = attr.extent(0, ge=0, le=LARGEST, doc="border on each side")

    def infer(self, *types: TensorType) -> TensorType:
        """The image with its new spatial sizes; channels may be open."""
        (x,) = types
        spatial = needs_image(self, x)
        sizes: list[int] = []
        for axis, k, s, p in zip(spatial, *self._windows(len(spatial)), strict=True):
            if 2 * p > k:
                raise Mismatch("T024", f"padding {p} of `{self.name}` is more than half of kernel {k}")
            sizes.append(slide(self, x, axis, k, s, p))
        return TensorType(x.dtype, x.axes, (x.sizes[0], *sizes))

    def _windows(self, count: int) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
        return (
            per_axis(self, "kernel", self.kernel, count),
            per_axis(self, "stride", self.stride, count),
            per_axis(self, "padding", self.padding, count),
        )

    def _call(self, ctx: TorchContext, function: str, *more: str) -> str:
        rank = ctx.types[0].rank - 1
        kernel, stride, padding = self._windows(rank)
        parts = [ctx.inputs[0], compact(kernel)]
        if stride != kernel:
            parts.append(f"stride={compact(stride)}")
        if any(padding):
            parts.append(f"padding={compact(padding)}")
        return f"nn.functional.{function}{rank}d({', '.join([*parts, *more])})"

    def _node(self, ctx: OnnxContext, op_type: str, **more: int) -> str:
        kernel, stride, padding = self._windows(ctx.types[0].rank - 1)
        return ctx.node(op_type, ctx.inputs, kernel_shape=kernel, strides=stride, pads=padding * 2, **more)


class MaxPool(Pool, name="max_pool"):
    """The largest element of each window of each channel; the border never wins.

    Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = floor((n + 2 padding - kernel) / stride) + 1`.
    MACs: 0. Errors: T011 no image, T003 open spatial size, T005 sizes per axis, T015 the window does not fit,
    T024 padding beyond half of the kernel.
    Source: torch.nn.MaxPool1d and MaxPool2d; ONNX MaxPool.
    """

    def torch(self, ctx: TorchContext) -> str:
        """A call of `max_pool1d` or `max_pool2d`."""
        return self._call(ctx, "max_pool")

    def onnx(self, ctx: OnnxContext) -> str:
        """A MaxPool."""
        return self._node(ctx, "MaxPool")

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, defaults and pairs."""
        yield cls.configure(2), (IMAGE,)
        yield cls.configure((3, 2), (2, 1), (1, 0)), (IMAGE,)
        yield cls.configure(3, 2, 1), (SIGNAL,)


class AvgPool(Pool, name="avg_pool"):
    """The mean of each window of each channel, with or without the zeros of the border.

    Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = floor((n + 2 padding - kernel) / stride) + 1`.
    MACs: 0. Errors: T011 no image, T003 open spatial size, T005 sizes per axis, T015 the window does not fit,
    T024 padding beyond half of the kernel.
    Source: torch.nn.AvgPool1d and AvgPool2d; ONNX AveragePool.
    """

    count_include_pad: bool = attr.boolean(True, doc="whether the border counts in the mean")

    def torch(self, ctx: TorchContext) -> str:
        """A call of `avg_pool1d` or `avg_pool2d`."""
        return self._call(ctx, "avg_pool", *([] if self.count_include_pad else ["count_include_pad=False"]))

    def onnx(self, ctx: OnnxContext) -> str:
        """An AveragePool."""
        return self._node(ctx, "AveragePool", count_include_pad=int(self.count_include_pad))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, both ways to count the border."""
        yield cls.configure(2), (IMAGE,)
        yield cls.configure((3, 2), (2, 1), (1, 0)), (IMAGE,)
        yield cls.configure(3, 1, 1, False), (IMAGE,)
        yield cls.configure(3, 2, 1, count_include_pad=False), (SIGNAL,)
        yield cls.configure(3, 1, padding=1), (SIGNAL,)
