"""Convolution of images with one or two spatial axes, and its transpose."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Mixing, Window
from einsyn.ops.op import Op, Param
from einsyn.ops.reduction import Var, reduce
from einsyn.ops.rules import (
    BORDERS,
    LARGEST,
    compact,
    equal_parts,
    needs_border,
    needs_image,
    per_axis,
    places,
    stretched,
)
from einsyn.ops.windows import bordered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ir.types import Size
    from einsyn.ops.lowering import OnnxContext, TorchContext


class Conv(Op, name="conv"):
    """Cross-correlation with learned kernels, in `groups` independent groups of channels.

    Shapes: `c h w -> channels h' w'` and `c l -> channels l'` with
    `n' = floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.
    `padding="same"` is `dilation * (kernel - 1) / 2` on each side, whatever the stride; `padding_mode` says with what.
    Parameters: `weight` channels x c/groups x kernel and `bias` channels, uniform within `1 / sqrt(fan in)`.
    MACs: `channels * h' * w' * (c / groups) * kernel area`; the bias is not counted.
    Errors: T011 no image, T003 open channels, or an open spatial size with a border that is not zeros, T005 sizes per
    axis, T013 "same" with a fractional padding, T015 the kernel does not fit, or the image is too small to fill its
    border, T016 channels that do not divide by the groups.
    Source: LeCun et al. 1989; torch.nn.Conv1d and Conv2d; ONNX Conv, after Pad where the border is not zeros.
    """

    overwritable = True
    scaled_by = ("weight", "bias")
    channels: int = attr.integer(ge=1, doc="output channels")
    kernel: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="step of the window")
    padding: int | str | tuple[int, ...] = attr.extent(
        "same", words=("same",), ge=0, le=LARGEST, doc="zeros on each side"
    )
    dilation: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="distance of kernel elements")
    groups: int = attr.integer(1, ge=1, doc="independent groups of channels")
    bias: bool = attr.boolean(True, doc="whether a vector is added")
    padding_mode: str = attr.text("zeros", one_of=tuple(BORDERS), doc="what is padded, as in `pad`")

    def infer(self, *types: TensorType) -> TensorType:
        """The image with its new channels and spatial sizes."""
        (x,) = types
        spatial = needs_image(self, x)
        equal_parts(self, "channels in", x.size("c"), self.groups)
        equal_parts(self, "channels out", self.channels, self.groups)
        kernel, stride, padding, dilation = self._windows(len(spatial))
        for axis, p in zip(spatial, padding, strict=True):
            needs_border(self, x, axis, p, self.padding_mode)
        sizes = (
            places(self, x, axis, k, s, p, d)
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

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0] and not self.bias

    def mixing(self, *types: TensorType) -> Mixing | None:
        windows = [Window(*each) for each in zip(*self._windows(types[0].rank - 1), strict=True)]
        return Mixing(0, self.channels, self.bias, self.groups, tuple(windows), self.padding_mode)

    def torch(self, ctx: TorchContext) -> str:
        """A Conv1d or Conv2d."""
        return f"{self.layer(ctx)}({ctx.inputs[0]})"

    def layer(self, ctx: TorchContext) -> str:
        """Own the layer and return the expression that names it."""
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
        if self.padding_mode != "zeros":
            parts.append(f'padding_mode="{self.padding_mode}"')
        return ctx.layer(f"nn.Conv{rank}d({', '.join(parts)})")

    def onnx(self, ctx: OnnxContext) -> str:
        """A Conv, after a border that is not zeros."""
        (x,) = ctx.types
        kernel, stride, padding, dilation = self._windows(x.rank - 1)
        (value,) = ctx.inputs
        if self.padding_mode != "zeros":
            value = bordered(ctx, value, x, padding, padding, self.padding_mode)
            padding = (0,) * len(padding)
        weights = [self.weight(ctx), ctx.weight("bias")] if self.bias else [self.weight(ctx)]
        return ctx.node(
            "Conv",
            [value, *weights],
            kernel_shape=kernel,
            strides=stride,
            pads=padding * 2,
            dilations=dilation,
            group=self.groups,
        )

    def weight(self, ctx: OnnxContext) -> str:
        """The kernels as they are applied."""
        return ctx.weight("weight")

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
        yield cls.configure(6, 3, padding_mode="reflect"), (image,)
        yield cls.configure(6, (5, 1), 2, padding_mode="circular"), (image,)
        yield cls.configure(6, 3, padding_mode="replicate"), (signal,)
        yield cls.configure(6, 3, padding_mode="replicate"), (TensorType("f32", ("c", "l"), (4, "L")),)
        yield cls.configure(6, 3, 2), (TensorType("f32", ("c", "h", "w"), (4, "H", "W")),)


class StandardisedConv(Conv, name="std_conv"):
    """A convolution whose kernels have mean 0 and variance 1 for each output channel: weight standardisation.

    The kernel `w` of a channel is applied as `(w - mean(w)) / sqrt(var(w) + eps)`, all else as in `conv`.
    Shapes: `c h w -> channels h' w'` and `c l -> channels l'` with
    `n' = floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1`.
    Parameters: `weight` channels x c/groups x kernel and `bias` channels, uniform within `1 / sqrt(fan in)`.
    MACs: `channels * h' * w' * (c / groups) * kernel area`; bias and standardisation are not counted.
    Errors: T003, T005, T011, T013, T015, T016 as in `conv`.
    Source: Qiao et al. 2019 (arXiv:1903.10520); torch.nn.functional.conv2d; ONNX ReduceMean, Sqrt, Div and Conv.
    """

    # A kernel that is standardised is scaled by nothing.
    scaled_by = ()
    eps: float = attr.real(1e-6, ge=0, doc="added to the variance")

    def mixing(self, *types: TensorType) -> Mixing | None:
        return None

    def torch(self, ctx: TorchContext) -> str:
        """A call of `conv1d` or `conv2d` with kernels that are standardised first."""
        (x,) = ctx.types
        layer, rank = self.layer(ctx), x.rank - 1
        _, stride, padding, dilation = self._windows(rank)
        value = ctx.inputs[0]
        if self.padding_mode != "zeros":
            amounts = tuple(p for p in reversed(padding) for _ in range(2))
            value = ctx.assign(f'nn.functional.pad({value}, {amounts}, mode="{self.padding_mode}")')
            padding = (0,) * rank
        dims = tuple(range(1, x.rank + 1))
        kernel = ctx.assign(f"{layer}.weight - {layer}.weight.mean({dims}, keepdim=True)")
        kernel = f"{kernel} / ({kernel}.square().mean({dims}, keepdim=True) + {self.eps!r}).sqrt()"
        return (
            f"nn.functional.conv{rank}d({value}, {kernel}, {layer}.bias, "
            f"{compact(stride)}, {compact(padding)}, {compact(dilation)}, {self.groups})"
        )

    def weight(self, ctx: OnnxContext) -> str:
        """The kernels standardised."""
        kernel, like = ctx.weight("weight"), ctx.outputs[0]
        dims = list(range(1, like.rank + 1))
        centred = ctx.node("Sub", [kernel, reduce(ctx, "ReduceMean", kernel, dims, True)])
        shifted = ctx.node("Add", [Var.of(ctx, kernel, dims, True), ctx.scalar(self.eps, like)])
        return ctx.node("Div", [centred, ctx.node("Sqrt", [shifted])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """What `conv` shows, and another epsilon."""
        yield from super().examples()
        yield cls.configure(6, 3, eps=1e-3), (TensorType("f32", ("c", "h", "w"), (4, 9, 8)),)


class ConvTranspose(Op, name="conv_transpose"):
    """The transpose of a convolution: each place of the input adds its kernel to the output, `stride` places apart.

    Shapes: `c h w -> channels h' w'` and `c l -> channels l'` with
    `n' = (n - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1`; spatial sizes may be open.
    Parameters: `weight` c x channels/groups x kernel and `bias` channels, uniform within `1 / sqrt(fan in)`.
    MACs: `c * h * w * (channels / groups) * kernel area`; the bias is not counted.
    Errors: T003 an open number of channels or an open size that was rounded, T005 sizes per axis, T011 no image,
    T015 padding takes all away, T016 channels that do not
    divide by the groups, T033 output padding that is not smaller than stride or dilation.
    Source: Zeiler et al., CVPR 2010; torch.nn.ConvTranspose1d and ConvTranspose2d; ONNX ConvTranspose.
    """

    scaled_by = ("weight", "bias")
    channels: int = attr.integer(ge=1, doc="output channels")
    kernel: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="distance of neighbours in the output")
    padding: int | tuple[int, ...] = attr.extent(0, ge=0, le=LARGEST, doc="places cut off on each side")
    output_padding: int | tuple[int, ...] = attr.extent(0, ge=0, le=LARGEST, doc="places more at the end")
    dilation: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="distance of kernel elements")
    groups: int = attr.integer(1, ge=1, doc="independent groups of channels")
    bias: bool = attr.boolean(True, doc="whether a vector is added")

    def infer(self, *types: TensorType) -> TensorType:
        """The image with its new channels and spatial sizes."""
        (x,) = types
        spatial = needs_image(self, x)
        equal_parts(self, "channels in", x.size("c"), self.groups)
        equal_parts(self, "channels out", self.channels, self.groups)
        sizes: list[Size] = []
        for axis, k, s, p, more, d in zip(spatial, *self._windows(len(spatial)), strict=True):
            if more >= max(s, d):
                raise Mismatch("T033", f"output_padding {more} of `{self.name}` needs a stride or dilation above it")
            size = stretched(self, x, axis, s, d * (k - 1) + more + 1 - s - 2 * p)
            if isinstance(size, int) and size < 1:
                raise Mismatch("T015", f"padding {p} of `{self.name}` leaves nothing of axis {axis}:{x.size(axis)}")
            sizes.append(size)
        return TensorType(x.dtype, x.axes, (self.channels, *sizes))

    def _windows(self, count: int) -> tuple[tuple[int, ...], ...]:
        return (
            per_axis(self, "kernel", self.kernel, count),
            per_axis(self, "stride", self.stride, count),
            per_axis(self, "padding", self.padding, count),
            per_axis(self, "output_padding", self.output_padding, count),
            per_axis(self, "dilation", self.dilation, count),
        )

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The kernels, and the vector if there is one."""
        (x,) = types
        kernel, *_ = self._windows(x.rank - 1)
        weight = Param((x.size("c"), self.channels // self.groups, *kernel), "kaiming_uniform")
        bias = Param((self.channels,), "fan_in_uniform")
        return {"weight": weight, "bias": bias} if self.bias else {"weight": weight}

    def macs(self, *types: TensorType) -> int:
        """Input elements times the outputs that each one adds to."""
        (x,) = types
        kernel, *_ = self._windows(x.rank - 1)
        return x.elements * (self.channels // self.groups) * prod(kernel)

    def torch(self, ctx: TorchContext) -> str:
        """A ConvTranspose1d or ConvTranspose2d."""
        (x,) = ctx.types
        kernel, stride, padding, more, dilation = self._windows(x.rank - 1)
        parts = [str(x.size("c")), str(self.channels), compact(kernel)]
        options = (
            ("stride", stride, 1),
            ("padding", padding, 0),
            ("output_padding", more, 0),
            ("dilation", dilation, 1),
        )
        parts += [f"{name}={compact(values)}" for name, values, default in options if set(values) != {default}]
        if self.groups > 1:
            parts.append(f"groups={self.groups}")
        if not self.bias:
            parts.append("bias=False")
        layer = ctx.layer(f"nn.ConvTranspose{x.rank - 1}d({', '.join(parts)})")
        return f"{layer}({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A ConvTranspose."""
        kernel, stride, padding, more, dilation = self._windows(ctx.types[0].rank - 1)
        weights = [ctx.weight("weight"), ctx.weight("bias")] if self.bias else [ctx.weight("weight")]
        return ctx.node(
            "ConvTranspose",
            [*ctx.inputs, *weights],
            kernel_shape=kernel,
            strides=stride,
            pads=padding * 2,
            output_padding=more,
            dilations=dilation,
            group=self.groups,
        )

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, each attribute, one number and pairs."""
        image = TensorType("f32", ("c", "h", "w"), (4, 5, 6))
        signal = TensorType("f32", ("c", "l"), (4, 7))
        yield cls.configure(6, 2, 2), (image,)
        yield cls.configure(6, 3, 2, 1, 1), (image,)
        yield cls.configure(6, (3, 2), (1, 3), (1, 0), (0, 2), (2, 1)), (image,)
        yield cls.configure(8, 4, 2, 1, groups=4), (image,)
        yield cls.configure(6, 1, bias=False), (image,)
        yield cls.configure(6, 4, 2, 1), (signal,)
        yield cls.configure(6, 3, 2, output_padding=1, dilation=2, groups=2, bias=False), (signal,)
        yield cls.configure(6, 3, 2, 1, 1), (TensorType("f32", ("c", "h", "w"), (4, "H", "2 * W + 1")),)
