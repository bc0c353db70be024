"""Operations that exchange channels and places of an image, or deal channels out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.op import Op
from einsyn.ops.rules import LARGEST, equal_parts, needs_image, parted, stretched

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 9, 8))
SIGNAL = TensorType("f32", ("c", "l"), (6, 12))
OPEN = TensorType("f32", ("c", "h", "w"), (4, "H", "2 * W + 1"))


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

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        # One group, or groups of one channel, are dealt out as they lie.
        return (0,) if self.groups in (1, types[0].size("c")) else None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

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
        """Both ranks, an open size, groups that change nothing."""
        yield cls.configure(1), (IMAGE,)
        yield cls.configure(4), (IMAGE,)
        yield cls.configure(2), (IMAGE,)
        yield cls.configure(3), (TensorType("f32", ("c", "l"), (6, "L")),)
