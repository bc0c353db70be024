"""Learned and fixed tensors as values, and what makes activations of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Law, each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import dim, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext


class Weight(Op, name="weight"):
    """A learned tensor without a batch axis; the language writes `weight(v=1000, d=64, init="normal 0.02")`.

    Shapes: `-> axes`. Parameters: `weight`. MACs: 0.
    Errors: T004 the sizes do not match the axes, T019 an axis twice.
    Source: torch.nn.Parameter; an ONNX initializer.
    """

    arity = 0
    open_names = True
    scaled_by = ("weight",)
    axes: tuple[str, ...] = attr.names(doc="axis names")
    sizes: tuple[int, ...] = attr.sizes(ge=1, doc="size of each axis")
    init: str = attr.init("normal 0.02", doc="how it starts")

    @classmethod
    def configure(cls, *args: object, **named: object) -> Op:
        """Sizes by axis name, `configure(v=1000, d=64)`, or the attributes themselves."""
        if args or "axes" in named or "sizes" in named:
            return super().configure(*args, **named)
        sizes = {name: size for name, size in named.items() if name != "init"}
        init = {"init": named["init"]} if "init" in named else {}
        return super().configure(axes=tuple(sizes), sizes=tuple(sizes.values()), **init)

    @classmethod
    def required(cls) -> int:
        """None: the sizes go by any name, and without any it is a scalar."""
        return 0

    @classmethod
    def usage(cls) -> str:
        """The signature as the language writes it."""
        return 'weight(NAME=size, ..., init="normal 0.02")'

    def __str__(self) -> str:
        shown = [f"{axis}={size}" for axis, size in zip(self.axes, self.sizes, strict=False)]
        init = type(self).attributes["init"]
        if self.init != init.default:
            shown.append(f"init={init.show(self.init)}")
        return f"weight({', '.join(shown)})"

    def infer(self, *types: TensorType) -> TensorType:
        """The declared type."""
        if len(self.axes) != len(self.sizes):
            raise Mismatch("T004", f"`weight` has {len(self.axes)} axes and {len(self.sizes)} sizes")
        if len(set(self.axes)) != len(self.axes):
            raise Mismatch("T019", f"`weight` names an axis twice: {', '.join(self.axes)}")
        return TensorType("f32", self.axes, self.sizes, batched=False)

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The tensor."""
        return {"weight": Param(self.sizes, self.init)}

    def torch(self, ctx: TorchContext) -> tuple[str, ...]:
        """The parameter itself."""
        return (ctx.parameter("weight"),)

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """The initializer itself."""
        return (ctx.weight("weight"),)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Every way to start."""
        yield cls.configure(v=10, d=8), ()
        yield cls.configure(c=4, h=1, w=1, init="ones"), ()
        yield cls.configure(d=4, init="zeros"), ()
        yield cls.configure(d=4, init=0.5), ()
        yield cls.configure(axes=["d"], sizes=[4], init="constant -2"), ()


class Constant(Op, name="constant"):
    """Numbers that are not learned, along one axis and without a batch: `constant("d", [1, 0.5])`.

    Shapes: `-> axis`. Buffers: `values`, as many as there are numbers, so that they follow the module to its device.
    MACs: 0. Errors: T004 no finite numbers, no name. Source: torch.nn.Module.register_buffer; an ONNX initializer.
    """

    arity = 0
    axis: str = attr.text(doc="the name of the axis")
    values: tuple[float, ...] = attr.reals(doc="the numbers")

    def infer(self, *types: TensorType) -> TensorType:
        """As long as the list."""
        if not self.axis.isidentifier():
            raise Mismatch("T004", f'"{self.axis}" is no name for the axis of `constant`')
        return TensorType("f32", (self.axis,), (len(self.values),), batched=False)

    def buffers(self, *types: TensorType) -> Mapping[str, Param]:
        """The numbers."""
        return {"values": Param((len(self.values),), f"values {' '.join(map(repr, self.values))}")}

    def torch(self, ctx: TorchContext) -> tuple[str, ...]:
        """The buffer itself."""
        return (ctx.parameter("values"),)

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """The initializer itself."""
        return (ctx.weight("values"),)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Several numbers, and one."""
        yield cls.configure("d", [1, -0.5, 1e-3]), ()
        yield cls.configure("s", 2), ()


class Expand(Op, name="expand"):
    """An axis of size 1 repeated n times.

    Shapes: `... 1 ... -> ... n ...`. MACs: 0; the result is a view.
    Errors: T002 no such axis, T003 open size, T023 the axis is longer than 1.
    Source: torch.Tensor.expand; ONNX Expand.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True
    axis: int | str = attr.axis(doc="the axis that is repeated")
    n: int = attr.integer(ge=1, doc="its size afterwards")

    def infer(self, *types: TensorType) -> TensorType:
        """The input with the axis n long."""
        (x,) = types
        size = x.size(self.axis)
        if size != 1:
            raise Mismatch("T023", f"`expand` repeats an axis of size 1, and {self.axis} of {x} has {size}")
        return x.resized(x.axis(self.axis), self.n)

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) if self.n == 1 else None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        return each_axis(x.rank, without=(x.axis(self.axis),))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `expand`."""
        (x,) = ctx.types
        sizes = ["-1"] * (x.rank + x.batched)
        sizes[dim(x, x.axis(self.axis))] = str(self.n)
        return f"{ctx.inputs[0]}.expand({', '.join(sizes)})"

    def onnx(self, ctx: OnnxContext) -> str:
        """An Expand; its other sizes are 1, which leaves an axis as it is."""
        (x,) = ctx.types
        sizes = [1] * (x.rank + x.batched)
        sizes[dim(x, x.axis(self.axis))] = self.n
        return ctx.node("Expand", [ctx.inputs[0], ctx.integers(sizes)])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """By name and position, with and without batch."""
        yield cls.configure("s", 5), (TensorType("f32", ("s", "d"), (1, 8)),)
        yield cls.configure(-1, 3), (TensorType("f32", ("s", "d"), ("T", 1)),)
        yield cls.configure(1, 5), (TensorType("f32", ("s", "d"), (1, 8), batched=False),)


class Take(Op, name="take"):
    """The row of a table for every token: an embedding.

    Shapes: `(v, d), i64 t -> s d`; the number of tokens may be open. MACs: 0.
    Errors: T010 the table holds no real numbers, T022 the tokens are no i64 ids, T027 the table has not two axes.
    Source: torch.nn.functional.embedding; ONNX Gather.
    """

    arity = 2

    def infer(self, *types: TensorType) -> TensorType:
        """A sequence as long as the tokens."""
        table, ids = types
        needs_float(self, table)
        if table.rank != 2 or table.batched:
            raise Mismatch(
                "T027",
                f"`take` needs a table with two axes and no batch, not {table}",
                "weight(v=1000, d=64) makes one",
            )
        if ids.dtype != "i64" or ids.rank != 1 or not ids.batched:
            hint = "the table comes first: take(table, ids)"
            raise Mismatch("T022", f"`take` needs tokens i64[B, t], not {ids}", hint)
        table.concrete()
        return TensorType(table.dtype, ("s", "d"), (ids.sizes[0], table.sizes[1]), (ids.factors[0], None))

    def id_limits(self, *types: TensorType) -> tuple[int | None, ...]:
        """As many ids as the table has rows."""
        return (None, types[0].size(1))

    def torch(self, ctx: TorchContext) -> str:
        """A call of `embedding`."""
        table, ids = ctx.inputs
        return f"nn.functional.embedding({ids}, {table})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Gather of rows."""
        return ctx.node("Gather", ctx.inputs, axis=0)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """A fixed and an open number of tokens."""
        table = TensorType("f32", ("v", "d"), (10, 8), batched=False)
        yield cls.configure(), (table, TensorType("i64", ("t",), (7,)))
        yield cls.configure(), (table, TensorType("i64", ("t",), ("T",)))
