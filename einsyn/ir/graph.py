"""The SSA graph that elaboration emits: operations over typed values, each knowing where it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from einsyn.ir.path import Path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.diagnostics import Span
    from einsyn.ir.call import Call
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op, Signature


class Operation(NamedTuple):
    """One application of an operation.

    Args:
        op: the operation with its attributes.
        inputs, outputs: value numbers.
        signature: its types, parameters and costs here.
        owner: the number of the weight set it uses, or None without parameters and buffers; operations
            that share weights have the same owner.
        path: the derivation node that it came from.
        span: the place in the grammar or definition that wrote it.
        call: the application of a definition that it is part of, if that is known; no part of what it is.
    """

    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    signature: Signature
    owner: int | None
    path: Path
    span: Span | None
    call: Call | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Operation) and self[:-1] == other[:-1]

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(self[:-1])

    @property
    def regions(self) -> tuple[Graph, ...]:
        """The graphs that the operation owns (the step of a loop); their values and weight sets are numbered anew."""
        return self.op.regions


@dataclass(frozen=True)
class Graph:
    """A network: named inputs, operations in an order of execution, outputs.

    Args:
        name: the name of the space, or what a person would call the graph.
        inputs: (name, value number) for every input.
        operations: in topological order.
        outputs: value numbers.
        types: the type of every value, by number.
    """

    name: str
    inputs: tuple[tuple[str, int], ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]
    types: tuple[TensorType, ...] = field(repr=False)

    def owners(self) -> Iterator[Operation]:
        """The first operation of every weight set, in order."""
        seen: set[int] = set()
        for operation in self.operations:
            if operation.owner is not None and operation.owner not in seen:
                seen.add(operation.owner)
                yield operation

    @cached_property
    def params(self) -> int:
        """Number of learned scalars; shared weights count once, buffers not at all."""
        return sum(o.signature.param_count for o in self.owners())

    @cached_property
    def macs(self) -> int:
        """Multiply-accumulates of one forward pass at batch 1."""
        return sum(o.signature.macs for o in self.operations)

    @cached_property
    def memory(self) -> int:
        """Predicted peak of live activations at batch 1 plus parameters and buffers, in bytes."""
        return sum(o.signature.state_bytes for o in self.owners()) + peak_activation_bytes(self)


def single(op: Op, types: tuple[TensorType, ...]) -> Graph:
    """The graph of one operation on inputs of these types."""
    signature = op.signature(types)
    outputs = tuple(range(len(types), len(types) + len(signature.outputs)))
    owner = 0 if signature.params or signature.buffers else None
    operation = Operation(op, tuple(range(len(types))), outputs, signature, owner, Path.of(0), None)
    inputs = tuple((f"in{i}", i) for i in range(len(types)))
    return Graph(op.name, inputs, (operation,), outputs, (*types, *signature.outputs))


def storage(graph: Graph) -> list[int]:
    """For every value the value whose memory it uses: itself, or the one that it is a view of."""
    root = list(range(len(graph.types)))
    for operation in graph.operations:
        if operation.op.aliases:
            for out in operation.outputs:
                root[out] = root[operation.inputs[0]]
    return root


def id_limits(graph: Graph) -> dict[int, int]:
    """For every value that is looked up somewhere how many ids all look-ups allow; views count as what they are of."""
    root = storage(graph)
    found: dict[int, int] = {}
    for operation in graph.operations:
        limits = operation.op.id_limits(*(graph.types[value] for value in operation.inputs))
        for value, limit in zip(operation.inputs, limits, strict=True):
            if limit is not None:
                found[root[value]] = min(limit, found.get(root[value], limit))
    return found


def peak_activation_bytes(graph: Graph) -> int:
    """The most bytes alive at once when operations run in order and a value dies after its last use."""
    root = storage(graph)
    last = {root[value]: -1 for _, value in graph.inputs}
    for i, operation in enumerate(graph.operations):
        for value in (*operation.inputs, *operation.outputs):
            last[root[value]] = i
    for value in graph.outputs:
        last[root[value]] = len(graph.operations)
    dying: dict[int, list[int]] = {}
    for value, i in last.items():
        dying.setdefault(i, []).append(value)
    live = sum(graph.types[value].bytes for _, value in graph.inputs)
    peak = live
    for i, operation in enumerate(graph.operations):
        live += sum(graph.types[v].bytes for v in operation.outputs if root[v] == v)
        # A region begins with its inputs, slices and states, which are there beside the operation's own.
        within = max((peak_activation_bytes(region) for region in operation.regions), default=0)
        peak = max(peak, live + within)
        live -= sum(graph.types[v].bytes for v in dying.get(i, ()))
    return peak
