"""A Python function as an objective. It is named by the user; nothing that is read from a file is ever run."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError
from einsyn.evaluate.objective import EvaluationError, Objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.architecture import Architecture
    from einsyn.space import Space


class Function(Objective):
    """`python:module:function`: a function that is called with an architecture and a seed and returns a number.

    Args:
        target: `module:function`, imported as Python does from the current folder.
        maximise: whether more is better.
    """

    def __init__(self, target: str, maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.target = target
        self._called: Callable[[Architecture, int], Any] | None = None

    def __getstate__(self) -> dict[str, Any]:
        # A worker imports the function itself.
        return {**vars(self), "_called": None}

    @property
    def name(self) -> str:
        return f"python:{self.target}"

    def prepare(self, space: Space) -> None:
        self._called = self._called or _imported(self.target)

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        if self._called is None:
            self.prepare(architecture.space)
        assert self._called is not None
        value = self._called(architecture, seed)
        try:
            return float(value)
        except (TypeError, ValueError):
            raise EvaluationError("exception", f"returned {type(value).__name__}, not a number") from None


def _imported(target: str) -> Callable[[Architecture, int], Any]:
    """Raises UsageError E006."""
    from importlib import import_module

    module, _, function = target.partition(":")
    sys.path.insert(0, os.getcwd())
    try:
        found: Any = import_module(module)
        for part in function.split("."):
            found = getattr(found, part)
    except (Exception, SystemExit) as error:  # whatever the user's module does when it is imported
        said = f"`python:{target}` cannot be imported: {type(error).__name__}: {error}"
        hint = "python:my_module:score, of a module that Python imports from here; it takes an architecture and a seed"
        raise UsageError(Diagnostic("E006", said.splitlines()[0][:300], hint=hint)) from None
    finally:
        sys.path.pop(0)
    if not callable(found):
        raise UsageError(Diagnostic("E006", f"`python:{target}` is no function", hint="python:my_module:score"))
    return found
