"""Evaluates on the machines of a Ray cluster.

Ray itself lives in a process of its own (`relay`): what it prints, sets and installs stays there, it is waited for as
long as one likes and no longer, and when that process ends so does all that was started.
"""

from __future__ import annotations

import os
import socket
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError, RunError
from einsyn.isolation.child import Child
from einsyn.isolation.service import CannotLoadError, Ended
from einsyn.search.executors import Executor, Finished, dearest_first
from einsyn.search.origin import Origin
from einsyn.search.relay import Relay
from einsyn.search.worker import Evaluations, Request
from einsyn.versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.evaluate.objective import Objective
    from einsyn.search.executors import Task
    from einsyn.space import Space

# Seconds for a machine to take a connection, and between two signs of life of the relay.
_ANSWERS: Final = 10.0
_SILENCE: Final = 120.0
_LINES: Final = 8


class Cluster(Executor):
    """Evaluates on a Ray cluster: one that runs, or one on this machine that lasts as long as this.

    The space and weights are sent along. Data sets, tables and Python functions are read where the evaluation is made,
    under the paths that they have here, and are refused if they are others than here.

    Args:
        space: what is searched.
        objectives: prepared.
        seed: of every evaluation.
        address: `HOST:PORT` or `auto`; None starts Ray on this machine.
        workers: how many at a time; None for one for each core that there is.
        timeout: seconds for one evaluation.
        memory: bytes that one may take beyond what is loaded; None for no bound.
        patience: seconds to connect to Ray, or to start it.

    Raises:
        BackendError: B001 Ray is not installed.
    """

    def __init__(
        self, space: Space, objectives: Sequence[Objective], seed: int, *, address: str | None = None,
        workers: int | None = None, timeout: float, memory: int | None = None, patience: float = 60.0,
    ) -> None:  # fmt: skip
        if find_spec("ray") is None:
            raise BackendError(Diagnostic("B001", "ray is not installed", hint="pip install 'einsyn[ray]'"))
        self._address = address
        files = dict(space.grammar.files)
        origin = Origin.of(space)._replace(file=Path(space.grammar.file).name)
        recipes = [objective.recipe() for objective in objectives]
        evaluations = Evaluations(origin, objectives, seed, files=files, recipes=recipes)
        if address is None:
            workers = workers or len(os.sched_getaffinity(0))
        here = versions()
        self._patience = patience
        self._child = Child(Relay(evaluations, address, workers, timeout, memory, os.getcwd(), here, patience))
        self.workers = workers or 1

    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        """As for every executor.

        Raises:
            RunError: Q013 Ray does not answer, or ended; Q014 a machine of it cannot evaluate this.
        """
        if not tasks:
            return
        places = dearest_first(tasks)
        requests = [Request.of(tasks[place]) for place in places]
        try:
            if not self._child.starts:
                _reach(self._address)
            self._child.start()
            while not self._child.send(requests):
                self._child.start()
        except CannotLoadError as error:
            raise RunError(self._problem(error)) from None
        left = len(tasks)
        while left:
            message = self._child.receive(_SILENCE)
            if isinstance(message, CannotLoadError):
                raise RunError(self._problem(message))
            if isinstance(message, Ended):
                raise RunError(self._problem(CannotLoadError("", message)))
            if message is not None:
                left -= 1
                yield message._replace(place=places[message.place])

    def close(self) -> None:
        """End Ray, where it was started here, and what evaluates elsewhere."""
        self._child.stop()

    def _problem(self, error: CannotLoadError) -> Diagnostic:
        why = error.why
        lines = [line for line in f"{why.exception}: {why.message}".strip(": ").splitlines() if line.strip()]
        said = tuple(line[:200] for line in lines[:_LINES])
        if error.what:
            hint = "all machines need the same einsyn, Python and torch, and the data under the same path"
            return Diagnostic("Q014", f"{error.what} cannot evaluate", evidence=said, hint=hint)
        name = "Ray" if self._address is None else f"Ray at `{self._address}`"
        hint = "what was evaluated is kept: go on with --resume, perhaps with --executor pool"
        if why.exception == "SIGALRM":
            late = f"{name} does not answer within {self._patience:g} s"
            return Diagnostic("Q013", late, evidence=said[1:], hint=hint)
        return Diagnostic("Q013", f"{name} cannot be used", evidence=said, hint=hint)


def _reach(address: str | None) -> None:
    """See that somebody listens at an address. Raises RunError Q013."""
    if address is None or address == "auto":
        return
    hint = "--address HOST:PORT of a cluster that runs, as `ray start --head` says it, or auto"
    try:
        place = urlsplit(address if "://" in address else f"ray://{address}")
        host, port = place.hostname, place.port
    except ValueError:
        host = port = None
    if host is None or port is None:
        raise RunError(Diagnostic("Q013", f"`{address}` is no address of a Ray cluster", hint=hint))
    try:
        socket.create_connection((host, port), timeout=_ANSWERS).close()
    except OSError as error:
        said = f"nothing answers at `{address}`: {error.strerror or error}"
        raise RunError(Diagnostic("Q013", said, hint=hint)) from None
