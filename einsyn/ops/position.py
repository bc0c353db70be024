"""Learned positional encoding, and relative positions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops.laws import each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import axis_list, needs_batch, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
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

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        return {"encoding": tuple(range(types[0].rank))}

    def fixing(self, *types: TensorType) -> Mapping[str, float] | None:
        return {"encoding": 0}

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


class RelativeToAbsolute(Op, name="relative_to_absolute"):
    """What is known for every distance, for every pair of places: `y[i, j] = x[i, j - i + n - 1]`.

    The last axis of x holds the `n + m - 1` distances from `1 - n` to `m - 1` at which m places lie from n others,
    the last but one those n. A learned table of distances becomes a bias of attention; so does a product of queries
    with one. Shapes: `... n (n + m - 1) -> ... n m`; the axes keep their names. MACs: 0.
    Errors: T003 open size of the last two axes, T010 integers, T015 fewer than n distances, T027 one axis.
    Source: Shaw et al., NAACL 2018 (arXiv:1803.02155); computed as in Huang et al., ICLR 2019 (Music Transformer);
    torch.Tensor.reshape; ONNX Reshape and Slice.
    """

    def infer(self, *types: TensorType) -> TensorType:
        """The last axis shortened."""
        (x,) = types
        needs_float(self, x)
        if x.rank < 2:
            raise Mismatch("T027", f"`{self.name}` needs two axes, places and distances, not {axis_list(x)}")
        places, distances = x.size(-2), x.size(-1)
        if distances < places:
            raise Mismatch(
                "T015",
                f"`{self.name}` needs {places} or more distances for {places} places, not {distances}",
                f"between {places} and {places} places lie {2 * places - 1}",
            )
        return x.resized(x.rank - 1, distances - places + 1)

    def torch(self, ctx: TorchContext) -> str:
        """Rows that overlap by one, cut out of all rows in a line."""
        (x,), (name,) = ctx.types, ctx.inputs
        places, distances = x.size(-2), x.size(-1)
        if places == 1:
            return f"{name}[:]"
        line = f"{name}.flatten(-2).narrow(-1, {places - 1}, {places * (distances - 1)})"
        return f"torch.unflatten({line}, -1, ({places}, {distances - 1})).narrow(-1, 0, {distances - places + 1})"

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """Reshape, Slice, Reshape, Slice."""
        (x,), (name,) = ctx.types, ctx.inputs
        places, distances = x.size(-2), x.size(-1)
        if places == 1:
            return (name,)
        before = [0] * (x.rank - 2 + x.batched)
        line = ctx.node("Reshape", [name, ctx.integers([*before, places * distances])])
        bounds = ([places - 1], [places * distances - 1], [-1])
        line = ctx.node("Slice", [line, *map(ctx.integers, bounds)])
        rows = ctx.node("Reshape", [line, ctx.integers([*before, places, distances - 1])])
        return ctx.node("Slice", [rows, *map(ctx.integers, ([0], [distances - places + 1], [-1]))])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """A table, products with queries, other numbers of places, one place."""
        yield cls.configure(), (TensorType("f32", ("n", "s", "r"), (2, 4, 7), batched=False),)
        yield cls.configure(), (TensorType("f32", ("n", "p", "s", "r"), (2, "P", 3, 5)),)
        yield cls.configure(), (TensorType("f32", ("s", "r"), (3, 6)),)
        yield cls.configure(), (TensorType("f32", ("s", "r"), (1, 4)),)
