"""The rules, in the order in which their phases run. A new one is a row in one of these files."""

from __future__ import annotations

from typing import Final

from einsyn.rewrite.driver import Phase
from einsyn.rewrite.rules import attention, branches, deploy, structure, windows

# What every network goes through.
DEFAULT: Final = (
    Phase("tidy", structure.RULES),
    Phase("windows", (*structure.RULES, *windows.RULES)),
    Phase("attention", (*structure.RULES, *attention.RULES)),
    Phase("branches", (*structure.RULES, *branches.BRANCHES)),
    Phase("layers", (*structure.RULES, *branches.LAYERS)),
)


# What a network goes through that will only be evaluated.
DEPLOY: Final = (
    Phase("tidy", (*structure.RULES, *deploy.TRAINING)),
    *DEFAULT[1:-1],
    Phase("fold", (*structure.RULES, *deploy.FOLDING)),
    DEFAULT[-1],
)

RULES: Final = (
    *structure.RULES,
    *windows.RULES,
    *attention.RULES,
    *branches.BRANCHES,
    *branches.LAYERS,
    *deploy.TRAINING,
    *deploy.FOLDING,
)
