"""Matrix products of activations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import Size, TensorType
from einsyn.ops.laws import Law
from einsyn.ops.op import Op
from einsyn.ops.rules import axis_list, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext


def known(size: Size) -> int:
    """A size for counting; a symbol counts as 1, like the batch."""
    return size if isinstance(size, int) else 1


class Product(Op):
    """`a @ b` on the last two axes, or the dot product of two vectors."""

    laws = Law.KEEPS_SIGN
    arity = 2

    def factor(self, a: TensorType) -> float | None:
        """What the product is multiplied with, if anything."""
        return None

    def infer(self, *types: TensorType) -> TensorType:
        """Rows of a by columns of b; the axes before them must be equal."""
        a, b = types
        needs_float(self, a, b)
        if a.rank != b.rank or a.rank == 0:
            raise Mismatch(
                "T027", f"`{self.name}` needs tensors with equally many axes, not {axis_list(a)} and {axis_list(b)}"
            )
        self.factor(a)
        named = b if b.batched and not a.batched else a
        batched = a.batched or b.batched
        inner = (a.axes[-1], a.sizes[-1], b.axes[max(0, b.rank - 2)], b.sizes[max(0, b.rank - 2)])
        if inner[1] != inner[3]:
            raise Mismatch(
                "T021",
                f"`{self.name}` contracts the last axis of the first tensor with "
                f"{'the only one' if a.rank == 1 else 'the last but one'} of the second; "
                f"{inner[0]} is {inner[1]} and {inner[2]} is {inner[3]}",
                "`permute` transposes" if a.rank > 1 else None,
            )
        if a.rank == 1:
            return TensorType(a.dtype, named.axes, (1,), None, batched)
        for axis, m, n in zip(a.axes[:-2], a.sizes[:-2], b.sizes[:-2], strict=True):
            if m != n:
                raise Mismatch("T014", f"`{self.name}` needs equal axes before the last two; {axis} is {m} and {n}")
        return TensorType(
            a.dtype,
            named.axes,
            (*a.sizes[:-1], b.sizes[-1]),
            (*a.factors[:-1], b.factors[-1]),
            batched,
        )

    def macs(self, *types: TensorType) -> int:
        """Elements of the result times the size of the axis that is contracted."""
        a, b = types
        return a.elements if a.rank == 1 else a.elements * known(b.sizes[-1])

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return any(zeros)

    def carries(self, *types: TensorType) -> Carried:
        rank = types[0].rank
        if rank == 1:
            return ((None, None),)
        return (*[(i, i) for i in range(rank - 2)], (rank - 2, None), (None, rank - 1))

    def torch(self, ctx: TorchContext) -> str:
        """The operator `@`, on a row and a column for vectors."""
        a, b = ctx.inputs
        scale = self.factor(ctx.types[0])
        tail = "" if scale is None else f" * {scale!r}"
        if ctx.types[0].rank > 1:
            return f"{a} @ {b}{tail}"
        product = f"({a}.unsqueeze(-2) @ {b}.unsqueeze(-1)).squeeze(-1)"
        return f"{product}{tail}"

    def onnx(self, ctx: OnnxContext) -> str:
        """A MatMul, or Mul and ReduceSum for vectors, and a factor if there is one."""
        if ctx.types[0].rank > 1:
            result = ctx.node("MatMul", ctx.inputs)
        else:
            result = ctx.node("ReduceSum", [ctx.node("Mul", ctx.inputs), ctx.integers([-1])], keepdims=1)
        scale = self.factor(ctx.types[0])
        return result if scale is None else ctx.node("Mul", [result, ctx.scalar(scale, ctx.types[0])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Images, sequences, vectors, an open axis, a matrix without batch."""
        image = TensorType("f32", ("c", "h", "w"), (3, 6, 6))
        vector = TensorType("f32", ("d",), (7,))
        factors = ((("h", 3), ("w", 2)), None)
        yield cls.configure(), (image, image)
        yield cls.configure(), (TensorType("f32", ("s", "d"), (6, 8), factors), TensorType("f32", ("s", "d"), (8, 5)))
        yield cls.configure(), (vector, vector)
        yield (
            cls.configure(),
            (TensorType("f32", ("s", "d"), ("T", 8)), TensorType("f32", ("d", "v"), (8, 5), batched=False)),
        )
        yield cls.configure(), (TensorType("f32", ("d",), (7,), batched=False), vector)


class DotProduct(Product, name="dot_product"):
    """`a @ b` on the last two axes, without a transposition of its own; what `@` means on tensors.

    Shapes: `... m k, ... k n -> ... m n` with the axis names of a; `d, d -> 1` for two vectors. The contracted axis
    may be open. m keeps the factorisation that it has in a, n that in b.
    MACs: `... m k n`. Errors: T010 integers, T014 leading axes differ, T021 inner sizes differ, T025 dtypes differ,
    T027 numbers of axes differ. Source: einspace (arXiv:2405.20838), aggregation `dot_product`; torch.matmul; ONNX
    MatMul.
    """


class ScaledDotProduct(Product, name="scaled_dot_product"):
    """`a @ b / sqrt(k)`, where k is the size of the last axis of a; no transposition of its own, no softmax.

    Shapes: `... m k, ... k n -> ... m n` with the axis names of a; `d, d -> 1` for two vectors.
    MACs: `... m k n`. Errors: T003 open k, T010 integers, T014 leading axes differ, T021 inner sizes differ,
    T025 dtypes differ, T027 numbers of axes differ.
    Source: einspace (arXiv:2405.20838), aggregation `scaled_dot_product`; torch.matmul; ONNX MatMul.
    """

    def factor(self, a: TensorType) -> float:
        """One over the root of the contracted size."""
        return a.size(-1) ** -0.5
