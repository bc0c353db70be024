"""The loop over an axis: one operation that owns the graph of a step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsyn.ir.graph import Graph, Operation
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.path import Path
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.activation import Tanh
from einsyn.ops.arithmetic import Add
from einsyn.ops.linear import Linear
from einsyn.ops.op import Op, Param
from einsyn.ops.product import known
from einsyn.ops.rules import dim, over_batch

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from einsyn.ops.lowering import OnnxContext, TorchContext


def step_inputs(op: Scan, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
    """What a step is applied to, for these inputs of the loop: the states, then a slice of every sequence.

    A state without a batch axis is repeated over the batch of the sequences.

    Raises:
        Mismatch: T001 there is no sequence, T002 one lacks the axis, T014 they have different lengths.
    """
    states, sequences = types[: op.states], types[op.states :]
    if not sequences:
        raise Mismatch("T001", f"`{op}` takes {op.states} states and at least one sequence; {len(types)} were given")
    first = sequences[0]
    length = first.sizes[first.axis(op.axis)]
    batched = any(t.batched for t in types)
    found = [TensorType(t.dtype, t.axes, t.sizes, batched=batched) for t in states]
    for t in sequences:
        index = t.axis(op.axis)
        if t.sizes[index] != length:
            raise Mismatch("T014", f"`{op}` needs sequences of one length, not {length} and {t.sizes[index]}")
        left = [i for i in range(t.rank) if i != index]
        axes = tuple(t.axes[i] for i in left)
        sizes, factors = tuple(t.sizes[i] for i in left), tuple(t.factors[i] for i in left)
        found.append(TensorType(t.dtype, ("d",) if axes == ("c",) else axes, sizes, factors, t.batched))
    return tuple(found)


class Scan(Op, name="scan"):
    """A step applied along an axis with one weight set: `state, y = scan("s", step)(state, x)`.

    The step takes the states and a slice of every sequence; it gives the next states, of unchanged types, and any
    number of tensors, which are stacked along the axis. The loop gives the last states and what was stacked.
    A state without a batch axis is repeated over the batch.
    Shapes: states, sequences `... n ... -> ` states, stacked `... n ...`, the axis where the first sequence has it; n
    may be open. Parameters and buffers: those of the step, once, with the number of its weight set before their names.
    MACs: n times those of the step. Errors: T001 number of tensors, T002 no such axis, T014 lengths differ, T019 the
    axis is there already, T051 a state changes its type, T052 the step is another.
    Source: jax.lax.scan; a loop in torch; ONNX Scan.
    """

    arity = None
    region_count = 1
    axis: int | str = attr.axis(of_first=False, doc="the axis along which the step is applied")
    states: int = attr.integer(1, ge=1, doc="how many of the tensors are states")

    def __init__(self, **values: object) -> None:
        super().__init__(**{key: value for key, value in values.items() if key != "region"})
        region = values.get("region")
        if isinstance(region, Graph):
            put = object.__setattr__
            put(self, "regions", (region,))
            put(self, "functions", {name: text for o in region.operations for name, text in o.op.functions.items()})

    def with_regions(self, *regions: Graph) -> Op:
        """The loop over this step."""
        (region,) = regions
        return Scan(axis=self.axis, states=self.states, region=region)

    @classmethod
    def usage(cls) -> str:
        """The signature as the language writes it."""
        return "scan(axis, step, states=1)"

    @property
    def region(self) -> Graph:
        """The graph of the step."""
        if not self.regions:
            raise Mismatch("T052", "`scan` lacks the graph of its step")
        return self.regions[0]

    def infer(self, *types: TensorType) -> tuple[TensorType, ...]:
        """The last states, then what is stacked."""
        region = self.region
        needed = step_inputs(self, types)
        given = tuple(region.types[value] for _, value in region.inputs)
        if needed != given:
            taken, had = (", ".join(map(str, ts)) for ts in (given, needed))
            raise Mismatch("T052", f"the step of `scan` takes {taken}, and the loop gives {had}")
        if not all(0 <= value < len(region.types) for value in region.outputs):
            raise Mismatch("T052", "the step of `scan` gives a value that it does not have")
        results = [region.types[value] for value in region.outputs]
        if len(results) < self.states:
            raise Mismatch("T051", f"the step of `scan` gives {len(results)} tensors, and {self.states} are states")
        for before, after in zip(given, results[: self.states], strict=False):
            if (before.dtype, before.axes, before.sizes, before.batched) != (
                after.dtype, after.axes, after.sizes, after.batched
            ):  # fmt: skip
                raise Mismatch(
                    "T051", f"a state of `scan` is {before} before a step and {after} after it", "keep its type"
                )
        return (*given[: self.states], *(self._stacked(types, t) for t in results[self.states :]))

    def _stacked(self, types: Sequence[TensorType], t: TensorType) -> TensorType:
        """The type of what every step gives, along the axis of the first sequence."""
        first = types[self.states]
        index = first.axis(self.axis)
        name, at = first.axes[index], min(index, t.rank)
        if name in t.axes:
            raise Mismatch("T019", f"a step of `scan` along {name} gives {t}, which has that axis already")
        axes = (*t.axes[:at], name, *t.axes[at:])
        # A slice of a signal is a vector, so vectors make a signal again.
        axes = ("c", "l") if axes == ("d", "l") else axes
        sizes = (*t.sizes[:at], first.sizes[index], *t.sizes[at:])
        factors = (*t.factors[:at], first.factors[index], *t.factors[at:])
        return TensorType(t.dtype, axes, sizes, factors, t.batched)

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """Those of the step."""
        return {f"{o.owner}.{name}": p for o in self.region.owners() for name, p in o.signature.params.items()}

    def buffers(self, *types: TensorType) -> Mapping[str, Param]:
        """Those of the step."""
        return {f"{o.owner}.{name}": p for o in self.region.owners() for name, p in o.signature.buffers.items()}

    def macs(self, *types: TensorType) -> int:
        """Those of the step, as often as it is applied."""
        first = types[self.states]
        return self.region.macs * known(first.sizes[first.axis(self.axis)])

    def torch(self, ctx: TorchContext) -> tuple[str, ...]:
        """A loop whose body is the step."""
        states, sequences = ctx.inputs[: self.states], ctx.inputs[self.states :]
        types = ctx.types[self.states :]
        whole = next((x for x, t in zip(ctx.inputs, ctx.types, strict=True) if t.batched), "")
        carried = [
            ctx.assign(x if t.batched or not whole else over_batch(x, t.rank, whole))
            for x, t in zip(states, ctx.types, strict=False)
        ]
        stacked = ctx.outputs[self.states :]
        lists = [ctx.assign("list[torch.Tensor]()") for _ in stacked]
        # All slices at once: the gradient of each by itself would be as large as the sequence.
        taken = [ctx.assign(f"{x}.unbind({dim(t, t.axis(self.axis))})") for x, t in zip(sequences, types, strict=True)]
        length = types[0].sizes[types[0].axis(self.axis)]
        step = ctx.fresh()
        with ctx.block(f"for {step} in range({f'len({taken[0]})' if isinstance(length, str) else length}):"):
            slices = [ctx.assign(f"{each}[{step}]") for each in taken]
            results = ctx.region(self.region, (*carried, *slices))
            for name, result in zip(lists, results[self.states :], strict=True):
                ctx.statement(f"{name}.append({result})")
            # A state that a step hands on is there already.
            following = [pair for pair in zip(carried, results, strict=False) if pair[0] != pair[1]]
            if following:
                olds, news = zip(*following, strict=True)
                ctx.statement(f"{', '.join(olds)} = {', '.join(news)}")
        for name, t in zip(lists, stacked, strict=True):
            ctx.statement(f"{name} = torch.stack({name}, dim={dim(t, self._place(types[0], t))})")
        return (*carried, *lists)

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """A Scan; a state without a batch is expanded before."""
        states, sequences = list(ctx.inputs[: self.states]), ctx.inputs[self.states :]
        types = ctx.types[self.states :]
        whole = next((x for x, t in zip(ctx.inputs, ctx.types, strict=True) if t.batched), None)
        for i, t in enumerate(ctx.types[: self.states]):
            if whole is not None and not t.batched:
                batch = ctx.node("Shape", [whole], start=0, end=1)
                shape = ctx.node("Concat", [batch, ctx.integers([1] * t.rank)], axis=0) if t.rank else batch
                states[i] = ctx.node("Expand", [states[i], shape])
        outputs: dict[str, Any] = {}
        stacked = ctx.outputs[self.states :]
        if stacked:
            outputs["scan_output_axes"] = [dim(t, self._place(types[0], t)) for t in stacked]
        return ctx.nodes(
            "Scan",
            [*states, *sequences],
            len(ctx.outputs),
            body=ctx.region(self.region),
            num_scan_inputs=len(sequences),
            scan_input_axes=[dim(t, t.axis(self.axis)) for t in types],
            **outputs,
        )

    def _place(self, first: TensorType, stacked: TensorType) -> int:
        """Where the axis is in what is stacked."""
        return min(first.axis(self.axis), stacked.rank - 1)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One and two states, with and without a batch, several sequences, an open length, a signal, a loop inside."""
        state, x = TensorType("f32", ("d",), (4,)), TensorType("f32", ("s", "d"), (5, 4))
        free = TensorType("f32", ("s", "d"), ("T", 4))
        bare = TensorType("f32", ("d",), (4,), batched=False)
        yield cls.configure("s").with_regions(_elman(1, 1)), (state, x)
        yield cls.configure("s", 2).with_regions(_elman(2, 2)), (state, bare, x, x)
        yield cls.configure(1).with_regions(_elman(1, 1)), (state, free)
        yield cls.configure("l").with_regions(_elman(1, 1)), (bare, TensorType("f32", ("c", "l"), (4, 6)))


def _elman(states: int, sequences: int) -> Graph:
    """A step: each state is the hyperbolic tangent of a linear map of a sum; the sum is what the step gives."""
    vector = TensorType("f32", ("d",), (4,))
    inputs = tuple((f"in{i}", i) for i in range(states + sequences))
    types = [vector] * (states + sequences)
    operations: list[Operation] = []

    def apply(op: Op, *values: int, owner: int | None = None) -> int:
        signature = op.signature(tuple(types[v] for v in values))
        operations.append(Operation(op, values, (len(types),), signature, owner, Path(), None))
        types.extend(signature.outputs)
        return len(types) - 1

    total = apply(Add.configure(), *range(states + sequences))
    following = [apply(Tanh.configure(), apply(Linear.configure(4), total, owner=i)) for i in range(states)]
    return Graph("step", inputs, tuple(operations), (*following, total), tuple(types))
