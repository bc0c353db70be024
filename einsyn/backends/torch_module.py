"""The live module: the written source, executed."""

from __future__ import annotations

import linecache
import weakref
from itertools import count
from typing import TYPE_CHECKING, Any

from einsyn.backends.torch_names import CLASS_NAME
from einsyn.backends.torch_source import TorchSource
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError

if TYPE_CHECKING:
    from torch import nn

_numbers = count(1)


def build_module(source: TorchSource | str, seed: int = 0) -> nn.Module:
    """Execute source that `write_source` wrote and return an initialised module.

    Args:
        source: what `write_source` returned, or its text. Only source that einsyn wrote belongs here: it is run.
        seed: seeds the initialisation; torch's global random state is the same afterwards as before.

    Raises:
        BackendError: B001 torch is not installed.
    """
    torch = import_torch()
    text = source if isinstance(source, str) else source.text
    filename = f"<einsyn net {next(_numbers)}>"
    namespace: dict[str, Any] = {"__name__": "einsyn_net"}
    exec(compile(text, filename, "exec", dont_inherit=True), namespace)
    made = namespace[CLASS_NAME]
    # Tracebacks, debuggers and torch.fx find the source here for as long as the class lives.
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(made, linecache.cache.pop, filename, None)
    with torch.random.fork_rng(devices=[]):
        torch.random.default_generator.manual_seed(seed)
        return made()


def import_torch() -> Any:
    """Torch, which is imported when it is first needed. Raises BackendError B001 where it is not installed."""
    try:
        import torch
    except ModuleNotFoundError as error:
        raise BackendError(
            Diagnostic("B001", "torch is not installed", hint="pip install 'einsyn[torch]', or pip install torch")
        ) from error
    return torch
