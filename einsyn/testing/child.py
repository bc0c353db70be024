"""Runs networks in a child process, for software that may crash or hang."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError
from einsyn.isolation.child import Child as Process
from einsyn.isolation.service import CannotLoadError, Ended
from einsyn.testing.oracles import NOISE, oracle
from einsyn.testing.outcome import Outcome
from einsyn.testing.worker import Oracles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.testing.case import Case

_LAST_LINES: Final = 12


class Child:
    """Runs cases in oracles in a process of their own.

    Args:
        names: the oracles that it will run; each is made and loaded when the process starts.
        timeout: seconds for one network in one oracle, beside the patience that a compiler needs.
        memory: bytes that the process may take beyond what it has loaded; None for no bound.

    Raises:
        UsageError: U020 there is no oracle of a name, U021 what it runs cannot be imported.
    """

    def __init__(self, names: Sequence[str], timeout: float, memory: int | None = None) -> None:
        self._names = tuple(names)
        self._seconds = {name: timeout + oracle(name).patience for name in (*names, "float64", *NOISE)}
        self._process = Process(Oracles(self._names), memory)

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def starts(self) -> int:
        """How often a process was made ready."""
        return self._process.starts

    def start(self) -> None:
        """Start the process unless it is ready. Raises U021."""
        try:
            self._process.start()
        except CannotLoadError as error:
            name, why = error.what or ", ".join(self._names), error.why
            said = tuple(f"{why.exception}: {why.message}".splitlines()[:_LAST_LINES])
            raise UsageError(Diagnostic("U021", f"`{name}` cannot be loaded", evidence=said, hint=_LOAD_HINT)) from None

    def stop(self) -> None:
        """End the process, if there is one."""
        self._process.stop()

    def run(self, case: Case, names: Sequence[str] | None = None, *, gradients: bool = False) -> dict[str, Outcome]:
        """Run a case in each oracle, in order; one that ends the process is followed by the rest in another.

        Args:
            case: what to run.
            names: the oracles, by default those that the child was made for.
            gradients: whether to ask for gradients.
        """
        found: dict[str, Outcome] = {}
        left = list(self._names if names is None else names)
        while left:
            self.start()
            if not self._process.send((left, case, gradients)):
                continue  # it died between two cases
            for name in list(left):
                # The patience counts from the word that the run begins.
                begun = self._process.receive(self._seconds[name])
                outcome = _outcome(begun if isinstance(begun, Ended) else self._process.receive(self._seconds[name]))
                found[name] = outcome
                left.remove(name)
                if outcome.status in ("crash", "hang"):
                    break
        return found


def _outcome(message: Any) -> Outcome:
    return Outcome(**asdict(message)) if isinstance(message, Ended) else message


_LOAD_HINT: Final = "a function is named module:function, of a module that python imports from here"
