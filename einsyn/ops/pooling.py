"""Pooling windows of images with one or two spatial axes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.sizes import divides, slid
from einsyn.ir.types import Size, TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Law, each_axis
from einsyn.ops.op import Op
from einsyn.ops.reduction import reduce
from einsyn.ops.rules import LARGEST, compact, needs_image, per_axis, places, slide

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy as np
    from numpy.typing import NDArray

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (3, 9, 8))
SIGNAL = TensorType("f32", ("c", "l"), (3, 11))
OPEN = TensorType("f32", ("c", "h", "w"), (3, "H", "W"))


class Pool(Op):
    """What both kinds of pooling share."""

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    kernel: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(same_as="kernel", ge=1, le=LARGEST, doc="step of the window")
    padding: int | tuple[int, ...] = attr.extent(0, ge=0, le=LARGEST, doc="border on each side")

    ceil_mode: bool

    def infer(self, *types: TensorType) -> TensorType:
        """The image with its new spatial sizes; channels may be open."""
        (x,) = types
        spatial = needs_image(self, x)
        sizes: list[Size] = []
        for axis, k, s, p in zip(spatial, *self._windows(len(spatial)), strict=True):
            if 2 * p > k:
                raise Mismatch("T024", f"padding {p} of `{self.name}` is more than half of kernel {k}")
            exact = not self.ceil_mode or self._exact(x, axis, k, s, p)
            sizes.append(places(self, x, axis, k, s, p) if exact else self._beyond(x, axis, k, s, p))
        return TensorType(x.dtype, x.axes, (x.sizes[0], *sizes))

    @staticmethod
    def _exact(x: TensorType, axis: str, kernel: int, stride: int, padding: int) -> bool:
        """Whether windows of an open axis end where the axis does, whatever its symbol stands for."""
        size = x.sizes[x.axis(axis)]
        return isinstance(size, str) and divides(slid(size, 1, 2 * padding - kernel), stride)

    def _beyond(self, x: TensorType, axis: str, kernel: int, stride: int, padding: int) -> int:
        """The places along an axis where the last window may reach beyond the end."""
        room = x.size(axis) + 2 * padding
        # One window that hangs over the end by less than its stride, where none fits.
        count = 0 if kernel - stride < room < kernel else slide(self, x, axis, kernel, stride, padding)
        # One window more if the last leaves something over; it must start before the border on the right.
        return count + ((count - 1) * stride + kernel < room and count * stride < x.size(axis) + padding)

    def carries(self, *types: TensorType) -> Carried:
        x = types[0]
        return each_axis(x.rank, without=tuple(range(1, x.rank)))

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        kernel, stride, padding = self._windows(types[0].rank - 1)
        return (0,) if {*kernel, *stride} == {1} and not any(padding) else None

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
        if self.ceil_mode:
            parts.append("ceil_mode=True")
        return f"nn.functional.{function}{rank}d({', '.join([*parts, *more])})"

    def _ends(self, x: TensorType) -> tuple[int, ...]:
        """How far the last windows reach beyond the input, its border on the right included."""
        windows = self._windows(x.rank - 1)
        if not self.ceil_mode:
            return windows[2]
        sizes = zip(x.sizes[1:], self.infer(x).sizes[1:], *windows, strict=True)
        # Open sizes have no last window that reaches beyond.
        return tuple(
            p if isinstance(n, str) or isinstance(m, str) else max(p, (m - 1) * s + k - p - n)
            for n, m, k, s, p in sizes
        )

    def _node(self, ctx: OnnxContext, op_type: str, **more: int) -> str:
        kernel, stride, padding = self._windows(ctx.types[0].rank - 1)
        pads = (*padding, *self._ends(ctx.types[0]))
        return ctx.node(op_type, ctx.inputs, kernel_shape=kernel, strides=stride, pads=pads, **more)


class MaxPool(Pool, name="max_pool"):
    """The largest element of each window of each channel; the border never wins.

    Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = floor((n + 2 padding - kernel) / stride) + 1`,
    with `ceil_mode` rounded up where the last window still starts before the border on the right. A window may then be
    larger than the image, by less than the stride.
    MACs: 0. Errors: T011 no image, T003 with `ceil_mode` an open size that may leave something over, T005 sizes per
    axis, T015 the window does not fit, T024 padding beyond half of the kernel.
    Source: torch.nn.MaxPool1d and MaxPool2d; ONNX MaxPool.
    """

    ceil_mode: bool = attr.boolean(False, doc="whether a window may reach beyond the end")

    def torch(self, ctx: TorchContext) -> str:
        """A call of `max_pool1d` or `max_pool2d`."""
        return self._call(ctx, "max_pool")

    def onnx(self, ctx: OnnxContext) -> str:
        """A MaxPool."""
        return self._node(ctx, "MaxPool")

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, defaults and pairs, windows of one place."""
        yield cls.configure(1), (IMAGE,)
        yield cls.configure(2), (IMAGE,)
        yield cls.configure((3, 2), (2, 1), (1, 0)), (IMAGE,)
        yield cls.configure(3, 2, 1), (SIGNAL,)
        yield cls.configure(3, 2, ceil_mode=True), (IMAGE,)
        yield cls.configure((2, 3), 3, 1, ceil_mode=True), (IMAGE,)
        yield cls.configure(2, 4, 1, True), (SIGNAL,)
        yield cls.configure((10, 2), 2, ceil_mode=True), (IMAGE,)
        yield cls.configure(3, 2, 1), (OPEN,)
        yield cls.configure(2, ceil_mode=True), (TensorType("f32", ("c", "l"), (3, "4 * L + 2")),)


class AvgPool(Pool, name="avg_pool"):
    """The mean of each window of each channel, with or without the zeros of the border.

    Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = floor((n + 2 padding - kernel) / stride) + 1`,
    with `ceil_mode` rounded up where the last window still starts before the border on the right. A window may then be
    larger than the image, by less than the stride.
    MACs: 0. Errors: T011 no image, T003 with `ceil_mode` an open size that may leave something over, T005 sizes per
    axis, T015 the window does not fit, T024 padding beyond half of the kernel.
    Source: torch.nn.AvgPool1d and AvgPool2d; ONNX AveragePool.
    """

    count_include_pad: bool = attr.boolean(True, doc="whether the border counts in the mean")
    ceil_mode: bool = attr.boolean(False, doc="whether a window may reach beyond the end; what lies there never counts")

    def torch(self, ctx: TorchContext) -> str:
        """A call of `avg_pool1d` or `avg_pool2d`."""
        return self._call(ctx, "avg_pool", *([] if self.count_include_pad else ["count_include_pad=False"]))

    def onnx(self, ctx: OnnxContext) -> str:
        """An AveragePool; where windows reach beyond a border that counts, the border is padded first."""
        (x,) = ctx.types
        kernel, stride, padding = self._windows(x.rank - 1)
        ends = self._ends(x)
        if not self.count_include_pad or ends == padding:
            return self._node(ctx, "AveragePool", count_include_pad=int(self.count_include_pad))
        whole = ctx.node("Pad", [ctx.inputs[0], ctx.integers([0, 0, *padding, 0, 0, *padding])])
        beyond = (*(0 for _ in ends), *(end - p for end, p in zip(ends, padding, strict=True)))
        return ctx.node("AveragePool", [whole], kernel_shape=kernel, strides=stride, pads=beyond)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, both ways to count the border, windows of one place."""
        yield cls.configure(1), (IMAGE,)
        yield cls.configure(2), (IMAGE,)
        yield cls.configure((3, 2), (2, 1), (1, 0)), (IMAGE,)
        yield cls.configure(3, 1, 1, False), (IMAGE,)
        yield cls.configure(3, 2, 1, count_include_pad=False), (SIGNAL,)
        yield cls.configure(3, 1, padding=1), (SIGNAL,)
        yield cls.configure(3, 2, ceil_mode=True), (IMAGE,)
        yield cls.configure((2, 3), 3, 1, ceil_mode=True), (IMAGE,)
        yield cls.configure(3, 3, 0, False, True), (SIGNAL,)
        yield cls.configure(3, 1, 1), (OPEN,)


class AdaptivePool(Op, ABC):
    """Pooling to given spatial sizes: place i of m pools `floor(i n / m)` to `ceil((i + 1) n / m) - 1` of n."""

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    size: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="the spatial sizes afterwards")

    kind: ClassVar[str]
    whole: ClassVar[str]

    def infer(self, *types: TensorType) -> TensorType:
        """The image at its new sizes; channels may be open, and all sizes where one place is left."""
        (x,) = types
        spatial = needs_image(self, x)
        sizes = per_axis(self, "size", self.size, len(spatial))
        if set(sizes) != {1}:
            for axis in spatial:
                x.size(axis)
        return TensorType(x.dtype, x.axes, (x.sizes[0], *sizes))

    def carries(self, *types: TensorType) -> Carried:
        x = types[0]
        return each_axis(x.rank, without=tuple(range(1, x.rank)))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `adaptive_avg_pool2d` and its like."""
        rank = ctx.types[0].rank - 1
        size = compact(per_axis(self, "size", self.size, rank))
        return f"nn.functional.adaptive_{self.kind}_pool{rank}d({ctx.inputs[0]}, {size})"

    def onnx(self, ctx: OnnxContext) -> str:
        """One pooling node where the sizes divide, else windows of unequal length on one axis after the other."""
        (x,) = ctx.types
        if set(ctx.outputs[0].sizes[1:]) == {1}:
            return ctx.node(f"Global{self.whole}", ctx.inputs)
        before, after = (
            [x.size(i) for i in range(2, x.rank + 1)],
            [ctx.outputs[0].size(i) for i in range(2, x.rank + 1)],
        )
        steps = [n // m for n, m in zip(before, after, strict=True)]
        if all(s * m == n for s, n, m in zip(steps, before, after, strict=True)):
            return ctx.node(self.whole, ctx.inputs, kernel_shape=steps, strides=steps)
        result = ctx.inputs[0]
        for axis, (n, m) in enumerate(zip(before, after, strict=True), start=2):
            bounds = [(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
            result = self.pooled(ctx, result, axis, bounds)
        return result

    @abstractmethod
    def pooled(self, ctx: OnnxContext, x: str, axis: int, bounds: list[tuple[int, int]]) -> str:
        """Emit the pooling of ranges of one axis."""

    @staticmethod
    def windows(ctx: OnnxContext, x: str, axis: int, bounds: list[tuple[int, int]]) -> tuple[str, NDArray[np.float32]]:
        """The ranges as a new axis behind `axis`, filled up with their last elements, and the share of each element."""
        import numpy as np

        longest = max(end - start for start, end in bounds)
        places = np.array([[min(start + i, end - 1) for i in range(longest)] for start, end in bounds])
        share = np.array([[(start + i < end) / (end - start) for i in range(longest)] for start, end in bounds])
        return ctx.node("Gather", [x, ctx.array(places)], axis=axis), share.astype(np.float32)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Sizes that divide, that do not, larger ones, both ranks, open sizes."""
        yield cls.configure(1), (IMAGE,)
        yield cls.configure(1), (OPEN,)
        yield cls.configure((3, 4)), (IMAGE,)
        yield cls.configure((5, 3)), (IMAGE,)
        yield cls.configure((12, 8)), (IMAGE,)
        yield cls.configure(4), (SIGNAL,)


class AdaptiveAvgPool(AdaptivePool, name="adaptive_avg_pool"):
    """The mean of equal shares of an image, as many as `size` says; shares overlap where sizes do not divide.

    Place i of m is the mean of elements `floor(i n / m)` to `ceil((i + 1) n / m) - 1` of n.
    Shapes: `c h w -> c size[0] size[1]` and `c l -> c size`. MACs: 0.
    Errors: T003 open spatial size where more than one place is left, T005 sizes per axis, T011 no image.
    Source: torch.nn.AdaptiveAvgPool1d and AdaptiveAvgPool2d; ONNX GlobalAveragePool, AveragePool, or Gather and
    ReduceSum.
    """

    kind = "avg"
    whole = "AveragePool"

    def pooled(self, ctx: OnnxContext, x: str, axis: int, bounds: list[tuple[int, int]]) -> str:
        """A sum weighted with the shares."""
        table, share = self.windows(ctx, x, axis, bounds)
        share = share.reshape(*share.shape, *(1 for _ in range(ctx.types[0].rank - axis)))
        weighted = ctx.node("Mul", [table, ctx.node("CastLike", [ctx.array(share), x])])
        return reduce(ctx, "ReduceSum", weighted, [axis + 1], False, 13)


class AdaptiveMaxPool(AdaptivePool, name="adaptive_max_pool"):
    """The largest element of equal shares of an image, as many as `size` says; they overlap where sizes do not divide.

    Place i of m is the largest of elements `floor(i n / m)` to `ceil((i + 1) n / m) - 1` of n.
    Shapes: `c h w -> c size[0] size[1]` and `c l -> c size`. MACs: 0.
    Errors: T003 open spatial size where more than one place is left, T005 sizes per axis, T011 no image.
    Source: torch.nn.AdaptiveMaxPool1d and AdaptiveMaxPool2d; ONNX GlobalMaxPool, MaxPool, or Gather and ReduceMax.
    """

    kind = "max"
    whole = "MaxPool"

    def pooled(self, ctx: OnnxContext, x: str, axis: int, bounds: list[tuple[int, int]]) -> str:
        """The largest of each window, whose filling repeats an element of its own."""
        table, _ = self.windows(ctx, x, axis, bounds)
        return reduce(ctx, "ReduceMax", table, [axis + 1], False)
