"""The functions that the torch forms of a graph's operations call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError

if TYPE_CHECKING:
    from einsyn.ir.graph import Graph


def functions_of(graph: Graph) -> dict[str, str]:
    """The source of each function by its name, for operations in regions as well.

    Raises:
        BackendError: B003 two operations have different functions of one name.
    """
    found: dict[str, str] = {}
    graphs = [graph]
    while graphs:
        for operation in graphs.pop().operations:
            graphs.extend(operation.regions)
            for name, text in operation.op.functions.items():
                if found.setdefault(name, text) != text:
                    message = f"`{operation.op.name}` and another operation have different functions `{name}`"
                    raise BackendError(Diagnostic("B003", message, span=operation.span, path=str(operation.path)))
    return found
