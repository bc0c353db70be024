"""einsyn: a compiler whose source language is a search space of neural architectures.

    space = einsyn.load("einspace", input="3x32x32", params={"classes": 10})
    for arch in space.sample(3, seed=0):
        print(arch.text, arch.params, arch.macs)

Nothing here imports torch, onnx or numpy; they load when a module or a model is asked for.
"""

from __future__ import annotations

from einsyn.architecture import Architecture
from einsyn.derivation.choosers import Chooser, RandomChooser, TreeChooser
from einsyn.derivation.tree import Derivation, Token
from einsyn.diagnostics import Diagnostic, Span
from einsyn.elaborate.limits import Limits
from einsyn.errors import (
    ArchitectureError,
    BackendError,
    EinsynError,
    FileError,
    GrammarError,
    InfeasibleError,
    SamplingError,
    UsageError,
)
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.load import load
from einsyn.ops import OPS
from einsyn.ops.op import Op, Param
from einsyn.sampling import Sampler
from einsyn.shipped import shipped_spaces
from einsyn.space import Space

__version__ = "0.1.0"

__all__ = [
    "OPS",
    "Architecture",
    "ArchitectureError",
    "BackendError",
    "Chooser",
    "Derivation",
    "Diagnostic",
    "EinsynError",
    "FileError",
    "GrammarError",
    "InfeasibleError",
    "Limits",
    "Mismatch",
    "Op",
    "Param",
    "RandomChooser",
    "Sampler",
    "SamplingError",
    "Space",
    "Span",
    "TensorType",
    "Token",
    "TreeChooser",
    "UsageError",
    "__version__",
    "load",
    "shipped_spaces",
]
