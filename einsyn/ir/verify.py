"""Checks that a graph is what the rest of the compiler takes for granted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError
from einsyn.ir.mismatch import Mismatch

if TYPE_CHECKING:
    from einsyn.ir.graph import Graph, Operation


def verify_graph(graph: Graph) -> None:
    """Check single assignment, order, types and shared weights; regions as well.

    Raises:
        EinsynError: I010 use before definition, I011 a value defined twice or never, I012 types that are not
            inferred, I013 shared weights of different shapes, I014 a weight set that lacks or is too many.
    """
    found: list[Diagnostic] = []
    waiting = [graph]
    while waiting:
        current = waiting.pop()
        found += _Checker(current).run()
        waiting += [region for operation in current.operations for region in operation.regions]
    if found:
        raise EinsynError(found)


class _Checker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.found: list[Diagnostic] = []
        self.defined: set[int] = set()

    def run(self) -> list[Diagnostic]:
        graph = self.graph
        for name, value in graph.inputs:
            self.define(value, f"input {name}", None)
        shapes: dict[int, tuple[object, ...]] = {}
        for operation in graph.operations:
            for value in operation.inputs:
                if value not in self.defined:
                    self.report("I010", f"`{operation.op}` uses %{value} before it is defined", operation)
            if all(0 <= value < len(graph.types) for value in operation.inputs):
                self.types(operation)
            for value in operation.outputs:
                self.define(value, f"`{operation.op}`", operation)
            self.weights(operation, shapes)
        for value in graph.outputs:
            if value not in self.defined:
                self.report("I010", f"the graph returns %{value}, which is not defined", None)
        never = [value for value in range(len(graph.types)) if value not in self.defined]
        if never:
            self.report("I011", f"%{never[0]} has a type and is never defined", None)
        return self.found

    def types(self, operation: Operation) -> None:
        types = self.graph.types
        try:
            signature = operation.op.signature(tuple(types[value] for value in operation.inputs))
        except Mismatch as mismatch:
            self.report("I012", f"`{operation.op}` does not apply: {mismatch.message}", operation)
            return
        if signature != operation.signature:
            self.report("I012", f"the signature of `{operation.op}` is not that of its inputs", operation)
        stated = tuple(types[value] if 0 <= value < len(types) else None for value in operation.outputs)
        if stated != signature.outputs:
            inferred = ", ".join(map(str, signature.outputs))
            self.report("I012", f"`{operation.op}` gives {inferred}, not {', '.join(map(str, stated))}", operation)

    def weights(self, operation: Operation, shapes: dict[int, tuple[object, ...]]) -> None:
        signature = operation.signature
        owns = bool(signature.params or signature.buffers)
        if owns != (operation.owner is not None):
            what = "lacks a weight set" if owns else "has a weight set and no weights"
            self.report("I014", f"`{operation.op}` {what}", operation)
        elif operation.owner is not None:
            shape = (dict(signature.params), dict(signature.buffers))
            if shapes.setdefault(operation.owner, shape) != shape:
                self.report("I013", f"`{operation.op}` shares weights of other shapes", operation)

    def define(self, value: int, by: str, operation: Operation | None) -> None:
        if not 0 <= value < len(self.graph.types):
            self.report("I011", f"%{value} of {by} has no type", operation)
        elif value in self.defined:
            self.report("I011", f"%{value} is defined again by {by}", operation)
        self.defined.add(value)

    def report(self, code: str, message: str, operation: Operation | None) -> None:
        span = operation.span if operation else None
        self.found.append(Diagnostic(code, message, span=span, path=str(operation.path) if operation else None))
