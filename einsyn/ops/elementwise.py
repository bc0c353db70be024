"""The base of functions of each element alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from einsyn.ir.types import TensorType
from einsyn.ops.laws import each_axis
from einsyn.ops.op import Op
from einsyn.ops.rules import needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (3, 6, 5))
OPEN_SEQUENCE = TensorType("f32", ("s", "d"), ("T", 8))


class Elementwise(Op):
    """A function of each element: the type stays, factorisations included. Subclasses give the two forms.

    Class attributes:
        at_zero: whether the function is 0 at 0.
        in_place: the torch form that overwrites its input, of functions whose slope is known from what they give; of
            others it does so in eval mode alone, as torch would copy the input for the slope.
    """

    source: ClassVar[str]
    node: ClassVar[str]
    at_zero: ClassVar[bool] = False
    in_place: ClassVar[str] = ""

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        needs_float(self, *types)
        return types[0]

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return self.at_zero and zeros[0]

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> str | tuple[str, ...]:
        """The expression of the class around the input, in place where that is as good."""
        source = self.in_place if self.in_place and ctx.may_overwrite(0) else self.source
        return source.format(x=ctx.inputs[0])

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """The node of the class."""
        return ctx.node(self.node, ctx.inputs)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Images, and sequences of open length."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(), (OPEN_SEQUENCE,)
