"""What a file that einsyn wrote states of its architecture, and the architecture itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError, FileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from einsyn.architecture import Architecture
    from einsyn.grammar.model import Scalar
    from einsyn.space import Space


def stated_by(name: str) -> dict[str, Any]:
    """What a file states: space, architecture, parameters, inputs, form."""
    if name.endswith(".onnx"):
        from einsyn.backends.recover import recover

        return recover(name)
    if name.endswith(".safetensors"):
        from einsyn.weights.file import read_facts

        return read_facts(name)
    hint = "einsyn show SPACE ARCH, or einsyn show FILE, a .onnx or .safetensors file"
    raise UsageError(Diagnostic("U012", "which architecture?", hint=hint))


def recovered(file: str, stated: Mapping[str, Any], bounds: Mapping[str, int | None]) -> Architecture:
    """The architecture that a file is of.

    Args:
        file: its name.
        stated: what it states.
        bounds: limits in place of those of the space.

    Raises:
        FileError: F008 what it states is nothing that einsyn writes.
        UsageError: U031 its space is not here, or is another by now.
    """
    name, text, params = (stated.get(key) for key in ("space", "architecture", "parameters"))
    inputs = _inputs(stated.get("inputs"))
    if not (isinstance(name, str) and isinstance(text, str) and _scalars(params)) or inputs is None:
        raise FileError(Diagnostic("F008", f"the metadata of `{file}` is damaged"))
    changed = False
    for space in _candidates(name, file, cast("dict[str, Scalar]", params), inputs):
        if space.grammar.digest == stated.get("space_hash"):
            return space.parse(text, **bounds)
        changed = True
    said = f"the space `{name}` of `{file}` is {'another by now' if changed else 'not here'}"
    where = f"shipped, or as {name}.lark in this folder or beside the file"
    hint = "einsyn show SPACE ARCH -o net.html, with --set and --input as the file states them"
    raise UsageError(Diagnostic("U031", said, evidence=(f"it was looked for {where}",), hint=hint))


def _scalars(stated: object) -> bool:
    """Whether it is what parameters are: numbers, truth values and texts by name."""
    if not isinstance(stated, dict):
        return False
    return all(isinstance(value, int | float | str) for value in cast("dict[str, object]", stated).values())


def _inputs(stated: object) -> dict[str, str] | None:
    """The types of the inputs by name; None where that is not what is stated."""
    pairs = cast("list[object]", stated) if isinstance(stated, list) else [None]
    found: dict[str, str] = {}
    for pair in pairs:
        match pair:
            case [str() as name, str() as text]:
                found[name] = text
            case _:
                return None
    return found


def _candidates(name: str, file: str, params: dict[str, Scalar], inputs: dict[str, str]) -> Iterator[Space]:
    """Spaces of a name that take the parameters and inputs: the shipped one, and those that lie where people work."""
    from einsyn.loading import load
    from einsyn.shipped import shipped_spaces

    places: list[str | Path] = [name] if name in shipped_spaces() else []
    if Path(name).name == name:  # else it would lead elsewhere
        places += dict.fromkeys([Path(f"{name}.lark"), Path(file).parent / f"{name}.lark"])
    for place in places:
        if isinstance(place, Path) and not place.is_file():
            continue
        try:
            yield load(place, input=inputs, params=params)
        except EinsynError:
            continue
