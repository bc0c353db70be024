"""Findings read back from disk; nothing in their folders is executed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError, FileError
from einsyn.files import read_text
from einsyn.ir.parse_text import parse_graph
from einsyn.testing.case import Case, arrays_of, case_of, flat_source, input_names, weight_of
from einsyn.testing.finding import RECORD, Finding
from einsyn.testing.judge import MEANINGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.ir.graph import Graph

# What the fields of a record are.
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    **dict.fromkeys(
        ("oracle", "reference", "kind", "exception", "detail", "pattern", "space", "arch", "original"), (str,)
    ),
    **dict.fromkeys(("size", "operations", "tests", "seed", "seen"), (int,)),
    "timeout": (int, float),
    "memory": (int, type(None)),
    "reproducible": (bool,),
    "versions": (dict,),
}


def read_finding(folder: Path) -> Finding:
    """The record of a finding.

    Raises:
        FileError: F010 it is damaged, and what `read_text` raises.
    """
    text = read_text(folder / RECORD, "a finding")
    try:
        record: dict[str, Any] = json.loads(text)
        record = {key: value for key, value in record.items() if key in Finding.__dataclass_fields__}
        made: Any = {**record, "ops": tuple(map(str, record["ops"]))}
        finding = Finding(**made)
        if not all(isinstance(getattr(finding, name), types) for name, types in _TYPES.items()):
            raise ValueError
        if finding.kind not in MEANINGS or not 0 < finding.timeout < float("inf"):
            raise ValueError
        if finding.seed < 0 or (finding.memory or 0) < 0:
            raise ValueError
        return finding
    except (ValueError, TypeError, KeyError, AttributeError):
        said = f"`{folder / RECORD}` is not the record of a finding"
        raise FileError(Diagnostic("F010", said, hint="einsyn fuzz writes such folders")) from None


def read_graph(folder: Path) -> Graph:
    """The graph of a finding.

    Raises:
        FileError: F010 it is damaged, and what `read_text` raises.
    """
    try:
        return parse_graph(read_text(folder / "graph.ir", "a graph"), str(folder / "graph.ir"))
    except FileError:
        raise
    except EinsynError as error:
        raise _damaged(folder, error) from None


def read_case(folder: Path, finding: Finding) -> tuple[Case, Case]:
    """The network of a finding as it was written then, and as einsyn writes it now, with the same weights.

    Nothing from the folder is executed: the torch source is written anew from the graph.

    Raises:
        FileError: F010 a file is damaged or missing.
    """
    from google.protobuf.message import DecodeError

    try:
        graph = read_graph(folder)
        data = (folder / "model.onnx").read_bytes()
        stored = arrays_of(data)
        inputs = _read_inputs(folder / "inputs.npz", graph)
        keys = list(flat_source(graph).keys.values())
        weights = {key: array.copy() for key in keys if (array := weight_of(stored, key)) is not None}
        now = case_of(graph, finding.seed, inputs=inputs, weights=weights)
        if input_names(data) != input_names(now.model):
            raise ValueError("`model.onnx` has other inputs than the graph")
        # ONNX has no place for some state, such as the number of batches seen.
        written = arrays_of(now.model)
        lost = [key for key in keys if key not in weights and weight_of(written, key) is not None]
        if lost:
            raise ValueError(f"`model.onnx` has no weight `{lost[0]}`")
    except FileError:
        raise
    except (OSError, ValueError, KeyError, EinsynError, DecodeError) as error:
        raise _damaged(folder, error) from None
    return replace(now, model=data), now


def _read_inputs(file: Path, graph: Graph) -> dict[str, Any]:
    """The arrays of a finding by name; raises ValueError where they are not those of the graph's inputs."""
    import zlib
    from zipfile import BadZipFile

    import numpy as np

    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (BadZipFile, EOFError, AttributeError, TypeError, zlib.error) as error:
        raise ValueError(f"`{file.name}`: {error}") from None
    if list(arrays) != [name for name, _ in graph.inputs]:
        raise ValueError(f"`{file.name}` holds {', '.join(arrays) or 'nothing'}")
    for name, value in graph.inputs:
        sizes, shape = graph.types[value].shape, arrays[name].shape
        if len(sizes) != len(shape) or any(isinstance(n, int) and n != m for n, m in zip(sizes, shape, strict=True)):
            raise ValueError(f"`{name}` in `{file.name}` has the shape {list(shape)}")
    return arrays


def _damaged(folder: Path, error: Exception) -> FileError:
    said = str(error).splitlines() or [repr(error)]
    hint = "einsyn fuzz writes such folders"
    return FileError(Diagnostic("F010", f"a file of the finding `{folder}` is damaged", evidence=(said[0],), hint=hint))


def folders(corpus: Path) -> Iterator[Path]:
    """Every folder with a finding in a folder, by name.

    Raises:
        FileError: F001 there is none.
    """
    found = sorted(path.parent for path in corpus.rglob(RECORD))
    if not found:
        hint = "einsyn fuzz SPACE -o DIR writes one where it finds something"
        raise FileError(Diagnostic("F001", f"there is no finding in `{corpus}`", hint=hint))
    yield from found
