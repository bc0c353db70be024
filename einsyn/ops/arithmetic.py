"""Arithmetic of tensors: strict sums and products of many, broadcasting operators of two, weighted means, opposites."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import Factors, Size, TensorType
from einsyn.ops.elementwise import Elementwise
from einsyn.ops.laws import Law, each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import axis_list, needs_batch, needs_float, same_axes, same_shapes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 6, 5))
OPEN_SEQUENCE = TensorType("f32", ("s", "d"), ("T", 8))
GRID = TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None))
PLAIN = TensorType("f32", ("s", "d"), (6, 8))
# Terms in one statement of source; longer chains overflow Python's parser.
CHUNK = 8


class Strict(Op):
    """A sum or product of any number of tensors of one shape."""

    arity = None
    sign: ClassVar[str]

    def infer(self, *types: TensorType) -> TensorType:
        """The common type; of factorisations the first counts, two different ones give none."""
        return same_shapes(self, types)

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank, len(types))

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) if len(types) == 1 else None

    def torch(self, ctx: TorchContext) -> str | tuple[str, ...]:
        """A chain of the operator, in statements of a few terms."""
        terms = list(ctx.inputs)
        if len(terms) == 1:
            return (terms[0],)
        while len(terms) > CHUNK:
            terms[:CHUNK] = [ctx.assign(self.sign.join(terms[:CHUNK]))]
        return self.sign.join(terms)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One, two and many tensors, with and without factorisation."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(), (PLAIN, GRID)
        yield cls.configure(), (OPEN_SEQUENCE, OPEN_SEQUENCE, OPEN_SEQUENCE)
        yield cls.configure(), (TensorType("f32", ("d",), (3,)),) * 20


class Add(Strict, name="add"):
    """The sum of one or more tensors of equal shape.

    Shapes: `..., ..., ... -> ...`. MACs: 0. Errors: T010 integers, T014 shapes differ, T025 dtypes differ,
    T026 axes differ. Source: torch.add; ONNX Add, and Sum for three or more.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    joins = "sum"
    overwritable = True
    sign = " + "

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return all(zeros)

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """An Add or a Sum."""
        if len(ctx.inputs) == 1:
            return (ctx.inputs[0],)
        return ctx.node("Add" if len(ctx.inputs) == 2 else "Sum", ctx.inputs)


class Multiply(Strict, name="multiply"):
    """The element-wise product of one or more tensors of equal shape.

    Shapes: `..., ..., ... -> ...`. MACs: 0 (they count convolutions and matrix products). Errors: T010 integers,
    T014 shapes differ, T025 dtypes differ, T026 axes differ. Source: torch.mul; ONNX Mul.
    """

    laws = Law.KEEPS_SIGN
    joins = "product"
    sign = " * "

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return any(zeros)

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """A chain of Mul."""
        result = ctx.inputs[0]
        for other in ctx.inputs[1:]:
            result = ctx.node("Mul", [result, other])
        return result if len(ctx.inputs) > 1 else (result,)


class Broadcast(Op):
    """An operator of two tensors with the same axes; sizes of 1 and a missing batch axis broadcast."""

    arity = 2
    source: ClassVar[str]
    node: ClassVar[str]

    def infer(self, *types: TensorType) -> TensorType:
        """On every axis the size that is not 1."""
        a, b = types
        needs_float(self, a, b)
        same_axes(self, types)
        if a is b:
            return a
        sizes: list[Size] = []
        factors: list[Factors | None] = []
        for axis, m, n, f, g in zip(a.axes, a.sizes, b.sizes, a.factors, b.factors, strict=True):
            if m != n and m != 1 and n != 1:
                raise Mismatch(
                    "T020",
                    f"`{self.name}` needs sizes that agree or are 1; axis {axis} of {axis_list(a)} is {m} and {n}",
                )
            if m == n:
                sizes.append(m)
                factors.append(f if g is None or f == g else g if f is None else None)
            else:
                sizes.append(n if m == 1 else m)
                factors.append(g if m == 1 else f)
        return TensorType(a.dtype, a.axes, tuple(sizes), tuple(factors), a.batched or b.batched)

    def carries(self, *types: TensorType) -> Carried:
        # An axis of size 1 that broadcasts is followed by nothing.
        a, b = types
        alike = [m == n for m, n in zip(a.sizes, b.sizes, strict=True)]
        return tuple(
            [
                (i if same or m != 1 else None, i if same or m == 1 else None)
                for i, (same, m) in enumerate(zip(alike, a.sizes, strict=True))
            ]
        )

    def torch(self, ctx: TorchContext) -> str:
        """The operator between both."""
        return self.source.format(a=ctx.inputs[0], b=ctx.inputs[1])

    def onnx(self, ctx: OnnxContext) -> str:
        """The node, which broadcasts alike."""
        return ctx.node(self.node, ctx.inputs)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Equal shapes, sizes of 1 on either side, and a missing batch."""
        column = TensorType("f32", ("c", "h", "w"), (4, 1, 1))
        yield cls.configure(), (IMAGE, IMAGE)
        yield cls.configure(), (column, IMAGE)
        yield cls.configure(), (IMAGE, TensorType("f32", ("c", "h", "w"), (1, 6, 1), batched=False))
        yield cls.configure(), (OPEN_SEQUENCE, TensorType("f32", ("s", "d"), (1, 8)))
        yield cls.configure(), (PLAIN, GRID)


class Plus(Broadcast, name="plus"):
    """`a + b` with sizes of 1 and a missing batch axis broadcast; what `+` means on tensors.

    Shapes: `..., ... -> ...`. MACs: 0. Errors: T010, T020 sizes neither agree nor are 1, T025, T026 axes differ.
    Source: numpy broadcasting without missing axes; torch.add; ONNX Add.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    joins = "sum"
    overwritable = True
    source = "{a} + {b}"
    node = "Add"

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return all(zeros)


class Minus(Broadcast, name="minus"):
    """`a - b` with sizes of 1 and a missing batch axis broadcast; what `-` means on tensors.

    Shapes: `..., ... -> ...`. MACs: 0. Errors: T010, T020 sizes neither agree nor are 1, T025, T026 axes differ.
    Source: numpy broadcasting without missing axes; torch.sub; ONNX Sub.
    """

    laws = Law.HOMOGENEOUS
    source = "{a} - {b}"
    node = "Sub"

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return all(zeros)

    def remains(self, zeros: tuple[bool, ...]) -> int | None:
        return 0 if zeros[1] else None


class Times(Broadcast, name="times"):
    """`a * b` with sizes of 1 and a missing batch axis broadcast; what `*` means on tensors.

    Shapes: `..., ... -> ...`. MACs: 0. Errors: T010, T020 sizes neither agree nor are 1, T025, T026 axes differ.
    Source: numpy broadcasting without missing axes; torch.mul; ONNX Mul.
    """

    laws = Law.KEEPS_SIGN
    joins = "product"
    source = "{a} * {b}"
    node = "Mul"

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return any(zeros)


class Divide(Broadcast, name="divide"):
    """`a / b` with sizes of 1 and a missing batch axis broadcast; what `/` means on tensors.

    Shapes: `..., ... -> ...`. MACs: 0. Errors: T010, T020 sizes neither agree nor are 1, T025, T026 axes differ.
    Source: numpy broadcasting without missing axes; torch.div; ONNX Div.
    """

    source = "{a} / {b}"
    node = "Div"


class Maximum(Broadcast, name="maximum"):
    """The larger of a and b with sizes of 1 and a missing batch axis broadcast.

    Shapes: `..., ... -> ...`. MACs: 0. Errors: T010, T020 sizes neither agree nor are 1, T025, T026 axes differ.
    Source: numpy broadcasting without missing axes; torch.maximum; ONNX Max.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    joins = "maximum"
    source = "torch.maximum({a}, {b})"
    node = "Max"

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return all(zeros)


class Minimum(Broadcast, name="minimum"):
    """The smaller of a and b with sizes of 1 and a missing batch axis broadcast.

    Shapes: `..., ... -> ...`. MACs: 0. Errors: T010, T020 sizes neither agree nor are 1, T025, T026 axes differ.
    Source: numpy broadcasting without missing axes; torch.minimum; ONNX Min.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    joins = "minimum"
    source = "torch.minimum({a}, {b})"
    node = "Min"

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return all(zeros)


class Mix(Op, name="convex_mix"):
    """A learned convex combination: tensors of one shape, weighted with a softmax of one number each.

    Shapes: `..., ..., ... -> ...`. Parameters: `weight`, a number for each tensor, 0 at first: their mean.
    MACs: 0. Errors: T010 integers, T014 shapes differ, T025 dtypes differ, T026 axes differ.
    Source: the mixed operation of DARTS (Liu et al., ICLR 2019, arXiv:1806.09055); torch.softmax; ONNX Softmax and Mul.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    arity = None

    def infer(self, *types: TensorType) -> TensorType:
        """The common type; of factorisations the first counts, two different ones give none."""
        needs_batch(self, *types)
        return same_shapes(self, types)

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The numbers before the softmax."""
        return {"weight": Param((len(types),), "zeros")}

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank, len(types))

    def torch(self, ctx: TorchContext) -> str:
        """A sum of products, in statements of a few terms."""
        shares = ctx.assign(f"{ctx.parameter('weight')}.softmax(0)")
        terms = [f"{shares}[{i}] * {x}" for i, x in enumerate(ctx.inputs)]
        while len(terms) > CHUNK:
            terms[:CHUNK] = [ctx.assign(" + ".join(terms[:CHUNK]))]
        return " + ".join(terms)

    def onnx(self, ctx: OnnxContext) -> str:
        """A Softmax, its elements times the tensors, a Sum."""
        shares = ctx.node("Softmax", [ctx.weight("weight")], axis=0)
        each = [ctx.node("Gather", [shares, ctx.integers([i])], axis=0) for i in range(len(ctx.inputs))]
        return ctx.node("Sum", [ctx.node("Mul", [x, share]) for x, share in zip(ctx.inputs, each, strict=True)])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One, two and many tensors."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(), (PLAIN, GRID)
        yield cls.configure(), (TensorType("f32", ("d",), (3,)),) * 20


class Negate(Elementwise, name="negate"):
    """`-x`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.neg; ONNX Neg."""

    laws = Law.HOMOGENEOUS
    at_zero = True
    source = "-{x}"
    node = "Neg"


class Reciprocal(Elementwise, name="reciprocal"):
    """`1 / x`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.reciprocal; ONNX Reciprocal."""

    source = "torch.reciprocal({x})"
    node = "Reciprocal"
