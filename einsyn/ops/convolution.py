"""Convolution of images with one or two spatial axes."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import LARGEST, compact, equal_parts, needs_image, per_axis, slide

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.lowering import OnnxContext, TorchContext


class Conv(Op, name="conv"):
    """Cross-correlation with learned kernels, in `groups` independent groups of channels.

    Shapes: `c h w -> channels h' w'` and `c l -> channels l'` with
    `n' = floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.
    `padding="same"` is `dilation * (kernel - 1) / 2` on each side, whatever the stride; zeros are padded.
    Parameters: `weight` channels x c/groups x kernel and `bias` channels, uniform within `1 / sqrt(fan in)`.
    MACs: `channels * h' * w' * (c / groups) * kernel area`; the bias is not counted.
    Errors: T011 no image, T003 open size, T005 sizes per axis, T013 "same" with a fractional padding,
    T015 the kernel does not fit, T016 channels that do not divide by the groups.
    Source: LeCun et al. 1989; torch.nn.Conv1d and Conv2d; ONNX Conv.
    """

    channels: int = attr.integer(ge=1, doc="output channels")
    kernel: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="step of the window")
    padding: int | str | tuple[int, ...] = attr.extent(
        "same", words=("same",), ge=0, le=LARGEST, doc="zeros on each side"
    )
    dilation: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="distance of kernel elements")
    groups: int = attr.integer(1, ge=1, doc="independent groups of channels")
    bias: bool = attr.boolean(True, doc="whether a vector is added")

    def infer(self, *types: TensorType) -> TensorType:
        """The image with its new channels and spatial sizes."""
        (x,) = types
        spatial = needs_image(self, x)
        equal_parts(self, "channels in", x.size("c"), self.groups)
        equal_parts(self, "channels out", self.channels, self.groups)
        kernel, stride, padding, dilation = self._windows(len(spatial))
        sizes = (
            slide(self, x, axis, k, s, p, d)
            for axis, k, s, p, d in zip(spatial, kernel, stride, padding, dilation, strict=True)
        )
        return TensorType(x.dtype, x.axes, (self.channels, *sizes))

    def _windows(self, count: int) -> tuple[tuple[int, ...], ...]:
        kernel = per_axis(self, "kernel", self.kernel, count)
        stride = per_axis(self, "stride", self.stride, count)
        dilation = per_axis(self, "dilation", self.dilation, count)
        if not isinstance(self.padding, str):
            return kernel, stride, per_axis(self, "padding", self.padding, count), dilation
        reach = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        for k, r in zip(kernel, reach, strict=True):
            if r % 2:
                raise Mismatch(
                    "T013",
                    f'padding "same" of `conv` would be {r / 2} for kernel {k}',
                    "use an odd kernel, or write the padding out: padding=0",
                )
        return kernel, stride, tuple(r // 2 for r in reach), dilation

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The kernels, and the vector if there is one."""
        (x,) = types
        kernel = per_axis(self, "kernel", self.kernel, x.rank - 1)
        weight = Param((self.channels, x.size("c") // self.groups, *kernel), "kaiming_uniform")
        bias = Param((self.channels,), "fan_in_uniform")
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def macs(self, *types: TensorType) -> int:
        """Output elements times the inputs that each one weighs."""
        (x,) = types
        kernel = per_axis(self, "kernel", self.kernel, x.rank - 1)
        return self.infer(x).elements * (x.size("c") // self.groups) * prod(kernel)

    def torch(self, ctx: TorchContext) -> str:
        """A Conv1d or Conv2d."""
        (x,) = ctx.types
        rank = x.rank - 1
        kernel, stride, padding, dilation = self._windows(rank)
        parts = [str(x.size("c")), str(self.channels), compact(kernel)]
        for name, values, default in (("stride", stride, 1), ("padding", padding, 0), ("dilation", dilation, 1)):
            if set(values) != {default}:
                parts.append(f"{name}={compact(values)}")
        if self.groups > 1:
            parts.append(f"groups={self.groups}")
        if not self.bias:
            parts.append("bias=False")
        layer = ctx.layer(f"nn.Conv{rank}d({', '.join(parts)})")
        return f"{layer}({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Conv."""
        kernel, stride, padding, dilation = self._windows(ctx.types[0].rank - 1)
        weights = [ctx.weight("weight"), ctx.weight("bias")] if self.bias else [ctx.weight("weight")]
        return ctx.node(
            "Conv",
            [*ctx.inputs, *weights],
            kernel_shape=kernel,
            strides=stride,
            pads=padding * 2,
            dilations=dilation,
            group=self.groups,
        )

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, each attribute, one number and pairs."""
        image = TensorType("f32", ("c", "h", "w"), (4, 9, 8))
        signal = TensorType("f32", ("c", "l"), (4, 12))
        yield cls.configure(6, 3), (image,)
        yield cls.configure(6, 1, bias=False), (image,)
        yield cls.configure(6, 3, 2), (image,)
        yield cls.configure(6, (3, 2), (1, 2), (1, 0), (2, 1)), (image,)
        yield cls.configure(8, 3, groups=4), (image,)
        yield cls.configure(6, 4, 4, 0), (image,)
        yield cls.configure(6, 3), (signal,)
        yield cls.configure(6, 5, 2, padding=1, dilation=2, groups=2, bias=False), (signal,)
