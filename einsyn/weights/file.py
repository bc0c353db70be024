"""Files of weights, in the safetensors format: read without executing anything, written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError, WeightsError
from einsyn.files import check_file, replacing
from einsyn.versions import versions
from einsyn.weights.state import check_state, detached, fill

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import torch
    from torch import nn

    from einsyn.architecture import Architecture
    from einsyn.forms import Rewriting

SUFFIX: Final = ".safetensors"
# All that is said of the tensors is one text: the format leaves the order of several open, and it differs by run.
_KEY: Final = "einsyn"


class WeightsFile(NamedTuple):
    """What a file of weights holds.

    Args:
        tensors: by their keys in the `state_dict` of a module.
        facts: what is said of them: `space`, `space_hash`, `architecture`, `parameters`, `inputs`, `form`, `versions`.
            Empty for a file that einsyn did not write.
    """

    tensors: dict[str, torch.Tensor]
    facts: dict[str, Any]


def save_weights(architecture: Architecture, module: nn.Module, path: str | Path, form: Rewriting) -> None:
    """Write the weights of a module, under the keys of its `state_dict`.

    Args:
        architecture: of the module.
        module: its tensors may be on any device.
        path: the file; it is replaced once the new one is complete.
        form: of the module.

    Raises:
        WeightsError: W002, W003, W005 the module is not of this architecture and form.
        FileError: F009 the file cannot be written, F002 it is a directory.
        BackendError: B001 safetensors is not installed.
    """
    library = _library()
    state = detached(module.state_dict())
    check_state(state, architecture.form(form).shapes, "the module")
    said = {
        **architecture.facts(),
        "form": form,
        "versions": {name: v for name, v in versions("safetensors").items() if name in _WRITERS},
    }
    # The format has no tensors that share memory; a module may.
    data = library.save(
        {key: tensor.cpu().contiguous().clone() for key, tensor in state.items()},
        {_KEY: json.dumps(said, sort_keys=True)},
    )
    with replacing(path, "wb") as stream:
        stream.write(data)


# What a file may depend on.
_WRITERS: Final = ("einsyn", "safetensors", "torch")


def read_weights(path: str | Path) -> WeightsFile:
    """Read a file of weights.

    Raises:
        FileError: F001 missing, F002 a directory, F003 not a regular file, F006 unreadable.
        WeightsError: W001 it is no safetensors file, or is damaged.
        BackendError: B001 safetensors is not installed.
    """
    return _read(path, tensors=True)


def read_facts(path: str | Path) -> dict[str, Any]:
    """What a file of weights says of the architecture that it is of, as text, parameters and inputs apart.

    Raises:
        WeightsError: W001 it is no safetensors file, is damaged, or says nothing of an architecture.
        FileError: as `read_weights`.
    """
    facts = _read(path, tensors=False).facts
    if "architecture" not in facts:
        raise _damaged(path, "it does not say which architecture it is of; what einsyn compile writes does")
    return facts


def _read(path: str | Path, *, tensors: bool) -> WeightsFile:
    _library()
    from safetensors import SafetensorError, safe_open

    check_file(path, "a safetensors file")
    found: dict[str, torch.Tensor] = {}
    try:
        with cast("Any", safe_open)(str(path), framework="pt") as file:
            metadata: dict[str, str] | None = file.metadata()
            if tensors:
                found = {key: file.get_tensor(key) for key in file.keys()}  # it is no mapping
    except (SafetensorError, OSError, ValueError) as error:
        raise _damaged(path, str(error)) from None
    if metadata is None or _KEY not in metadata:
        return WeightsFile(found, {})
    try:
        facts = json.loads(metadata[_KEY])
    except (ValueError, RecursionError):
        facts = None
    if not isinstance(facts, dict):
        raise _damaged(path, f"its metadata `{_KEY}` is not JSON of einsyn")
    return WeightsFile(found, cast("dict[str, Any]", facts))


def load_weights(
    architecture: Architecture,
    module: nn.Module,
    weights: str | Path | Mapping[str, torch.Tensor],
    form: Rewriting,
) -> None:
    """Put weights into a module.

    Args:
        architecture: of the module.
        module: gets them.
        weights: a file, which says of which form it is, or the `state_dict` of a module of the same form.
        form: of the module.

    Raises:
        WeightsError: W001 to W005 the file or what it holds is wrong, W006 weights folded for deployment are given to
            a module for training, W007 the file says that it is of another architecture.
        FileError: the file cannot be read.
    """
    if isinstance(weights, str | Path):
        given, name = read_weights(weights), f"`{weights}`"
        written = _form_of(architecture, given, form, weights)
    else:
        given, name, written = WeightsFile(detached(weights), {}), "the state", form
    holder = module if written == form else architecture.module(rewrite=written)
    own = holder.state_dict()
    shapes = {key: tuple(tensor.shape) for key, tensor in own.items()}
    check_state(given.tensors, shapes, name, {key: tensor.dtype for key, tensor in own.items()})
    if written == form:
        fill(module, given.tensors)
        return
    elaborated = architecture.form(written).elaborated_weights(given.tensors)
    fill(module, architecture.form(form).state(elaborated))


def _form_of(architecture: Architecture, given: WeightsFile, wanted: Rewriting, path: str | Path) -> Rewriting:
    """The form of the network that a file is of."""
    from einsyn.forms import PHASES

    facts = given.facts
    if not facts:
        # Whoever saved the `state_dict` of a written file saved this form, or the one that networks are trained in.
        return wanted if set(given.tensors) == set(architecture.form(wanted).shapes) else "exact"
    said = facts.get("architecture")
    if said != architecture.text:
        raise WeightsError(
            Diagnostic(
                "W007",
                f"`{path}` has the weights of another architecture",
                evidence=(f"there: {str(said)[:200]}", f"here:  {architecture.text[:200]}"),
                hint="einsyn.transfer takes over what is unchanged; `einsyn show` says what a file is of",
            )
        )
    found = facts.get("form")
    if found not in PHASES:
        raise _damaged(path, "its metadata names no form of a network")
    if found == "deploy" != wanted:
        raise WeightsError(
            Diagnostic(
                "W006",
                f"`{path}` has weights that were folded for deployment, which cannot be taken apart",
                hint="give the weights of the network that was trained, or compile with --deploy",
            )
        )
    return cast("Rewriting", found)


def one_of(weights: object, module: object) -> None:
    """Refuse weights beside a module that has weights.

    Raises:
        WeightsError: W009 both are given.
    """
    if weights is not None and module is not None:
        raise WeightsError(Diagnostic("W009", "both `weights` and `module` are given", hint="give one of them"))


def _damaged(path: str | Path, why: str) -> WeightsError:
    return WeightsError(
        Diagnostic(
            "W001",
            f"`{path}` is no safetensors file, or is damaged",
            evidence=(why[:300],),
            hint="safetensors.torch.save_file writes such files, and einsyn compile -o net.safetensors",
        )
    )


def _library() -> ModuleType | Any:
    from einsyn.backends.torch_module import import_torch

    import_torch()
    try:
        import safetensors.torch
    except ModuleNotFoundError as error:
        raise BackendError(
            Diagnostic("B001", "safetensors is not installed", hint="pip install 'einsyn[torch]'")
        ) from error
    return safetensors.torch
