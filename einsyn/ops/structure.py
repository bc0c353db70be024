"""Operations that hand tensors on, copy and flatten them, or replace them by zero."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Digit, Law, each_axis
from einsyn.ops.op import Op
from einsyn.ops.rules import LARGEST, needs_batch, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 6, 5))
GRID = (("h", 3), ("w", 2))


class Identity(Op, name="identity"):
    """The input itself. Shapes: `... -> ...`. MACs: 0. Errors: none. Source: torch.nn.Identity; ONNX emits no node."""

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN | Law.FIXES_ALL
    aliases = True

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        return types[0]

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,)

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> tuple[str, ...]:
        """The same name."""
        return (ctx.inputs[0],)

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """The same name."""
        return (ctx.inputs[0],)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """An image and tokens."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(), (TensorType("i64", ("t",), (7,)),)


class Zero(Op, name="zero"):
    """A tensor of zeros like the input; no gradient flows through it.

    Shapes: `... -> ...`. MACs: 0. Errors: T010 integers.
    Source: the operation `none` of DARTS (arXiv:1806.09055) and NAS-Bench-201; torch.zeros_like; ONNX Expand.
    """

    laws = Law.HOMOGENEOUS | Law.NEVER_NEGATIVE

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        needs_float(self, *types)
        return types[0]

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return True

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> str:
        """A call of `zeros_like`."""
        return f"torch.zeros_like({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A zero expanded to the shape of the input; a product with 0 would keep what is not finite."""
        return ctx.node("Expand", [ctx.scalar(0.0, ctx.types[0]), ctx.node("Shape", ctx.inputs)])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """An image, and a sequence of open length."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(), (TensorType("f32", ("s", "d"), ("T", 8)),)


class Clone(Op, name="clone"):
    """The input n times.

    Shapes: `... -> ..., ..., ...`. MACs: 0; no memory is copied. Errors: none.
    Source: einspace (arXiv:2405.20838), branching by clone; ONNX emits no node.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN | Law.FIXES_ALL
    aliases = True
    n: int = attr.integer(ge=1, le=LARGEST, doc="number of copies")

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The type of the input, n times."""
        return (types[0],) * self.n

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) * self.n

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> tuple[str, ...]:
        """The same name n times."""
        return (ctx.inputs[0],) * self.n

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """The same name n times."""
        return (ctx.inputs[0],) * self.n

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One, and several copies."""
        yield cls.configure(1), (IMAGE,)
        yield cls.configure(4), (TensorType("f32", ("s", "d"), (6, 8), (GRID, None)),)


class Flatten(Op, name="flatten"):
    """All elements of an example as a vector, the last axis running fastest.

    Shapes: `... -> d`, all sizes known. MACs: 0; the result is a view where the elements lie in order.
    Errors: T003 open size, T012 no batch axis. Source: torch.flatten; ONNX Reshape.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True

    def infer(self, *types: TensorType) -> TensorType:
        """The vector."""
        (x,) = types
        needs_batch(self, x)
        return TensorType(x.dtype, ("d",), (prod(x.concrete()),))

    def folds(self, *types: TensorType) -> Mapping[int, tuple[Digit, ...]]:
        return {0: tuple([Digit(axis, size) for axis, size in enumerate(types[0].concrete())])}

    def torch(self, ctx: TorchContext) -> str:
        """A call of `flatten`."""
        return f"{ctx.inputs[0]}.flatten(1)"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Reshape."""
        return ctx.node("Reshape", [ctx.inputs[0], ctx.integers([-1, ctx.outputs[0].size(1)])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """An image, a sequence, a vector."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(), (TensorType("f32", ("s", "d"), (6, 8), (GRID, None)),)
        yield cls.configure(), (TensorType("f32", ("d",), (5,)),)
