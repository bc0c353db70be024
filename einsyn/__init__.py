"""einsyn: a compiler whose source language is a search space of neural architectures.

    space = einsyn.load("einspace", input="3x32x32", params={"classes": 10})
    for arch in space.sample(3, seed=0):
        print(arch.text, arch.params, arch.macs)

Names are imported when they are first used, so that `import einsyn` and `einsyn --help` start at once; torch,
onnx and numpy are imported only when a module or a model is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einsyn.architecture import Architecture
    from einsyn.canonical import canonical_hash
    from einsyn.derivation.choosers import Chooser, RandomChooser, TreeChooser
    from einsyn.derivation.tree import Derivation, Token
    from einsyn.diagnostics import Diagnostic, Span
    from einsyn.elaborate.limits import Limits
    from einsyn.errors import (
        ArchitectureError,
        BackendError,
        DataError,
        EinsynError,
        FileError,
        GrammarError,
        InfeasibleError,
        OpError,
        RunError,
        SamplingError,
        UsageError,
        WeightsError,
    )
    from einsyn.ir.mismatch import Mismatch
    from einsyn.ir.types import TensorType
    from einsyn.loading import load
    from einsyn.ops import OPS
    from einsyn.ops.op import Op, Param
    from einsyn.sampling import Sampler
    from einsyn.shipped import shipped_spaces
    from einsyn.space import Space
    from einsyn.weights.transfer import Transfer, transfer

__version__ = "0.1.0"

__all__ = [
    "OPS",
    "Architecture",
    "ArchitectureError",
    "BackendError",
    "Chooser",
    "DataError",
    "Derivation",
    "Diagnostic",
    "EinsynError",
    "FileError",
    "GrammarError",
    "InfeasibleError",
    "Limits",
    "Mismatch",
    "Op",
    "OpError",
    "Param",
    "RandomChooser",
    "RunError",
    "Sampler",
    "SamplingError",
    "Space",
    "Span",
    "TensorType",
    "Token",
    "Transfer",
    "TreeChooser",
    "UsageError",
    "WeightsError",
    "__version__",
    "canonical_hash",
    "load",
    "shipped_spaces",
    "transfer",
]

_HOME = {
    "architecture": ("Architecture",),
    "canonical": ("canonical_hash",),
    "derivation.choosers": ("Chooser", "RandomChooser", "TreeChooser"),
    "derivation.tree": ("Derivation", "Token"),
    "diagnostics": ("Diagnostic", "Span"),
    "elaborate.limits": ("Limits",),
    "errors": (
        "ArchitectureError",
        "BackendError",
        "DataError",
        "EinsynError",
        "FileError",
        "GrammarError",
        "InfeasibleError",
        "OpError",
        "RunError",
        "SamplingError",
        "UsageError",
        "WeightsError",
    ),
    "ir.mismatch": ("Mismatch",),
    "ir.types": ("TensorType",),
    "loading": ("load",),
    "ops": ("OPS",),
    "ops.op": ("Op", "Param"),
    "sampling": ("Sampler",),
    "shipped": ("shipped_spaces",),
    "space": ("Space",),
    "weights.transfer": ("Transfer", "transfer"),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}


def __getattr__(name: str) -> object:
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'einsyn' has no attribute {name!r}")
    loaded = import_module(f"einsyn.{module}")
    for each in _HOME[module]:
        globals()[each] = getattr(loaded, each)
    return globals()[name]


def __dir__() -> list[str]:
    return sorted(__all__)
