"""Parts of a tensor along an axis, and tensors put together along one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType, merge_factors
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Law, Part, each_axis
from einsyn.ops.op import Op
from einsyn.ops.rules import LARGEST, dim, divisors, needs_float, over_batch, same_axes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 6, 5))
GRID = (("h", 3), ("w", 2))


class Group(Op, name="group"):
    """n equal parts of the input along an axis, in order.

    Shapes: `... m ... -> ... m/n ..., ...`; the axis forgets a factorisation, the others keep theirs.
    MACs: 0; the parts are views. Errors: T002 no such axis, T003 open size, T016 the axis does not divide.
    Source: einspace (arXiv:2405.20838), branching by group; torch.Tensor.split; ONNX Split.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True
    n: int = attr.integer(ge=1, le=LARGEST, doc="number of parts")
    axis: int | str = attr.axis(doc="the axis that is split")

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The part's type, n times."""
        (x,) = types
        index, size = x.sized(self.axis)
        if size % self.n:
            raise Mismatch(
                "T016",
                lambda: f"axis {x.axes[index]}:{size} does not divide into {self.n} groups",
                lambda: f"{size} divides by {', '.join(map(str, divisors(size)))}",
            )
        return (x.resized(index, size // self.n),) * self.n

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) if self.n == 1 else None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        return each_axis(x.rank, without=(x.axis(self.axis),))

    def parts(self, *types: TensorType) -> tuple[int, tuple[Part, ...]]:
        (x,) = types
        size = x.size(self.axis) // self.n
        return x.axis(self.axis), tuple([Part(i * size, size) for i in range(self.n)])

    def torch(self, ctx: TorchContext) -> str:
        """A call of `chunk`; one part is a chunk as well."""
        (x,) = ctx.types
        call = f"{ctx.inputs[0]}.chunk({self.n}, dim={dim(x, x.axis(self.axis))})"
        return f"{call}[0]" if self.n == 1 else call

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """A Split with explicit sizes, which means the same in every opset."""
        (x,) = ctx.types
        if self.n == 1:
            return (ctx.inputs[0],)
        parts = ctx.integers([x.size(self.axis) // self.n] * self.n)
        return ctx.nodes("Split", [ctx.inputs[0], parts], self.n, axis=dim(x, x.axis(self.axis)))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """By name and position, and one part alone."""
        yield cls.configure(2, "c"), (IMAGE,)
        yield cls.configure(3, 1), (TensorType("f32", ("s", "d"), (6, 8), (GRID, None)),)
        yield cls.configure(8, -1), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(1, "d"), (TensorType("f32", ("d",), (5,)),)


class Split(Op, name="split"):
    """Parts of the input of given sizes along an axis, in order; `group` is the same with equal parts.

    Shapes: `... m ... -> ... sizes[0] ..., ... sizes[1] ..., ...`; the axis forgets a factorisation.
    MACs: 0; the parts are views. Errors: T002 no such axis, T003 open size, T028 the sizes do not add up to the axis.
    Source: torch.Tensor.split; ONNX Split.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True
    sizes: tuple[int, ...] = attr.sizes(ge=1, doc="size of each part")
    axis: int | str = attr.axis("c", doc="the axis that is split")

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The types of the parts."""
        (x,) = types
        size = x.size(self.axis)
        index = x.axis(self.axis)
        if sum(self.sizes) != size:
            raise Mismatch(
                "T028",
                f"parts of `split` add up to {sum(self.sizes)}, and axis {x.axes[index]} has {size}",
                f"the last part could be {size - sum(self.sizes[:-1])}" if sum(self.sizes[:-1]) < size else None,
            )
        return tuple(x.resized(index, n) for n in self.sizes)

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        return each_axis(x.rank, without=(x.axis(self.axis),))

    def parts(self, *types: TensorType) -> tuple[int, tuple[Part, ...]]:
        (x,) = types
        starts = [sum(self.sizes[:i]) for i in range(len(self.sizes))]
        return x.axis(self.axis), tuple([Part(start, size) for start, size in zip(starts, self.sizes, strict=True)])

    def torch(self, ctx: TorchContext) -> str:
        """A call of `split_with_sizes`; one part is a split as well."""
        (x,) = ctx.types
        call = f"{ctx.inputs[0]}.split_with_sizes({list(self.sizes)}, dim={dim(x, x.axis(self.axis))})"
        return f"{call}[0]" if len(self.sizes) == 1 else call

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """A Split with explicit sizes, which means the same in every opset."""
        (x,) = ctx.types
        if len(self.sizes) == 1:
            return (ctx.inputs[0],)
        given = [ctx.inputs[0], ctx.integers(self.sizes)]
        return ctx.nodes("Split", given, len(self.sizes), axis=dim(x, x.axis(self.axis)))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """By name and position, and one part alone."""
        yield cls.configure([1, 3]), (IMAGE,)
        yield cls.configure((1, 2, 3), 1), (TensorType("f32", ("s", "d"), (6, 8), (GRID, None)),)
        yield cls.configure((5, 3), -1), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure([5], "d"), (TensorType("f32", ("d",), (5,)),)


class Narrow(Op, name="narrow"):
    """`size` elements of an axis from `start` on, which counts from 0.

    Shapes: `... m ... -> ... size ...`; the axis forgets a factorisation, the others keep theirs.
    MACs: 0; the result is a view. Errors: T002 no such axis, T003 open size, T028 the part ends beyond the axis.
    Source: torch.narrow; ONNX Slice.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True
    axis: int | str = attr.axis(doc="the axis that is cut")
    start: int = attr.integer(ge=0, doc="the first element that is kept")
    size: int = attr.integer(ge=1, doc="how many are kept")

    def infer(self, *types: TensorType) -> TensorType:
        """The input with a shorter axis."""
        (x,) = types
        size = x.size(self.axis)
        index = x.axis(self.axis)
        if self.start + self.size > size:
            raise Mismatch(
                "T028",
                f"`narrow` keeps elements {self.start} to {self.start + self.size - 1}, "
                f"and axis {x.axes[index]} has {size}",
                f"from {self.start} on there are {size - self.start}" if self.start < size else None,
            )
        return x.resized(index, self.size)

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        return each_axis(x.rank, without=(x.axis(self.axis),))

    def parts(self, *types: TensorType) -> tuple[int, tuple[Part, ...]]:
        (x,) = types
        return x.axis(self.axis), (Part(self.start, self.size),)

    def torch(self, ctx: TorchContext) -> str:
        """A call of `narrow`."""
        (x,) = ctx.types
        return f"{ctx.inputs[0]}.narrow({dim(x, x.axis(self.axis))}, {self.start}, {self.size})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Slice."""
        (x,) = ctx.types
        bounds = ([self.start], [self.start + self.size], [dim(x, x.axis(self.axis))])
        return ctx.node("Slice", [ctx.inputs[0], *map(ctx.integers, bounds)])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """By name and position, the whole axis, an open size elsewhere."""
        yield cls.configure("h", 1, 5), (IMAGE,)
        yield cls.configure(1, 0, 6), (TensorType("f32", ("s", "d"), (6, 8), (GRID, None)),)
        yield cls.configure(-1, 2, 3), (TensorType("f32", ("s", "d"), ("T", 8)),)


class Concat(Op, name="concat"):
    """The tensors one after the other along an axis; one without a batch is repeated over the batch.

    Shapes: `... a ..., ... b ... -> ... a+b ...`; the other axes are equal and may be open; the axis forgets a
    factorisation. MACs: 0. Errors: T002 no such axis, T003 open size of the axis, T010 integers, T014 other sizes
    differ, T025 dtypes differ, T026 axes differ.
    Source: einspace (arXiv:2405.20838); torch.cat; ONNX Concat.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    arity = None
    axis: int | str = attr.axis(doc="the axis along which they are joined")

    def infer(self, *types: TensorType) -> TensorType:
        """The joined type."""
        first = types[0]
        needs_float(self, *types)
        same_axes(self, types)
        index, size = first.sized(self.axis)
        total = 0
        for t in types:
            if t is first:
                total += size
                continue
            total += t.size(self.axis)
            for i, axis in enumerate(first.axes):
                if i != index and t.sizes[i] != first.sizes[i]:
                    raise Mismatch(
                        "T014",
                        f"`concat` along {first.axes[index]} needs equal sizes elsewhere; "
                        f"axis {axis} is {first.sizes[i]} and {t.sizes[i]}",
                        f"`linear` or `conv` can bring {axis} to one size",
                    )
        return TensorType(
            first.dtype,
            first.axes,
            (*first.sizes[:index], total, *first.sizes[index + 1 :]),
            tuple([None if i == index else merge_factors(types, i) for i in range(first.rank)]),
            any([t.batched for t in types]),
        )

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) if len(types) == 1 else None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return all(zeros)

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank, len(types), (types[0].axis(self.axis),))

    def joined(self, *types: TensorType) -> int:
        return types[0].axis(self.axis)

    def torch(self, ctx: TorchContext) -> str | tuple[str, ...]:
        """A call of `cat`."""
        if len(ctx.inputs) == 1:
            return (ctx.inputs[0],)
        (out,) = ctx.outputs
        names = list(ctx.inputs)
        whole = next((name for name, t in zip(names, ctx.types, strict=True) if t.batched), None)
        for i, t in enumerate(ctx.types):
            if whole is not None and not t.batched:
                names[i] = ctx.assign(over_batch(names[i], t.rank, whole))
        return f"torch.cat(({', '.join(names)}), dim={dim(out, out.axis(self.axis))})"

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """A Concat, after an Expand of what has no batch."""
        if len(ctx.inputs) == 1:
            return (ctx.inputs[0],)
        (out,) = ctx.outputs
        names = list(ctx.inputs)
        whole = next((name for name, t in zip(names, ctx.types, strict=True) if t.batched), None)
        for i, t in enumerate(ctx.types):
            if out.batched and not t.batched and whole is not None:
                batch = ctx.node("Shape", [whole], start=0, end=1)
                # Sizes of 1 leave an axis as it is, so open sizes need no number.
                shape = ctx.node("Concat", [batch, ctx.integers([1] * t.rank)], axis=0)
                names[i] = ctx.node("Expand", [names[i], shape])
        return ctx.node("Concat", names, axis=dim(out, out.axis(self.axis)))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Several tensors, one alone, and a class token without batch."""
        wide = TensorType("f32", ("c", "h", "w"), (2, 6, 5))
        yield cls.configure("c"), (IMAGE, wide, IMAGE)
        yield cls.configure(-1), (TensorType("f32", ("s", "d"), ("T", 8)), TensorType("f32", ("s", "d"), ("T", 4)))
        yield cls.configure(1), (IMAGE,)
        token = TensorType("f32", ("s", "d"), (1, 8), batched=False)
        yield cls.configure("s"), (token, TensorType("f32", ("s", "d"), (6, 8), (GRID, None)))
