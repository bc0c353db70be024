"""Reductions over axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Law
from einsyn.ops.op import Op
from einsyn.ops.rules import dim, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext


def reduce(ctx: OnnxContext, node: str, x: str, dims: list[int], keep: bool, axes_input_from: int = 18) -> str:
    """Emit one reduction node, which takes its axes as an input from the given opset on and as an attribute before."""
    if ctx.opset >= axes_input_from:
        return ctx.node(node, [x, ctx.integers(dims)], keepdims=int(keep))
    return ctx.node(node, [x], axes=dims, keepdims=int(keep))


class Reduction(Op):
    """What all reductions share: the axes go, or stay with size 1; an image without space is a vector `d`."""

    axes: tuple[int | str, ...] = attr.axes(doc="the axes to reduce")
    keep: bool = attr.boolean(False, doc="whether they stay with size 1")

    method: ClassVar[str]
    node: ClassVar[str]
    # The opset from which the ONNX operator takes its axes as an input.
    axes_input_from: ClassVar[int] = 18

    def infer(self, *types: TensorType) -> TensorType:
        """The input without the axes, or with size 1 there."""
        (x,) = types
        needs_float(self, x)
        gone = self._indices(x)
        if self.keep:
            return TensorType(
                x.dtype,
                x.axes,
                tuple(1 if i in gone else size for i, size in enumerate(x.sizes)),
                tuple(None if i in gone else factors for i, factors in enumerate(x.factors)),
                x.batched,
            )
        left = [i for i in range(x.rank) if i not in gone]
        axes = tuple(x.axes[i] for i in left)
        return TensorType(
            x.dtype,
            ("d",) if axes == ("c",) else axes,
            tuple(x.sizes[i] for i in left),
            tuple(x.factors[i] for i in left),
            x.batched,
        )

    def _indices(self, x: TensorType) -> list[int]:
        found: list[int] = []
        for axis in self.axes:
            index = x.axis(axis)
            if index in found:
                raise Mismatch("T019", f"`{self.name}` names axis {x.axes[index]} twice")
            found.append(index)
        return sorted(found)

    def _dims(self, x: TensorType) -> list[int]:
        return [dim(x, i) for i in self._indices(x)]

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        gone = self._indices(x)
        return tuple([(None if i in gone else i,) for i in range(x.rank) if self.keep or i not in gone])

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def torch(self, ctx: TorchContext) -> str:
        """The method of the tensor."""
        dims = self._dims(ctx.types[0])
        shown = str(dims[0]) if len(dims) == 1 else str(tuple(dims))
        keep = ", keepdim=True" if self.keep else ""
        return f"{ctx.inputs[0]}.{self.method.format(dims=shown)}{keep})"

    def onnx(self, ctx: OnnxContext) -> str:
        """The reduction node, whose axes are an input or an attribute by opset."""
        return reduce(ctx, self.node, ctx.inputs[0], self._dims(ctx.types[0]), self.keep, self.axes_input_from)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One and several axes, kept and removed, an open axis contracted."""
        image = TensorType("f32", ("c", "h", "w"), (3, 6, 5))
        yield cls.configure(("h", "w")), (image,)
        yield cls.configure(["h", "w"], keep=True), (image,)
        yield cls.configure("c"), (image,)
        yield cls.configure("s"), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(-1), (TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None)),)


class Mean(Reduction, name="mean"):
    """The arithmetic mean over axes.

    Shapes: the axes go (`c h w -> d` over h and w, `s d -> d` over s) or stay with size 1; they may be open.
    MACs: 0. Errors: T002 no such axis, T010 integers, T019 an axis twice. Source: torch.mean; ONNX ReduceMean.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    method = "mean({dims}"
    node = "ReduceMean"

    def even(self, *types: TensorType) -> tuple[int, ...]:
        return tuple(self._indices(types[0]))


class Sum(Reduction, name="sum"):
    """The sum over axes.

    Shapes: the axes go (`c h w -> d` over h and w, `s d -> d` over s) or stay with size 1; they may be open.
    MACs: 0. Errors: T002 no such axis, T010 integers, T019 an axis twice. Source: torch.sum; ONNX ReduceSum.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    method = "sum({dims}"
    node = "ReduceSum"
    axes_input_from = 13


class Max(Reduction, name="max"):
    """The largest element over axes.

    Shapes: the axes go (`c h w -> d` over h and w, `s d -> d` over s) or stay with size 1; they may be open.
    MACs: 0. Errors: T002 no such axis, T010 integers, T019 an axis twice. Source: torch.amax; ONNX ReduceMax.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    method = "amax({dims}"
    node = "ReduceMax"

    def even(self, *types: TensorType) -> tuple[int, ...]:
        return tuple(self._indices(types[0]))


class Var(Reduction, name="var"):
    """The population variance over axes, `mean((x - mean(x)) ** 2)`, as normalisation layers use it.

    Shapes: the axes go (`c h w -> d` over h and w, `s d -> d` over s) or stay with size 1; they may be open.
    MACs: 0. Errors: T002 no such axis, T010 integers, T019 an axis twice.
    Source: torch.var with correction 0; ONNX ReduceMean, Sub and Mul.
    """

    laws = Law.NEVER_NEGATIVE
    method = "var({dims}, correction=0"

    def even(self, *types: TensorType) -> tuple[int, ...]:
        return tuple(self._indices(types[0]))

    def onnx(self, ctx: OnnxContext) -> str:
        """The mean of squared differences from the mean."""
        return self.of(ctx, ctx.inputs[0], self._dims(ctx.types[0]), self.keep)

    @staticmethod
    def of(ctx: OnnxContext, x: str, dims: list[int], keep: bool) -> str:
        """Emit the variance of a tensor over dimensions."""
        centred = ctx.node("Sub", [x, reduce(ctx, "ReduceMean", x, dims, True)])
        return reduce(ctx, "ReduceMean", ctx.node("Mul", [centred, centred]), dims, keep)
