"""What an ONNX file written by einsyn says of the architecture it came from."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from einsyn.backends.onnx_model import import_onnx
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError, FileError
from einsyn.files import check_file

if TYPE_CHECKING:
    from pathlib import Path

_PREFIX = "einsyn."


def recover(path: str | Path) -> dict[str, Any]:
    """Space, architecture text, parameters and inputs from the metadata of an ONNX file.

    Only the metadata is read; weights are not loaded and nothing is executed.

    Raises:
        FileError: F001 missing, F002 a directory, F003 not a regular file, F006 unreadable, F008 no ONNX model.
        BackendError: B001 onnx is not installed, B011 it was not written by einsyn.
    """
    check_file(path, "an ONNX model")
    onnx: Any = import_onnx()
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError):
        raise FileError(Diagnostic("F008", f"`{path}` is not an ONNX model")) from None
    found = {p.key.removeprefix(_PREFIX): p.value for p in model.metadata_props if p.key.startswith(_PREFIX)}
    if "architecture" not in found:
        raise BackendError(
            Diagnostic("B011", f"`{path}` does not say which architecture it is", hint="einsyn compile writes that")
        )
    for key in ("parameters", "inputs"):
        if key in found:
            try:
                found[key] = json.loads(found[key])
            except json.JSONDecodeError:
                raise FileError(Diagnostic("F008", f"the metadata of `{path}` is damaged")) from None
    return dict(found)
