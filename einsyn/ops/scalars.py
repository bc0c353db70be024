"""Arithmetic of a tensor and given numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import each_axis
from einsyn.ops.op import Op
from einsyn.ops.rules import needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 6, 5))
OPEN_SEQUENCE = TensorType("f32", ("s", "d"), ("T", 8))
GRID = TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None))
PLAIN = TensorType("f32", ("s", "d"), (6, 8))


class Affine(Op, name="affine"):
    """`scale * x + shift` with two numbers: what `+`, `-`, `*` of a tensor and a number mean.

    Shapes: `... -> ...`. MACs: 0. Errors: T010 integers. Source: torch.mul and torch.add; ONNX Mul and Add.
    """

    scale: float = attr.real(1.0, doc="factor")
    shift: float = attr.real(0.0, doc="summand")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        needs_float(self, *types)
        return types[0]

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) if self.scale == 1 and self.shift == 0 else None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0] and self.shift == 0

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> str | tuple[str, ...]:
        """The arithmetic that is left once factors of 1 and summands of 0 are dropped."""
        (x,) = ctx.inputs
        if self.scale == 1 and self.shift == 0:
            return (x,)
        scaled = x if self.scale == 1 else f"{x} * {self.scale!r}"
        return scaled if self.shift == 0 else f"{scaled} + {self.shift!r}"

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """Mul and Add, each only where it does something."""
        (x,) = ctx.inputs
        result = x
        if self.scale != 1:
            result = ctx.node("Mul", [result, ctx.scalar(self.scale, ctx.types[0])])
        if self.shift != 0:
            result = ctx.node("Add", [result, ctx.scalar(self.shift, ctx.types[0])])
        return (x,) if result == x else result

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Each part alone, both and none."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(2.5), (IMAGE,)
        yield cls.configure(shift=-1), (OPEN_SEQUENCE,)
        yield cls.configure(-0.5, 1e-5), (GRID,)


class Bound(Op):
    """A number that results do not pass. Subclasses say on which side."""

    value: float
    side: ClassVar[str]
    node: ClassVar[str]

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        needs_float(self, *types)
        return types[0]

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> str:
        """A call of `clamp`."""
        return f"{ctx.inputs[0]}.clamp({self.side}={self.value!r})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Max or a Min with a constant."""
        return ctx.node(self.node, [ctx.inputs[0], ctx.scalar(self.value, ctx.types[0])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One number."""
        yield cls.configure(0.25), (IMAGE,)


class AtLeast(Bound, name="at_least"):
    """`max(x, value)` with a number: what `maximum` of a tensor and a number means.

    Shapes: `... -> ...`. MACs: 0. Errors: T010 integers. Source: torch.clamp; ONNX Max.
    """

    side, node = "min", "Max"
    value: float = attr.real(doc="the smallest result")


class AtMost(Bound, name="at_most"):
    """`min(x, value)` with a number: what `minimum` of a tensor and a number means.

    Shapes: `... -> ...`. MACs: 0. Errors: T010 integers. Source: torch.clamp; ONNX Min.
    """

    side, node = "max", "Min"
    value: float = attr.real(doc="the largest result")
