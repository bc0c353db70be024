"""Batch, layer, group, instance and root-mean-square normalisation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.reduction import reduce
from einsyn.ops.rules import SPATIAL, equal_parts, needs_float, needs_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Absorbing, Carried, Weights
    from einsyn.ops.lowering import OnnxContext, TorchContext


class BatchNorm(Op, name="batch_norm"):
    """`(x - mean) / sqrt(var + eps) * weight + bias` per channel.

    Mean and variance are those of the batch while training and running averages (momentum 0.1) afterwards. Training
    needs more than one value of each channel: torch refuses a batch of one where the image is 1 x 1.
    Shapes: `c h w -> c h w` and `c l -> c l`; spatial sizes may be open.
    Parameters: `weight` (ones) and `bias` (zeros) of size c, none with `affine=false`.
    Buffers: running mean and variance, and the number of batches seen.
    MACs: 0. Errors: T011 the tensor has no axis c, T003 open number of channels.
    Source: Ioffe & Szegedy, ICML 2015; torch.nn.BatchNorm1d and BatchNorm2d; ONNX BatchNormalization.
    """

    overwritable = True
    scaled_by = ("weight", "bias")
    eps: float = attr.real(1e-5, ge=0, doc="added to the variance")
    affine: bool = attr.boolean(True, doc="whether scale and shift are learned")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        if x.kind not in SPATIAL:
            raise Mismatch(
                "T011",
                f"`batch_norm` needs an axis c of an image, not {x}",
                "`layer_norm` normalises the last axis of any tensor",
            )
        needs_image(self, x)
        x.size("c")
        return x

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """Scale and shift."""
        size = (types[0].size("c"),)
        return {"weight": Param(size, "ones"), "bias": Param(size, "zeros")} if self.affine else {}

    def buffers(self, *types: TensorType) -> Mapping[str, Param]:
        """Running statistics."""
        size = (types[0].size("c"),)
        return {
            "running_mean": Param(size, "zeros"),
            "running_var": Param(size, "ones"),
            "num_batches_tracked": Param((), "zeros", "i64"),
        }

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (0,))

    def fixing(self, *types: TensorType) -> Mapping[str, float] | None:
        if not self.affine:
            return None
        scale = (1 + self.eps) ** 0.5
        return {"weight": scale, "bias": 0, "running_mean": 0, "running_var": 1, "num_batches_tracked": 0}

    def absorbs(self) -> Absorbing | None:
        return self._after_scaling if self.affine else None

    def _after_scaling(self, weights: Weights, factor: float) -> Weights:
        mean, var = weights["running_mean"] * factor, weights["running_var"] * factor**2
        # By eps the variance is not quite that of what is scaled.
        kept = ((var + self.eps) / (var + self.eps * factor**2)).sqrt()
        return {**weights, "running_mean": mean, "running_var": var, "weight": weights["weight"] * kept}

    def torch(self, ctx: TorchContext) -> str:
        """A BatchNorm1d or BatchNorm2d."""
        (x,) = ctx.types
        eps = "" if self.eps == 1e-5 else f", eps={self.eps!r}"
        affine = "" if self.affine else ", affine=False"
        layer = ctx.layer(f"nn.BatchNorm{x.rank - 1}d({x.size('c')}{eps}{affine})")
        return f"{layer}({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A BatchNormalization with the running statistics."""
        if self.affine:
            scale, shift = ctx.weight("weight"), ctx.weight("bias")
        else:
            scale, shift = ctx.filled(1.0, ctx.types[0].size("c")), ctx.filled(0.0, ctx.types[0].size("c"))
        statistics = [ctx.weight("running_mean"), ctx.weight("running_var")]
        return ctx.node("BatchNormalization", [*ctx.inputs, scale, shift, *statistics], epsilon=self.eps)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, with and without scale, open sizes."""
        yield cls.configure(), (TensorType("f32", ("c", "h", "w"), (4, 5, 6)),)
        yield cls.configure(1e-3, affine=False), (TensorType("f32", ("c", "h", "w"), (4, "H", "W")),)
        yield cls.configure(), (TensorType("f32", ("c", "l"), (4, 7)),)


class LayerNorm(Op, name="layer_norm"):
    """`(x - mean) / sqrt(var + eps) * weight + bias` over the last axis.

    Shapes: `... d -> ... d`; the other sizes may be open.
    Parameters: `weight` (ones) and `bias` (zeros) of the size of the last axis, none with `affine=false`.
    MACs: 0. Errors: T002 no axis, T003 open size of the last axis, T010 integers.
    Source: Ba, Kiros & Hinton 2016 (arXiv:1607.06450); torch.nn.LayerNorm; ONNX LayerNormalization (opset 17).
    """

    scaled_by = ("weight", "bias")
    eps: float = attr.real(1e-5, ge=0, doc="added to the variance")
    affine: bool = attr.boolean(True, doc="whether scale and shift are learned")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        x.size(-1)
        return x

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """Scale and shift."""
        size = (types[0].size(-1),)
        return {"weight": Param(size, "ones"), "bias": Param(size, "zeros")} if self.affine else {}

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def even(self, *types: TensorType) -> tuple[int, ...]:
        return (types[0].rank - 1,)

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias"), (types[0].rank - 1,))

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0] and not self.affine and self.eps > 0

    def torch(self, ctx: TorchContext) -> str:
        """A LayerNorm, or the function where nothing is learned."""
        eps = "" if self.eps == 1e-5 else f", eps={self.eps!r}"
        size = ctx.types[0].size(-1)
        if not self.affine:
            return f"nn.functional.layer_norm({ctx.inputs[0]}, ({size},){eps})"
        return f"{ctx.layer(f'nn.LayerNorm({size}{eps})')}({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A LayerNormalization over the last axis."""
        if self.affine:
            scale = [ctx.weight("weight"), ctx.weight("bias")]
        else:
            scale = [ctx.filled(1.0, ctx.types[0].size(-1))]
        return ctx.node("LayerNormalization", [*ctx.inputs, *scale], axis=-1, epsilon=self.eps)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Open sequences, images and vectors, with and without scale."""
        yield cls.configure(), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(1e-6), (TensorType("f32", ("c", "h", "w"), (3, 6, 5)),)
        yield cls.configure(affine=False), (TensorType("f32", ("d",), (9,)),)


class RmsNorm(Op, name="rms_norm"):
    """`x / sqrt(mean(x ** 2) + eps) * weight` over the last axis.

    Shapes: `... d -> ... d`; the other sizes may be open.
    Parameters: `weight` (ones) of the size of the last axis, none with `affine=false`.
    MACs: 0. Errors: T002 no axis, T003 open size of the last axis, T010 integers.
    Source: Zhang & Sennrich, NeurIPS 2019 (arXiv:1910.07467); torch.nn.RMSNorm; ONNX ReduceMean, Sqrt and Div.
    """

    scaled_by = ("weight",)
    eps: float = attr.real(1e-5, ge=0, doc="added to the mean square")
    affine: bool = attr.boolean(True, doc="whether a scale is learned")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        x.size(-1)
        return x

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The scale."""
        return {"weight": Param((types[0].size(-1),), "ones")} if self.affine else {}

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def even(self, *types: TensorType) -> tuple[int, ...]:
        return (types[0].rank - 1,)

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        return dict.fromkeys(("weight",), (types[0].rank - 1,))

    def torch(self, ctx: TorchContext) -> str:
        """An RMSNorm, or the function where nothing is learned."""
        size = ctx.types[0].size(-1)
        if not self.affine:
            return f"nn.functional.rms_norm({ctx.inputs[0]}, ({size},), eps={self.eps!r})"
        return f"{ctx.layer(f'nn.RMSNorm({size}, eps={self.eps!r})')}({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """The input over the root of its mean square."""
        (x,), like = ctx.inputs, ctx.types[0]
        square = reduce(ctx, "ReduceMean", ctx.node("Mul", [x, x]), [like.rank - 1 + like.batched], True)
        root = ctx.node("Sqrt", [ctx.node("Add", [square, ctx.scalar(self.eps, like)])])
        scaled = ctx.node("Div", [x, root])
        return ctx.node("Mul", [scaled, ctx.weight("weight")]) if self.affine else scaled

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Open sequences, images and vectors, with and without scale."""
        yield cls.configure(), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(1e-6), (TensorType("f32", ("c", "h", "w"), (3, 6, 5)),)
        yield cls.configure(affine=False), (TensorType("f32", ("d",), (9,)),)


class OverGroups(Op, ABC):
    """`(x - mean) / sqrt(var + eps) * weight + bias`, mean and variance over groups of channels and all places."""

    scaled_by = ("weight", "bias")
    eps: float
    affine: bool

    @abstractmethod
    def count(self, x: TensorType) -> int:
        """The number of groups."""

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_image(self, x)
        equal_parts(self, "channels", x.size("c"), self.count(x))
        return x

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """Scale and shift."""
        size = (types[0].size("c"),)
        return {"weight": Param(size, "ones"), "bias": Param(size, "zeros")} if self.affine else {}

    def torch(self, ctx: TorchContext) -> str:
        """A GroupNorm, or the function where nothing is learned."""
        (x,) = ctx.types
        eps = "" if self.eps == 1e-5 else f", eps={self.eps!r}"
        if not self.affine:
            owner = "torch" if self._is_single(x) else "nn.functional"
            return f"{owner}.group_norm({ctx.inputs[0]}, {self.count(x)}{eps})"
        layer = ctx.layer(f"nn.GroupNorm({self.count(x)}, {x.size('c')}{eps})")
        if self._is_single(x):
            return f"torch.group_norm({ctx.inputs[0]}, {self.count(x)}, {layer}.weight, {layer}.bias{eps})"
        return f"{layer}({ctx.inputs[0]})"

    def _is_single(self, x: TensorType) -> bool:
        """Whether each group is one element, which torch's layer refuses in a batch of one."""
        return x.size("c") == self.count(x) and all(n == 1 for n in x.sizes[1:])

    def onnx(self, ctx: OnnxContext) -> str:
        """An InstanceNormalization of `[B, groups, rest]`, back in shape, scaled and shifted."""
        (value,), (x,) = ctx.inputs, ctx.types
        groups = self.count(x)
        rows = ctx.node("Reshape", [value, ctx.integers([0, groups, -1])])
        plain = [ctx.filled(1.0, groups), ctx.filled(0.0, groups)]
        normal = ctx.node("InstanceNormalization", [rows, *plain], epsilon=self.eps)
        result = ctx.node("Reshape", [normal, ctx.node("Shape", [value])])
        if not self.affine:
            return result
        column = ctx.integers([x.size("c"), *(1 for _ in x.axes[1:])])
        scaled = ctx.node("Mul", [result, ctx.node("Reshape", [ctx.weight("weight"), column])])
        return ctx.node("Add", [scaled, ctx.node("Reshape", [ctx.weight("bias"), column])])


class GroupNorm(OverGroups, name="group_norm"):
    """`(x - mean) / sqrt(var + eps) * weight + bias`, mean and variance over a group of channels and all places.

    One group is layer normalisation over the whole image. A group of one element becomes its bias: nothing before it
    learns. Shapes: `c h w -> c h w` and `c l -> c l`; spatial sizes may be open.
    Parameters: `weight` (ones) and `bias` (zeros) of size c, none with `affine=false`.
    MACs: 0. Errors: T003 open number of channels, T011 no image, T016 channels do not divide into groups.
    Source: Wu & He, ECCV 2018 (arXiv:1803.08494); torch.nn.GroupNorm; ONNX InstanceNormalization.
    """

    groups: int = attr.integer(ge=1, doc="equal parts of the channels")
    eps: float = attr.real(1e-5, ge=0, doc="added to the variance")
    affine: bool = attr.boolean(True, doc="whether scale and shift are learned")

    def count(self, x: TensorType) -> int:
        """The attribute."""
        return self.groups

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, with and without scale, open sizes."""
        yield cls.configure(2), (TensorType("f32", ("c", "h", "w"), (4, 5, 6)),)
        yield cls.configure(1, 1e-3, affine=False), (TensorType("f32", ("c", "h", "w"), (4, "H", "W")),)
        yield cls.configure(3), (TensorType("f32", ("c", "l"), (6, 7)),)


class InstanceNorm(OverGroups, name="instance_norm"):
    """`(x - mean) / sqrt(var + eps) * weight + bias`, mean and variance over the places of one channel.

    An image of 1 x 1 becomes the bias: nothing before it learns.
    Shapes: `c h w -> c h w` and `c l -> c l`; spatial sizes may be open.
    Parameters: `weight` (ones) and `bias` (zeros) of size c, none with `affine=false`.
    MACs: 0. Errors: T003 open number of channels, T011 no image.
    Source: Ulyanov, Vedaldi & Lempitsky 2016 (arXiv:1607.08022); torch.nn.GroupNorm with a group for each channel;
    ONNX InstanceNormalization.
    """

    eps: float = attr.real(1e-5, ge=0, doc="added to the variance")
    affine: bool = attr.boolean(True, doc="whether scale and shift are learned")

    def count(self, x: TensorType) -> int:
        """One group for each channel."""
        return x.size("c")

    def carries(self, *types: TensorType) -> Carried:
        x = types[0]
        return each_axis(x.rank, without=tuple(range(1, x.rank)))

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias"), (0,))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, with and without scale, open sizes."""
        yield cls.configure(), (TensorType("f32", ("c", "h", "w"), (4, 5, 6)),)
        yield cls.configure(1e-3, affine=False), (TensorType("f32", ("c", "h", "w"), (4, "H", "W")),)
        yield cls.configure(), (TensorType("f32", ("c", "l"), (4, 7)),)
