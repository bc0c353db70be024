"""A graph of operations as pictures, with shapes on its wires; the graphs that operations own follow it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.drawing.boxes import Edge, Node, Outlet, picture
from einsyn.drawing.svg import short_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from einsyn.drawing.svg import Picture
    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.path import Path
    from einsyn.ir.types import TensorType

_USUAL = "f32"


def shape_shown(t: TensorType) -> str:
    """A type as wires show it: `16x32x32`, the batch left out, the dtype only where it is not f32."""
    sizes = "x".join(map(str, t.sizes)) or "scalar"
    return sizes if t.dtype == _USUAL else f"{t.dtype} {sizes}"


def drawings(graph: Graph, number_of: Callable[[Path], int] | None = None) -> Iterator[tuple[str, Picture]]:
    """A graph and the graphs that its operations own, each with a caption.

    Args:
        graph: as elaborated, or rewritten.
        number_of: the number of a derivation node by its path; boxes carry it as `data-node`.
    """
    pending: list[tuple[str, Graph]] = [("", graph)]
    while pending:
        caption, here = pending.pop(0)
        # Paths of a region lead through the same derivation.
        yield caption, _drawn(here, number_of)
        for operation in here.operations:
            for region in operation.regions:
                within = f"{caption}, " if caption else ""
                pending.append((f"{within}the step of {operation.op.name} %{operation.outputs[0]}", region))


def _drawn(graph: Graph, number_of: Callable[[Path], int] | None) -> Picture:
    nodes: list[Node] = []
    edges: list[Edge] = []
    # The node and the outlet that give a value.
    given: dict[int, tuple[int, int]] = {}
    owners = {id(operation) for operation in graph.owners()}
    for name, value in graph.inputs:
        given[value] = (len(nodes), 0)
        nodes.append(Node(name, "input", f"input {name}", "end", 0, (_outlet(graph, value),)))
    for operation in graph.operations:
        edges += [Edge(*given[value], len(nodes), i) for i, value in enumerate(operation.inputs)]
        for i, value in enumerate(operation.outputs):
            given[value] = (len(nodes), i)
        nodes.append(_node(graph, operation, id(operation) in owners, number_of))
    for value in graph.outputs:
        edges.append(Edge(*given[value], len(nodes), 0))
        nodes.append(Node("output", "", f"output %{value}: {graph.types[value]}", "end", 1, ()))
    return picture(nodes, edges)


def _outlet(graph: Graph, value: int) -> Outlet:
    t = graph.types[value]
    return Outlet(f"%{value}", shape_shown(t), f"%{value}: {t}")


def _node(graph: Graph, operation: Operation, owns: bool, number_of: Callable[[Path], int] | None) -> Node:
    costs = operation.signature
    notes: list[str] = []
    if costs.param_count:
        notes.append(f"{short_number(costs.param_count)} params" if owns else f"weights {operation.owner} again")
    if costs.macs:
        notes.append(f"{short_number(costs.macs)} MACs")
    kind = "weights" if costs.param_count else "work" if costs.macs else "view" if operation.op.aliases else ""
    told = [str(operation.op), *(f"%{v}: {graph.types[v]}" for v in operation.outputs)]
    told.append(f"{costs.param_count:,} parameters, {costs.macs:,} MACs, {costs.output_bytes:,} bytes")
    told.append(f"from {operation.path}" + (f" ({operation.span})" if operation.span is not None else ""))
    outlets = tuple(_outlet(graph, value) for value in operation.outputs)
    data = {} if number_of is None else {"node": str(number_of(operation.path))}
    return Node(
        str(operation.op), ", ".join(notes), "\n".join(told), kind, len(operation.inputs), outlets, data
    )  # fmt: skip
