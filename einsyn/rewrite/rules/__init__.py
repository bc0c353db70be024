"""The rules, in the order in which their phases run. A new one is a row in one of these files."""

from __future__ import annotations

from typing import Final

from einsyn.rewrite.driver import Phase
from einsyn.rewrite.rules import attention, branches, deploy, structure, windows

_TIDY: Final = Phase("tidy", structure.RULES)
_WINDOWS: Final = Phase("windows", windows.RULES, _TIDY)
_BRANCHES: Final = Phase("branches", (*attention.RULES, *branches.BRANCHES), _TIDY)
_LAYERS: Final = Phase("layers", (*structure.REPEATED, *branches.LAYERS), _TIDY)

# What every network goes through.
DEFAULT: Final = (_TIDY, _WINDOWS, _BRANCHES, _LAYERS)

# What a network that went through these goes through as well in an ONNX model.
EVALUATED: Final = (Phase("batch norms", deploy.NORMS, _TIDY),)

# What a network goes through that will be deployed.
DEPLOY: Final = (
    Phase("training", deploy.TRAINING, _TIDY),
    _TIDY,
    _WINDOWS,
    _BRANCHES,
    Phase("folding", deploy.FOLDING, _TIDY),
    _LAYERS,
)

RULES: Final = (
    *structure.RULES,
    *structure.REPEATED,
    *windows.RULES,
    *attention.RULES,
    *branches.BRANCHES,
    *branches.LAYERS,
    *deploy.TRAINING,
    *deploy.FOLDING,
)
