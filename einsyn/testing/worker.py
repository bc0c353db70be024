"""What the child process does that runs the software under test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsyn.isolation.service import CannotLoadError, Ended, Service
from einsyn.testing.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.testing.oracles import Oracle


class Oracles(Service):
    """Runs cases in oracles.

    Those whose packages start threads when they are imported load in the fork.

    Args:
        names: what is loaded before anything is asked.
    """

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names
        self._known: dict[str, Oracle] = {}

    def load(self) -> None:
        from einsyn.testing.oracles import oracle

        self._known = {name: oracle(name) for name in ("torch", *self.names)}
        self._load(forks=True)

    def load_in_fork(self) -> None:
        self._load(forks=False)

    def _load(self, *, forks: bool) -> None:
        for name, each in self._known.items():
            if each.forks == forks:
                try:
                    each.load()
                except Exception as error:  # whatever the software under test raises when it is imported
                    raise CannotLoadError(name, Ended.raised(error)) from error

    def answer(self, request: Any) -> Iterator[Any]:
        """For (oracles, case, whether gradients are wanted): each name before its run, its outcome after it."""
        from einsyn.testing.oracles import oracle

        wanted, case, gradients = request
        for name in wanted:
            yield name
            self._known[name] = self._known.get(name) or oracle(name)
            try:
                yield Outcome.of(self._known[name].run(case, gradients))
            except Exception as error:  # whatever the software under test raises is a result
                yield Ended.raised(error)
