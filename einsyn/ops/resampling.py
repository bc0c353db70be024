"""Operations that change the grid of an image: borders, resizing, blurring, channels against places."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Law, each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import (
    BORDERS,
    LARGEST,
    compact,
    equal_parts,
    needs_border,
    needs_image,
    parted,
    per_axis,
    slide,
    stretched,
)
from einsyn.ops.windows import bordered, gathered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from einsyn.ir.types import Size
    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 9, 8))
SIGNAL = TensorType("f32", ("c", "l"), (6, 12))
OPEN = TensorType("f32", ("c", "h", "w"), (4, "H", "2 * W + 1"))


class Pad(Op, name="pad"):
    """A border around an image: `before` places at the start of each spatial axis and `after` at its end.

    `mode` is `"zeros"`, `"reflect"` (the image mirrored without its edge), `"replicate"` (the edge repeated) or
    `"circular"` (the other end). Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = before + n + after`.
    Spatial sizes may be open where zeros or the edge are the border.
    MACs: 0. Errors: T003 open spatial size, T005 sizes per axis, T011 no image, T015 the image is too small to fill
    its border.
    Source: torch.nn.functional.pad; ONNX Pad, or Gather for circular borders.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    before: int | tuple[int, ...] = attr.extent(ge=0, le=LARGEST, doc="places at the start of each axis")
    after: int | tuple[int, ...] = attr.extent(same_as="before", ge=0, le=LARGEST, doc="places at the end")
    mode: str = attr.text("zeros", one_of=tuple(BORDERS), doc="what is in them")

    def infer(self, *types: TensorType) -> TensorType:
        """The larger image; channels may be open."""
        (x,) = types
        spatial = needs_image(self, x)
        sizes: list[Size] = []
        for axis, *sides in zip(spatial, *self._sides(x), strict=True):
            for side in sides:
                needs_border(self, x, axis, side, self.mode)
            sizes.append(stretched(self, x, axis, 1, sum(sides)))
        return TensorType(x.dtype, x.axes, (x.sizes[0], *sizes))

    def _sides(self, x: TensorType) -> tuple[tuple[int, ...], tuple[int, ...]]:
        count = x.rank - 1
        return per_axis(self, "before", self.before, count), per_axis(self, "after", self.after, count)

    def carries(self, *types: TensorType) -> Carried:
        x = types[0]
        return each_axis(x.rank, without=tuple(range(1, x.rank)))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `pad`, which lists the last axis first."""
        before, after = self._sides(ctx.types[0])
        amounts = [n for pair in zip(reversed(before), reversed(after), strict=True) for n in pair]
        more = "" if self.mode == "zeros" else f', mode="{self.mode}"'
        return f"nn.functional.pad({ctx.inputs[0]}, {tuple(amounts)}{more})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Pad, or a Gather on each axis."""
        (x,) = ctx.types
        return bordered(ctx, ctx.inputs[0], x, *self._sides(x), self.mode)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Every border, both ranks, one side alone."""
        yield cls.configure(1), (IMAGE,)
        yield cls.configure((1, 0), (0, 2)), (IMAGE,)
        yield cls.configure(2, 1, "reflect"), (IMAGE,)
        yield cls.configure((0, 3), (1, 0), "circular"), (IMAGE,)
        yield cls.configure(1, 2, mode="circular"), (SIGNAL,)
        yield cls.configure(3, mode="replicate"), (SIGNAL,)
        yield cls.configure(2, 1), (OPEN,)
        yield cls.configure((0, 3), mode="replicate"), (OPEN,)


class Resampled(Op, ABC):
    """An image at other spatial sizes. Subclasses say which."""

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    mode: str

    @abstractmethod
    def sizes(self, x: TensorType, spatial: Sequence[str]) -> Sequence[Size]:
        """The spatial sizes afterwards."""

    def infer(self, *types: TensorType) -> TensorType:
        """The image at its new sizes; channels may be open."""
        (x,) = types
        return TensorType(x.dtype, x.axes, (x.sizes[0], *self.sizes(x, needs_image(self, x))))

    def carries(self, *types: TensorType) -> Carried:
        x = types[0]
        return each_axis(x.rank, without=tuple(range(1, x.rank)))

    def _interpolated(self, ctx: TorchContext, how: str) -> str:
        linear = "bilinear" if ctx.types[0].rank == 3 else "linear"
        mode = "nearest-exact" if self.mode == "nearest" else linear
        return f'nn.functional.interpolate({ctx.inputs[0]}, {how}, mode="{mode}")'


class Upsample(Resampled, name="upsample"):
    """An image with `factor` times as many places on each spatial axis.

    `"nearest"` repeats each place, `"linear"` interpolates between the centres of places (bilinear on h and w).
    Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = factor * n`; spatial sizes may be open. MACs: 0.
    Errors: T003 an open size that was rounded, T005 sizes per axis, T011 no image.
    Source: torch.nn.Upsample; ONNX Resize.
    """

    factor: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="how many times as many places")
    mode: str = attr.text("nearest", one_of=("nearest", "linear"), doc="how places between are filled")

    def sizes(self, x: TensorType, spatial: Sequence[str]) -> Sequence[Size]:
        """Factor times the sizes."""
        factors = per_axis(self, "factor", self.factor, len(spatial))
        return [stretched(self, x, axis, factor) for axis, factor in zip(spatial, factors, strict=True)]

    def torch(self, ctx: TorchContext) -> str:
        """A call of `interpolate` with the factors."""
        factors = per_axis(self, "factor", self.factor, ctx.types[0].rank - 1)
        scale = float(factors[0]) if len(set(factors)) == 1 else tuple(map(float, factors))
        return self._interpolated(ctx, f"scale_factor={scale}")

    def onnx(self, ctx: OnnxContext) -> str:
        """A Resize with the factors; an empty input stands for a region of interest."""
        import numpy as np

        factors = per_axis(self, "factor", self.factor, ctx.types[0].rank - 1)
        inputs = [ctx.inputs[0], "", ctx.array(np.array([1, 1, *factors], np.float32))]
        if self.mode == "linear":
            return ctx.node("Resize", inputs, mode="linear")
        rounded = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return ctx.node("Resize", inputs, mode="nearest", **rounded)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both modes, both ranks, factors for each axis."""
        yield cls.configure(2), (IMAGE,)
        yield cls.configure((1, 3), "linear"), (IMAGE,)
        yield cls.configure(4), (SIGNAL,)
        yield cls.configure(2, mode="linear"), (SIGNAL,)
        yield cls.configure(3), (OPEN,)


class Resize(Resampled, name="resize"):
    """An image brought to given spatial sizes.

    `"nearest"` takes the place whose cell holds the centre of the new one, `"linear"` interpolates between the centres
    of places (bilinear on h and w, without smoothing when it shrinks).
    Shapes: `c h w -> c size[0] size[1]` and `c l -> c size`. MACs: 0.
    Errors: T003 open spatial size with `nearest`, T005 sizes per axis, T011 no image.
    Source: torch.nn.functional.interpolate, modes `nearest-exact` and `bilinear`; ONNX Gather and Resize.
    """

    size: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="the spatial sizes afterwards")
    mode: str = attr.text("nearest", one_of=("nearest", "linear"), doc="how places between are filled")

    def sizes(self, x: TensorType, spatial: Sequence[str]) -> Sequence[Size]:
        """The attribute."""
        if self.mode == "nearest":
            for axis in spatial:
                x.size(axis)
        return per_axis(self, "size", self.size, len(spatial))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `interpolate` with the sizes."""
        return self._interpolated(ctx, str(ctx.outputs[0].concrete()[1:]))

    def onnx(self, ctx: OnnxContext) -> str:
        """A Gather of the nearest places on each axis, or a Resize."""
        import numpy as np

        after = ctx.outputs[0].concrete()[1:]
        if self.mode == "linear":
            # Only the batch is not known here; empty inputs stand for a region of interest and for factors.
            shape = ctx.node("Shape", ctx.inputs, start=0, end=2)
            sizes = ctx.node("Concat", [shape, ctx.integers(after)], axis=0)
            return ctx.node("Resize", [ctx.inputs[0], "", "", sizes], mode="linear")
        # The arithmetic of torch, in its precision.
        tables = [
            np.minimum(np.floor((np.arange(m, dtype=np.float32) + 0.5) * np.float32(n / m)), n - 1).astype(np.int64)
            for n, m in zip(ctx.types[0].concrete()[1:], after, strict=True)
        ]
        return gathered(ctx, ctx.inputs[0], tables)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both modes, both ranks, larger and smaller, a size for each axis."""
        yield cls.configure(5), (IMAGE,)
        yield cls.configure((12, 7)), (IMAGE,)
        yield cls.configure((4, 17), "linear"), (IMAGE,)
        yield cls.configure(30), (SIGNAL,)
        yield cls.configure(7, mode="linear"), (SIGNAL,)
        yield cls.configure(7, mode="linear"), (OPEN,)


class Blur(Op, name="blur"):
    """Each channel smoothed with binomial coefficients (1 2 1 for kernel 3) on a mirrored border, then strided.

    Shapes: `c h w -> c h' w'` and `c l -> c l'` with `n' = floor((n - 1) / stride) + 1`.
    Buffers: `kernel`, c x 1 x kernel. MACs: `c * h' * w' * kernel area`, as of the convolution that it is.
    Errors: T003 open size, T005 sizes per axis, T011 no image, T015 the image is too small to fill its border.
    Source: Zhang, ICML 2019 (arXiv:1904.11486), BlurPool; torch conv1d and conv2d; ONNX Pad and Conv.
    """

    kernel: int = attr.integer(3, ge=1, le=64, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="step of the window")

    def infer(self, *types: TensorType) -> TensorType:
        """The image with its new spatial sizes."""
        (x,) = types
        spatial = needs_image(self, x)
        before, after = self._sides()
        strides = per_axis(self, "stride", self.stride, len(spatial))
        for axis in spatial:
            needs_border(self, x, axis, after, "reflect")
        padded = TensorType(x.dtype, x.axes, (x.size("c"), *(x.size(a) + before + after for a in spatial)))
        sizes = (slide(self, padded, a, self.kernel, s, 0) for a, s in zip(spatial, strides, strict=True))
        return TensorType(x.dtype, x.axes, (x.size("c"), *sizes))

    def _sides(self) -> tuple[int, int]:
        return (self.kernel - 1) // 2, self.kernel // 2

    def buffers(self, *types: TensorType) -> Mapping[str, Param]:
        """The coefficients, once for each channel."""
        (x,) = types
        return {"kernel": Param((x.size("c"), 1, *(self.kernel for _ in x.axes[1:])), "binomial")}

    def macs(self, *types: TensorType) -> int:
        """Output elements times the window."""
        (x,) = types
        return self.infer(x).elements * self.kernel ** (x.rank - 1)

    def torch(self, ctx: TorchContext) -> str:
        """A pad and a convolution of each channel alone."""
        (x,) = ctx.types
        rank = x.rank - 1
        stride = compact(per_axis(self, "stride", self.stride, rank))
        padded = ctx.inputs[0]
        if self.kernel > 1:
            padded = ctx.assign(f'nn.functional.pad({padded}, {self._sides() * rank}, mode="reflect")')
        more = f"stride={stride}, groups={x.size('c')}"
        return f"nn.functional.conv{rank}d({padded}, {ctx.parameter('kernel')}, {more})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Pad and a Conv."""
        (x,) = ctx.types
        rank = x.rank - 1
        before, after = ((side,) * rank for side in self._sides())
        padded = bordered(ctx, ctx.inputs[0], x, before, after, "reflect")
        strides = per_axis(self, "stride", self.stride, rank)
        kernel = ctx.weight("kernel")
        return ctx.node("Conv", [padded, kernel], kernel_shape=[self.kernel] * rank, strides=strides, group=x.size("c"))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, odd and even windows, strides."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(3, 2), (IMAGE,)
        yield cls.configure(4, (2, 1)), (IMAGE,)
        yield cls.configure(1, 2), (IMAGE,)
        yield cls.configure(5, stride=2), (SIGNAL,)


class PixelShuffle(Op, name="pixel_shuffle"):
    """Channels spread over places: each group of `factor` (on images `factor * factor`) channels becomes a finer grid.

    Shapes: `c h w -> c/factor^2 h*factor w*factor` and `c l -> c/factor l*factor`. MACs: 0.
    Spatial sizes may be open.
    Errors: T003 an open size that was rounded, T011 no image, T016 channels do not divide.
    Source: Shi et al., CVPR 2016 (arXiv:1609.05158); torch.nn.PixelShuffle, and its form with one spatial axis;
    ONNX DepthToSpace, or Reshape and Transpose.
    """

    factor: int = attr.integer(ge=1, le=256, doc="how many times as many places on each axis")

    def infer(self, *types: TensorType) -> TensorType:
        """The finer image."""
        (x,) = types
        spatial = needs_image(self, x)
        channels = equal_parts(self, "channels", x.size("c"), self.factor ** len(spatial))
        return TensorType(x.dtype, x.axes, (channels, *(stretched(self, x, a, self.factor) for a in spatial)))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `pixel_shuffle`; a signal takes its channels apart and joins them with its places."""
        (x,) = ctx.inputs
        if ctx.types[0].rank == 3:
            return f"nn.functional.pixel_shuffle({x}, {self.factor})"
        return f"torch.unflatten({x}, 1, (-1, {self.factor})).transpose(2, 3).flatten(2)"

    def onnx(self, ctx: OnnxContext) -> str:
        """A DepthToSpace; of a signal the channels are taken apart, moved behind their places, joined."""
        if ctx.types[0].rank == 3:
            return ctx.node("DepthToSpace", ctx.inputs, blocksize=self.factor, mode="CRD")
        channels = ctx.outputs[0].size("c")
        apart = ctx.node("Reshape", [ctx.inputs[0], ctx.integers([0, channels, self.factor, -1])])
        moved = ctx.node("Transpose", [apart], perm=[0, 1, 3, 2])
        return ctx.node("Reshape", [moved, ctx.integers([0, channels, -1])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, open sizes."""
        yield cls.configure(2), (IMAGE,)
        yield cls.configure(3), (SIGNAL,)
        yield cls.configure(2), (OPEN,)
        yield cls.configure(3), (TensorType("f32", ("c", "l"), (6, "2 * L")),)


class PixelUnshuffle(Op, name="pixel_unshuffle"):
    """Places gathered into channels, also called space to depth; it undoes `pixel_shuffle`.

    Shapes: `c h w -> c*factor^2 h/factor w/factor` and `c l -> c*factor l/factor`. MACs: 0.
    Spatial sizes may be open.
    Errors: T003 an open size that may not divide, T011 no image, T016 places do not divide.
    Source: Shi et al., CVPR 2016 (arXiv:1609.05158); torch.nn.PixelUnshuffle, and its form with one spatial axis;
    ONNX SpaceToDepth and Gather, or Reshape and Transpose.
    """

    factor: int = attr.integer(ge=1, le=256, doc="how many places of each axis become channels")

    def infer(self, *types: TensorType) -> TensorType:
        """The coarser image."""
        (x,) = types
        spatial = needs_image(self, x)
        sizes = [parted(self, x, axis, self.factor) for axis in spatial]
        return TensorType(x.dtype, x.axes, (x.size("c") * self.factor ** len(spatial), *sizes))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `pixel_unshuffle`; a signal takes its places apart and joins them with its channels."""
        (x,) = ctx.inputs
        if ctx.types[0].rank == 3:
            return f"nn.functional.pixel_unshuffle({x}, {self.factor})"
        return f"torch.unflatten({x}, 2, (-1, {self.factor})).transpose(2, 3).flatten(1, 2)"

    def onnx(self, ctx: OnnxContext) -> str:
        """A SpaceToDepth and its channels in torch's order; of a signal the places are taken apart, moved, joined."""
        channels, area = ctx.types[0].size("c"), self.factor**2
        if ctx.types[0].rank == 3:
            # ONNX puts the channels of one place together, torch the places of one channel.
            order = [place * channels + channel for channel in range(channels) for place in range(area)]
            apart = ctx.node("SpaceToDepth", ctx.inputs, blocksize=self.factor)
            return ctx.node("Gather", [apart, ctx.integers(order)], axis=1)
        apart = ctx.node("Reshape", [ctx.inputs[0], ctx.integers([0, channels, -1, self.factor])])
        moved = ctx.node("Transpose", [apart], perm=[0, 1, 3, 2])
        return ctx.node("Reshape", [moved, ctx.integers([0, channels * self.factor, -1])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, open sizes."""
        yield cls.configure(2), (TensorType("f32", ("c", "h", "w"), (3, 6, 8)),)
        yield cls.configure(4), (SIGNAL,)
        yield cls.configure(2), (TensorType("f32", ("c", "h", "w"), (3, "4 * H", 8)),)
        yield cls.configure(3), (TensorType("f32", ("c", "l"), (2, "3 * L")),)


class ChannelShuffle(Op, name="channel_shuffle"):
    """Channels dealt out: the first of each group, then the second of each, and so on.

    Shapes: `c h w -> c h w` and `c l -> c l`; spatial sizes may be open. MACs: 0.
    Errors: T003 open number of channels, T011 no image, T016 channels do not divide into groups.
    Source: Zhang et al., CVPR 2018 (ShuffleNet, arXiv:1707.01083); torch.nn.ChannelShuffle; ONNX Gather.
    """

    groups: int = attr.integer(ge=1, le=LARGEST, doc="equal parts of the channels")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_image(self, x)
        equal_parts(self, "channels", x.size("c"), self.groups)
        return x

    def torch(self, ctx: TorchContext) -> str:
        """Channels as a table, transposed."""
        each = ctx.types[0].size("c") // self.groups
        return f"torch.unflatten({ctx.inputs[0]}, 1, ({self.groups}, {each})).transpose(1, 2).flatten(1, 2)"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Gather of channels."""
        channels = ctx.types[0].size("c")
        each = channels // self.groups
        order = [group * each + i for i in range(each) for group in range(self.groups)]
        return ctx.node("Gather", [ctx.inputs[0], ctx.integers(order)], axis=1)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, an open size."""
        yield cls.configure(2), (IMAGE,)
        yield cls.configure(3), (TensorType("f32", ("c", "l"), (6, "L")),)
