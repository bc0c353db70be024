"""A child process for software that may crash or hang, kept warm and started again when it dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError
from einsyn.testing.oracles import NOISE, oracle
from einsyn.testing.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.testing.case import Case

# Seconds for a child to import what it runs; a cold torch on a busy machine takes more than ten.
_START: Final = 300.0
_LAST_LINES: Final = 12
# Seconds in which a process that was killed is gone.
_END: Final = 20.0


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
        self._memory = memory
        self._seconds = {name: timeout + oracle(name).patience for name in (*names, "float64", *NOISE)}
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: Connection[Any, Any] | None = None
        self._said: Any = None
        self._ready = False
        self._fork = 0
        self.starts = 0

    def __enter__(self) -> Child:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process unless it is ready. Raises U021."""
        if self._process is None:
            self._spawn()
        if self._ready:
            return
        self.starts += 1
        answer = self._receive(time.monotonic() + _START)
        if isinstance(answer, int):
            self._fork = answer
            self._ready = True
            return
        if isinstance(answer, tuple):
            name, why = cast("tuple[str, Outcome]", answer)
        else:
            name, why = ", ".join(self._names), cast("Outcome", answer)
        said = tuple(f"{why.exception}: {why.message}".splitlines()[:_LAST_LINES])
        self.stop()
        raise UsageError(Diagnostic("U021", f"`{name}` cannot be loaded", evidence=said, hint=_LOAD_HINT))

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "einsyn.testing.worker", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env={"OMP_NUM_THREADS": "1", **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # a child that hangs is ended with whatever it started
            )
        self._connection = Connection(ours.detach())
        self._connection.send((self._names, self._memory))

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait()
        if self._said is not None:
            self._said.close()
        self._process = self._connection = self._said = None
        self._ready = False

    def _end_fork(self) -> None:
        """End what hangs; the process that it was forked from says so and forks another."""
        try:
            os.kill(self._fork, signal.SIGKILL)
        except ProcessLookupError:
            self.stop()
            return
        told = self._receive(time.monotonic() + _END)
        if not isinstance(told, Outcome) or told.status != "crash":
            self.stop()

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
            assert self._connection is not None
            try:
                self._connection.send((left, case, gradients))
            except OSError:  # it died between two cases
                self.stop()
                continue
            for name in list(left):
                # The patience counts from the word that the run begins.
                begun = self._receive(time.monotonic() + self._seconds[name])
                outcome = begun if isinstance(begun, Outcome) else self._receive(time.monotonic() + self._seconds[name])
                found[name] = outcome
                left.remove(name)
                if outcome.status == "hang":
                    self._end_fork()
                self._ready = self._ready and outcome.status not in ("crash", "hang")
                if outcome.status in ("crash", "hang"):
                    break
        return found

    def _receive(self, deadline: float) -> Any:
        """The next message; an Outcome of a crash or hang if none comes."""
        assert self._connection is not None
        assert self._process is not None
        try:
            if self._connection.poll(max(0.0, deadline - time.monotonic())):
                return self._with_last_words(self._connection.recv())
        except (EOFError, OSError):
            try:
                ended = Outcome.ended(self._process.wait(timeout=10))
            except subprocess.TimeoutExpired:
                ended = Outcome(status="hang", message="closed its connection and did not end")
            ended = self._with_last_words(ended)
            self.stop()
            return ended
        return self._with_last_words(Outcome(status="hang", message="no answer in time"))

    def _with_last_words(self, message: Any) -> Any:
        """For a crash or a hang what the process said last."""
        if not isinstance(message, Outcome) or message.status not in ("crash", "hang"):
            return message
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").splitlines()
        return replace(message, message="\n".join([message.message, *lines[-_LAST_LINES:]]).strip())


_LOAD_HINT: Final = "a function is named module:function, of a module that python imports from here"
