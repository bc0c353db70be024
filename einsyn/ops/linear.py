"""The affine map on one axis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Mixing, each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import dim, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext


class Linear(Op, name="linear"):
    """`y = x W^T + b` on one axis, the last by default.

    Shapes: `... n ... -> ... width ...`; the other axes may have open sizes, the axis forgets a factorisation.
    Parameters: `weight` width x n and `bias` width, both uniform within `1 / sqrt(n)`.
    MACs: `width` for every element of the input; the bias is not counted.
    Errors: T002 no such axis, T003 open size of the axis, T010 integers.
    Source: torch.nn.Linear; ONNX Gemm and MatMul.
    """

    overwritable = True
    scaled_by = ("weight", "bias")
    width: int = attr.integer(ge=1, doc="size of the axis afterwards")
    bias: bool = attr.boolean(True, doc="whether a vector is added")
    axis: int | str = attr.axis(-1, doc="the axis that is mapped")

    def infer(self, *types: TensorType) -> TensorType:
        """The input with the axis of another size."""
        (x,) = types
        needs_float(self, x)
        index, _ = x.sized(self.axis)
        return x.resized(index, self.width)

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The matrix, and the vector if there is one."""
        weight = Param((self.width, types[0].size(self.axis)), "kaiming_uniform")
        return {"weight": weight, "bias": Param((self.width,), "fan_in_uniform")} if self.bias else {"weight": weight}

    def macs(self, *types: TensorType) -> int:
        """Input elements times width."""
        return types[0].elements * self.width

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0] and not self.bias

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        return each_axis(x.rank, without=(x.axis(self.axis),))

    def mixing(self, *types: TensorType) -> Mixing | None:
        return Mixing(types[0].axis(self.axis), self.width, self.bias)

    def torch(self, ctx: TorchContext) -> str:
        """A Linear, between two transpositions if the axis is not the last."""
        (x,) = ctx.types
        bias = "" if self.bias else ", bias=False"
        layer = ctx.layer(f"nn.Linear({x.size(self.axis)}, {self.width}{bias})")
        index = x.axis(self.axis)
        if index == x.rank - 1:
            return f"{layer}({ctx.inputs[0]})"
        swap = f".transpose({dim(x, index)}, -1)"
        return f"{layer}({ctx.inputs[0]}{swap}){swap}"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Gemm for vectors, else MatMul and Add, between transpositions if the axis is not the last."""
        (x,) = ctx.types
        (value,) = ctx.inputs
        index = x.axis(self.axis)
        if x.rank == 1 and x.batched:
            bias = [ctx.weight("bias")] if self.bias else []
            return ctx.node("Gemm", [value, ctx.weight("weight"), *bias], transB=1)
        order = list(range(x.rank + x.batched))
        order[dim(x, index)], order[-1] = order[-1], order[dim(x, index)]
        moved = index != x.rank - 1
        if moved:
            value = ctx.node("Transpose", [value], perm=order)
        value = ctx.node("MatMul", [value, ctx.weight("weight", transpose=True)])
        if self.bias:
            value = ctx.node("Add", [value, ctx.weight("bias")])
        return ctx.node("Transpose", [value], perm=order) if moved else value

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Vectors, sequences and images, with and without bias, on any axis, without a batch."""
        factors = ((("h", 3), ("w", 2)), None)
        yield cls.configure(5), (TensorType("f32", ("d",), (7,)),)
        yield cls.configure(5, False), (TensorType("f32", ("d",), (7,)),)
        yield cls.configure(4), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(4, axis="s"), (TensorType("f32", ("s", "d"), (6, 8), factors),)
        yield cls.configure(4, bias=False, axis=1), (TensorType("f32", ("c", "h", "w"), (3, 6, 5)),)
        yield cls.configure(4), (TensorType("f32", ("v", "d"), (6, 8), batched=False),)
