"""What an ONNX file written by einsyn says of the architecture it came from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from einsyn.backends.onnx_model import import_onnx
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError, FileError

_PREFIX = "einsyn."


def recover(path: str | Path) -> dict[str, Any]:
    """Space, architecture text, parameters and inputs from the metadata of an ONNX file.

    Only the metadata is read; weights are not loaded and nothing is executed.

    Raises:
        FileError: the file cannot be read or is no ONNX model.
        BackendError: B001 onnx is not installed, B011 it was not written by einsyn.
    """
    file = Path(path)
    if not file.is_file():
        raise FileError(Diagnostic("F001", f"there is no file `{path}`", hint="check the path"))
    onnx: Any = import_onnx()
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(file), load_external_data=False)
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
