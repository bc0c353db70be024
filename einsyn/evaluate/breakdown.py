"""Where the cost of a network is: by operation, and by node of its derivation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from einsyn.derivation.tree import Derivation

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.path import Path


@dataclass(slots=True)
class Row:
    """The cost of some operations.

    Args:
        name: what they have in common.
        count: how many there are.
        params: learned scalars; shared weights count where they come first.
        macs: multiply-accumulates at batch 1.
        bytes: what they read and write at batch 1: inputs, weights and outputs; views read and write nothing.
        seconds: how long they take, where that was measured.
    """

    name: str
    count: int = 0
    params: int = 0
    macs: int = 0
    bytes: int = 0
    seconds: float | None = None

    @property
    def intensity(self) -> float:
        """MACs for each byte: what a roofline has on its horizontal axis."""
        return self.macs / self.bytes if self.bytes else 0.0

    def record(self) -> dict[str, Any]:
        """For JSON."""
        found: dict[str, Any] = {"name": self.name, "count": self.count, "params": self.params, "macs": self.macs}
        found["bytes"] = self.bytes
        return found if self.seconds is None else {**found, "ms": round(1e3 * self.seconds, 6)}

    def add(self, graph: Graph, operation: Operation, first: bool, seconds: float | None) -> None:
        """Count an operation; `first` says that its weights were not counted yet."""
        signature = operation.signature
        self.count += 1
        self.params += signature.param_count if first else 0
        self.macs += signature.macs
        if not operation.op.aliases:
            read = sum(graph.types[value].bytes for value in operation.inputs)
            self.bytes += read + signature.state_bytes + signature.output_bytes
        if seconds is not None:
            self.seconds = (self.seconds or 0.0) + seconds


def by_operation(graph: Graph, seconds: Sequence[float] | None = None) -> list[Row]:
    """A row for each kind of operation, the most MACs first."""
    rows: dict[str, Row] = {}
    firsts = {id(operation) for operation in graph.owners()}
    for i, operation in enumerate(graph.operations):
        row = rows.setdefault(operation.op.name, Row(operation.op.name))
        row.add(graph, operation, id(operation) in firsts, seconds[i] if seconds else None)
    return sorted(rows.values(), key=lambda row: (-row.macs, row.name))


def by_node(derivation: Derivation, graph: Graph, depth: int, seconds: Sequence[float] | None = None) -> list[Row]:
    """A row for each node down to a depth, in text order, with all that came from it and from below it.

    Nodes from which no operation came have none.
    """
    cut: dict[int, Path] = {}
    rows: dict[tuple[int, ...], Row] = {}
    firsts = {id(operation) for operation in graph.owners()}
    for i, operation in enumerate(graph.operations):
        indexes = tuple(_above(operation.path, depth, cut))
        for length in range(len(indexes) + 1):
            row = rows.setdefault(indexes[:length], Row(""))
            row.add(graph, operation, id(operation) in firsts, seconds[i] if seconds else None)
    for indexes, row in rows.items():
        node = derivation.at(indexes)
        said = node.production.name if isinstance(node, Derivation) else node.text
        row.name = f"{'  ' * len(indexes)}{said}"
    return [rows[indexes] for indexes in sorted(rows)]


def _above(path: Path, depth: int, cut: dict[int, Path]) -> Path:
    """The path down to a depth; paths share what is above them, so that each step is taken once."""
    walked: list[Path] = []
    at = path
    while at.depth > depth and id(at) not in cut:
        walked.append(at)
        assert at.parent is not None  # only the root has none
        at = at.parent
    end = cut.get(id(at), at)
    for each in walked:
        cut[id(each)] = end
    return end
