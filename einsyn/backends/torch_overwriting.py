"""Which values a network may overwrite while it computes, as an expert writes `inplace=True`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ir.graph import Graph


def overwritable(graph: Graph, uses: Sequence[int]) -> frozenset[int]:
    """Values that one operation alone uses, once, and that backward does not need.

    Inputs of the graph are not among them, nor what is another name for one.

    Args:
        graph: the graph.
        uses: how often each value is used, as an output of the graph as well.
    """
    found: set[int] = set()
    for operation in graph.operations:
        # A sum of one term hands it on.
        if operation.op.overwritable and operation.op.passes(*[graph.types[v] for v in operation.inputs]) is None:
            found.update(value for value in operation.outputs if uses[value] == 1)
    return frozenset(found)
