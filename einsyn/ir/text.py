"""Graphs as text, and back.

    einsyn ir 1
    graph "nasbench201"
    input image %0: f32[B, c:3, h:32, w:32]
    %1: f32[B, c:16, h:32, w:32] = conv(channels=16, kernel=3, bias=false)(%0) weights 0 at / from "nb.lark":23:5-23:30
    %2: f32[B, c:16, h:32, w:32] = batch_norm(%1) weights 1 at /
    output %2

Types are inferred when a text is read and must be those that it states. Long paths are written from the
last multiple of 16 levels above them, which has a line of its own (`path p1 = /0/1/...`), so that the
text of a deep net grows with its size and not with its square.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from einsyn.ir.parse_type import exact

if TYPE_CHECKING:
    from einsyn.diagnostics import Span
    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.path import Path

HEADER: Final = "einsyn ir 1"
# Levels of a path between two that have lines of their own.
STEP: Final = 16


def print_graph(graph: Graph) -> str:
    """A graph as text that `parse_graph` reads back equal."""
    return "\n".join([HEADER, *_Printer().block(graph)]) + "\n"


class _Printer:
    def __init__(self) -> None:
        # By identity: a deep path is slow to compare, and equal ones may have two lines.
        self.named: dict[int, tuple[str, Path]] = {}

    def block(self, graph: Graph) -> list[str]:
        lines = [f"graph {json.dumps(graph.name)}"]
        lines += [
            f"input {json.dumps(name) if not name.isidentifier() else name} %{value}: {exact(graph.types[value])}"
            for name, value in graph.inputs
        ]
        for operation in graph.operations:
            path = self.path(operation.path, lines)
            lines.append(self.line(graph, operation, path))
            for region in operation.regions:
                lines += ["region", *self.block(region), "end"]
        lines.append(f"output {', '.join(f'%{value}' for value in graph.outputs)}")
        return lines

    def line(self, graph: Graph, operation: Operation, path: str) -> str:
        results = ", ".join(f"%{value}: {exact(graph.types[value])}" for value in operation.outputs)
        inputs = ", ".join(f"%{value}" for value in operation.inputs)
        line = f"{results} = {operation.op}({inputs})"
        if operation.owner is not None:
            line += f" weights {operation.owner}"
        line += f" at {path}"
        return line if operation.span is None else f"{line} from {place(operation.span)}"

    def path(self, path: Path, lines: list[str]) -> str:
        """The text of a path; lines that name the ones it builds on are added."""
        tail: list[int] = []
        node = path
        pending: list[tuple[Path, list[int]]] = []
        while node.parent is not None:
            if node.depth % STEP == 0:
                known = self.named.get(id(node))
                if known is not None:
                    return self._finish(known[0], pending, tail, lines)
                pending.append((node, tail))
                tail = []
            tail.append(node.index)
            node = node.parent
        return self._finish("", pending, tail, lines)

    def _finish(self, start: str, pending: list[tuple[Path, list[int]]], tail: list[int], lines: list[str]) -> str:
        for node, below in reversed(pending):
            name = f"p{len(self.named) + 1}"
            lines.append(f"path {name} = {_joined(start, tail)}")
            # The node is kept so that its identity stays its own.
            self.named[id(node)] = (name, node)
            start, tail = name, below
        return _joined(start, tail)


def _joined(start: str, upwards: list[int]) -> str:
    steps = "/".join(str(i) for i in reversed(upwards))
    return f"{start}/{steps}" if steps or not start else start


def place(span: Span) -> str:
    """A span as text: `"file":line:column-line:column`."""
    return f"{json.dumps(span.file)}:{span.line}:{span.column}-{span.end_line}:{span.end_column}"
