"""The live module: the written source, executed."""

from __future__ import annotations

import linecache
import weakref
from itertools import count
from operator import index
from typing import TYPE_CHECKING, Any, SupportsIndex

from einsyn.backends.torch_names import CLASS_NAME
from einsyn.backends.torch_source import TorchSource
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError

if TYPE_CHECKING:
    from torch import nn

_numbers = count(1)


class Definitions:
    """The classes that written source defines, made by executing it. Its pickle is the source.

    A module whose class is one of them is pickled as this, the name of the class and its state, so that it can be read
    in any process that has einsyn; reading runs the source, as reading any pickle runs what it says.

    Args:
        text: what `write_source` wrote.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        filename = f"<einsyn net {next(_numbers)}>"
        self.names: dict[str, Any] = {"__name__": "einsyn_net"}
        exec(compile(text, filename, "exec", dont_inherit=True), self.names)
        for defined in self.names.values():
            if isinstance(defined, type) and defined.__module__ == "einsyn_net":
                _make_picklable(defined, self)
        # Tracebacks, debuggers and torch.fx find the source here for as long as the class lives.
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        weakref.finalize(self.names[CLASS_NAME], linecache.cache.pop, filename, None)

    def __reduce__(self) -> tuple[object, ...]:
        return Definitions, (self.text,)

    def __deepcopy__(self, memo: object) -> Definitions:
        # A copy of a module has the class of the module.
        return self

    def new(self, name: str) -> object:
        """An instance of a class that has no state yet."""
        made = self.names[name]
        return made.__new__(made)


def _make_picklable(made: type, definitions: Definitions) -> None:
    """No module can be imported that has the class, so its instances say how it is made."""

    def reduced(self: object, protocol: SupportsIndex) -> Any:
        usual = object.__reduce_ex__(self, max(2, index(protocol)))
        # A class that somebody derives from it is found where they have put it.
        return usual if type(self) is not made else (Definitions.new, (definitions, made.__name__), *usual[2:])

    type.__setattr__(made, "__reduce_ex__", reduced)


def build_module(source: TorchSource | str, seed: int = 0) -> nn.Module:
    """Execute source that `write_source` wrote and return an initialised module.

    Args:
        source: what `write_source` returned, or its text. Only source that einsyn wrote belongs here: it is run.
        seed: seeds the initialisation; torch's global random state is the same afterwards as before.

    Raises:
        BackendError: B001 torch is not installed.
    """
    torch = import_torch()
    made = Definitions(source if isinstance(source, str) else source.text).names[CLASS_NAME]
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
