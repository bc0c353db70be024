"""Reads graphs that `print_graph` wrote, or that a person wrote in that form."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final, NoReturn

from einsyn.diagnostics import Diagnostic, Span, closest, source_excerpt
from einsyn.errors import EinsynError
from einsyn.ir.graph import Graph, Operation
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_type import TypeSyntax, parse_type
from einsyn.ir.path import Path
from einsyn.ir.text import HEADER
from einsyn.ir.types import TensorType
from einsyn.ops import OPS
from einsyn.ops.op import Op

_STRING: Final = r'"(?:[^"\\]|\\.)*"'
_GRAPH: Final = re.compile(rf"graph ({_STRING})")
_INPUT: Final = re.compile(rf"input ({_STRING}|\w+) %(\d{{1,9}}): (.+)")
_PATH_LINE: Final = re.compile(r"path (p\d+) = (p\d+)?((?:/\d+)*/?)")
_OUTPUT: Final = re.compile(r"output (.*)")
_RESULT: Final = re.compile(r"%(\d{1,9}): (\w+\[[^\]]*\])(?:, | = )")
_NAME: Final = re.compile(r"[\w.]+")
_TOKEN: Final = re.compile(rf"\s*({_STRING}|[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?|\w+|[\[\](),=])")
_VALUES: Final = re.compile(r"\((?:%\d{1,9}(?:, %\d{1,9})*)?\)")
_TAIL: Final = re.compile(
    rf"(?: weights (\d{{1,9}}))? at (p\d+)?((?:/\d{{1,9}})*/?)(?: from ({_STRING}):(\d+):(\d+)-(\d+):(\d+))?"
)
_WORDS: Final[dict[str, object]] = {"true": True, "false": False, "none": None}


@dataclass
class _Line:
    """An operation that has been read but for its regions."""

    op: Op
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    stated: tuple[TensorType, ...]
    owner: int | None
    path: Path
    span: Span | None
    offset: int
    regions: list[Graph] = field(default_factory=lambda: [])


@dataclass
class _Block:
    """A graph that is being read."""

    name: str = ""
    inputs: list[tuple[str, int]] = field(default_factory=lambda: [])
    operations: list[Operation] = field(default_factory=lambda: [])
    outputs: tuple[int, ...] | None = None
    types: dict[int, TensorType] = field(default_factory=lambda: {})
    waiting: _Line | None = None


def parse_graph(text: str, file: str = "<ir>") -> Graph:
    """The graph that a text means.

    Args:
        text: as `print_graph` writes it; empty lines and lines that begin with `//` mean nothing.
        file: what diagnostics call the text.

    Raises:
        EinsynError: I001 for a line that is not written correctly, I002 for an unknown operation or attribute, I003
            for an undefined value or one defined twice, I012 for types that are not what an operation infers.
    """
    return _Reader(text, file).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.number = 0
        self.paths: dict[str, Path] = {}
        self.open: list[_Block] = []

    def fail(self, code: str, message: str, column: int = 1, hint: str | None = None) -> NoReturn:
        span = Span(self.file, self.number, column)
        raise EinsynError(
            Diagnostic(code, message, span=span, evidence=source_excerpt(self.text, span), hint=hint)
        ) from None

    def read(self) -> Graph:
        lines = self.text.splitlines()
        self.number = 1
        if not lines or lines[0].strip() != HEADER:
            self.fail("I001", f"IR text begins with the line `{HEADER}`")
        self.open = [_Block()]
        done: Graph | None = None
        for self.number, raw in enumerate(lines[1:], 2):
            line = raw.strip()
            if not line or line.startswith("//"):
                continue
            if done is not None:
                self.fail("I001", "there is text after the end of the graph")
            waiting = self.open[-1].waiting
            if line == "region":
                if waiting is None:
                    self.fail("I001", "a region belongs to an operation above it that owns one, and there is none")
                self.open.append(_Block())
            elif waiting is not None:
                self.fail("I001", f"`{waiting.op}` owns a region, which has to follow it")
            elif line == "end":
                self._close()
            else:
                self._line(line, raw)
            if len(self.open) == 1 and self.open[0].outputs is not None:
                done = self._graph(self.open[0])
        if done is None:
            self.fail("I001", "the graph has no `output` line")
        return done

    def _close(self) -> None:
        if len(self.open) < 2 or self.open[-1].outputs is None:
            self.fail("I001", "`end` closes a region after its `output`, and there is none to close")
        region = self._graph(self.open.pop())
        block = self.open[-1]
        line = block.waiting
        assert line is not None  # a region is opened below an operation that waits for it
        line.regions.append(region)
        if len(line.regions) == line.op.region_count:
            block.waiting = None
            line.op = line.op.with_regions(*line.regions)
            self._finish(block, line)

    def _graph(self, block: _Block) -> Graph:
        if sorted(block.types) != list(range(len(block.types))):
            self.fail("I003", "values are numbered from %0 without a gap")
        types = tuple(block.types[i] for i in range(len(block.types)))
        return Graph(block.name, tuple(block.inputs), tuple(block.operations), block.outputs or (), types)

    def _line(self, line: str, raw: str) -> None:
        block = self.open[-1]
        offset = len(raw) - len(raw.lstrip())
        word = line.split(" ", 1)[0]
        if line.startswith("%"):
            return self._operation(block, line, offset)
        patterns = {"graph": _GRAPH, "input": _INPUT, "path": _PATH_LINE, "output": _OUTPUT}
        match = patterns[word].fullmatch(line) if word in patterns else None
        if match is None:
            self.fail("I001", f"this line is no {word} line" if word in patterns else "this line is not IR", offset + 1)
        if word == "graph":
            block.name = str(json.loads(match[1]))
        elif word == "path":
            self.paths[match[1]] = self._path(match[2], match[3])
        elif word == "output":
            block.outputs = tuple(self._value(block, v.strip()) for v in match[1].split(",")) if match[1] else ()
        else:
            name = str(json.loads(match[1])) if match[1].startswith('"') else match[1]
            value = int(match[2])
            self._define(block, value, self._type(match[3], offset + match.start(3)))
            block.inputs.append((name, value))
        return None

    def _operation(self, block: _Block, line: str, offset: int) -> None:
        outputs: list[int] = []
        stated: list[TensorType] = []
        at = 0
        while True:
            result = _RESULT.match(line, at)
            if result is None:
                self.fail("I001", "an operation is written `%1: type = name(attributes)(%0)`", offset + at + 1)
            outputs.append(int(result[1]))
            stated.append(self._type(result[2], offset + result.start(2)))
            at = result.end()
            if result[0].endswith(" = "):
                break
        op, at = self._op(line, at, offset)
        values = _VALUES.match(line, at)
        tail = _TAIL.fullmatch(line, values.end()) if values is not None else None
        if values is None or tail is None:
            self.fail("I001", "after the operation come `(%values)`, `weights N`, `at PATH`", offset + at + 1)
        inputs = tuple(self._value(block, v) for v in values[0][1:-1].split(", ") if v)
        span = Span(str(json.loads(tail[4])), *(int(tail[i]) for i in range(5, 9))) if tail[4] else None
        owner = None if tail[1] is None else int(tail[1])
        path = self._path(tail[2], tail[3])
        read = _Line(op, inputs, tuple(outputs), tuple(stated), owner, path, span, offset)
        if op.region_count:
            block.waiting = read
        else:
            self._finish(block, read)

    def _finish(self, block: _Block, line: _Line) -> None:
        """Append an operation to the block, its types inferred."""
        op = line.op
        try:
            signature = op.signature(tuple(block.types[v] for v in line.inputs))
        except Mismatch as mismatch:
            self.fail(mismatch.code, mismatch.message, line.offset + 1, mismatch.hint)
        if signature.outputs != line.stated:
            inferred = ", ".join(map(str, signature.outputs))
            self.fail("I012", f"`{op}` gives {inferred}, not {', '.join(map(str, line.stated))}", line.offset + 1)
        for value, t in zip(line.outputs, line.stated, strict=True):
            self._define(block, value, t)
        operation = Operation(op, line.inputs, line.outputs, signature, line.owner, line.path, line.span)
        block.operations.append(operation)

    def _op(self, line: str, at: int, offset: int) -> tuple[Op, int]:
        name = _NAME.match(line, at)
        cls = OPS.get(name[0]) if name else None
        if name is None or cls is None:
            meant = closest(name[0], OPS) if name else None
            hint = f"did you mean `{meant}`?" if meant else None
            self.fail("I002", f"there is no operation {name[0] if name else ''!r}", offset + at + 1, hint)
        at = name.end()
        positional: list[object] = []
        named: dict[str, object] = {}
        if not _VALUES.match(line, at) or line.startswith("()(", at):
            at = self._attributes(line, at, offset, positional, named)
        try:
            return cls.configure(*positional, **named), at
        except Mismatch as mismatch:
            self.fail("I002", mismatch.message, offset + name.start() + 1, mismatch.hint)

    def _attributes(self, line: str, at: int, offset: int, positional: list[object], named: dict[str, object]) -> int:
        """Read `(a, b=[1, 2])`; returns where it ends."""
        key: str | None = None
        items: list[object] | None = None
        depth = 0
        while True:
            token = _TOKEN.match(line, at)
            if token is None:
                self.fail("I001", "this is no attribute", offset + at + 1)
            at, piece = token.end(), token[1]
            if piece == "(" and depth == 0:
                depth = 1
            elif piece == ")" and items is None:
                return at
            elif piece == "[" and items is None:
                items = []
            elif piece == "]" and items is not None:
                key = self._put(items, key, positional, named)
                items = None
            elif piece.isidentifier() and line.startswith("=", at) and items is None:
                key, at = piece, at + 1
            elif piece != ",":
                value = self._literal(piece, offset + token.start(1))
                if items is None:
                    key = self._put(value, key, positional, named)
                else:
                    items.append(value)

    def _put(self, value: object, key: str | None, positional: list[object], named: dict[str, object]) -> None:
        if key is None:
            positional.append(value)
        else:
            named[key] = value

    def _literal(self, piece: str, column: int) -> object:
        if piece in _WORDS:
            return _WORDS[piece]
        if piece.startswith('"'):
            return json.loads(piece)
        try:
            return int(piece) if re.fullmatch(r"[-+]?\d{1,400}", piece) else float(piece)
        except ValueError:
            self.fail("I001", f"{piece!r} is no value", column + 1)

    def _type(self, text: str, offset: int) -> TensorType:
        try:
            return parse_type(text)
        except TypeSyntax as mismatch:
            self.fail(mismatch.code, mismatch.message, offset + mismatch.column, mismatch.hint)

    def _path(self, start: str | None, steps: str) -> Path:
        path = Path() if start is None else self.paths.get(start)
        if path is None:
            self.fail("I003", f"path {start} has no line of its own above")
        for step in steps.split("/"):
            if step:
                path = Path(path, int(step))
        return path

    def _value(self, block: _Block, text: str) -> int:
        if not re.fullmatch(r"%\d{1,9}", text):
            self.fail("I001", f"{text!r} is no value")
        if int(text[1:]) not in block.types:
            self.fail("I003", f"{text} is not defined above this line")
        return int(text[1:])

    def _define(self, block: _Block, value: int, t: TensorType) -> None:
        if value in block.types:
            self.fail("I003", f"%{value} is defined twice")
        block.types[value] = t
