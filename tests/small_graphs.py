"""Graphs for tests, and what several tests ask of them."""

from __future__ import annotations

import einsyn.ops  # noqa: F401 - registers the operations
from einsyn.ir.graph import Graph, Operation, single
from einsyn.ir.path import Path
from einsyn.ir.types import TensorType
from einsyn.ops.op import Op
from einsyn.testing.op_contract import shape

__all__ = ["Builder", "shape", "single"]


class Builder:
    """Builds a graph operation by operation."""

    def __init__(self, **inputs: TensorType) -> None:
        self.types = list(inputs.values())
        self.inputs = tuple((name, i) for i, name in enumerate(inputs))
        self.operations: list[Operation] = []
        self.owners = 0

    def apply(self, op: Op, *inputs: int, owner: int | None = None) -> tuple[int, ...]:
        """Append an operation on values; weights are fresh unless an owner is given."""
        signature = op.signature(tuple(self.types[i] for i in inputs))
        if (signature.params or signature.buffers) and owner is None:
            owner = self.owners
            self.owners += 1
        outputs = tuple(range(len(self.types), len(self.types) + len(signature.outputs)))
        self.types += signature.outputs
        path = Path.of(*([0] * min(len(self.operations), 40)), len(self.operations))
        self.operations.append(Operation(op, inputs, outputs, signature, owner, path, None))
        return outputs

    def graph(self, *outputs: int) -> Graph:
        """The graph that returns these values."""
        return Graph("test", self.inputs, tuple(self.operations), outputs, tuple(self.types))
