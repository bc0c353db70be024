"""Learned positional encoding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import needs_batch, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.lowering import OnnxContext, TorchContext


class PositionalEncoding(Op, name="positional_encoding"):
    """`x + encoding` with a learned tensor of the shape of one example, which starts as standard normal noise.

    Shapes: `... -> ...`, all sizes known. Parameters: `encoding`, as many as the input has elements. MACs: 0.
    Errors: T003 open size, T010 integers, T012 no batch axis.
    Source: einspace (arXiv:2405.20838), whose code draws it with torch.randn; ONNX Add.
    """

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        needs_batch(self, x)
        x.concrete()
        return x

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The encoding."""
        return {"encoding": Param(types[0].concrete(), "normal 1.0")}

    def torch(self, ctx: TorchContext) -> str:
        """A sum."""
        return f"{ctx.inputs[0]} + {ctx.parameter('encoding')}"

    def onnx(self, ctx: OnnxContext) -> str:
        """An Add."""
        return ctx.node("Add", [ctx.inputs[0], ctx.weight("encoding")])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """A sequence that remembers its grid, an image, a vector."""
        yield cls.configure(), (TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None)),)
        yield cls.configure(), (TensorType("f32", ("c", "h", "w"), (3, 6, 5)),)
        yield cls.configure(), (TensorType("f32", ("d",), (7,)),)
