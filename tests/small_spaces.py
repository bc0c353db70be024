"""Small search spaces from text, and what tests read off them."""

from __future__ import annotations

import re
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import einsyn
from einsyn.architecture import Architecture
from einsyn.ir.text import print_graph
from einsyn.space import Space

VERSION = "//@ einsyn 1\n"
SEQUENCE = "//@ input x f32[B, s:6, d:8]\n"
IMAGE = "//@ input x f32[B, c:4, h:8, w:8]\n"


def small_space(text: str, files: dict[str, str] | None = None, **options: Any) -> Space:
    """A space from its text, with or without the version line; `files` lie beside it."""
    if not text.startswith(VERSION):
        text = VERSION + text
    with TemporaryDirectory() as folder:
        for name, content in (files or {}).items():
            (Path(folder) / name).write_text(content, encoding="utf-8")
        file = Path(folder) / "space.lark"
        file.write_text(text, encoding="utf-8")
        return einsyn.load(file, **options)


def only(text: str, files: dict[str, str] | None = None, **options: Any) -> Architecture:
    """The only architecture of a space."""
    (architecture,) = small_space(text, files, **options).enumerate()
    return architecture


def net(definitions: str, head: str = SEQUENCE, files: dict[str, str] | None = None, **options: Any) -> Architecture:
    """The only architecture of a space without choices: definitions, among them `net` on the input."""
    lines = "".join(f"//@ {line.strip()}\n" for line in definitions.strip().splitlines())
    return only(f'{head}start: "net" -> net\n{lines}', files, **options)


def wiring(architecture: Architecture) -> list[str]:
    """The graph, a line for every operation, without where it came from."""
    lines = print_graph(architecture.graph).splitlines()
    shown = [re.sub(r" at [/p].*", "", line) for line in lines if line.startswith("%")]
    assert lines[-1].startswith("output ")
    return [*shown, lines[-1]]


def ops(architecture: Architecture) -> list[str]:
    """The operations with their attributes, in order."""
    return [str(o.op) for o in architecture.graph.operations]


def refusal(text: str, architecture: str = "net", **options: Any) -> einsyn.Diagnostic:
    """Why a text of a space is no architecture."""
    try:
        small_space(text, **options).parse(architecture)
    except einsyn.InfeasibleError as error:
        return error.diagnostics[0]
    raise AssertionError("it is feasible")
