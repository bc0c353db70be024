"""The parent's side of a child process that may crash or hang: kept warm, and started again when it dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, Final

from einsyn.isolation.service import CannotLoadError, Ended
from einsyn.isolation.worker import ANSWERED

if TYPE_CHECKING:
    from einsyn.isolation.service import Service

# Seconds for a child to import what it runs; a cold torch on a busy machine takes more than ten.
_START: Final = 300.0
_LAST_LINES: Final = 12
# What a child has that nobody set otherwise: one thread, and memory that it has freed for its next tensor. Else the GNU
# C library gives large blocks back to the system at once and gets them page by page, cleared, at half the speed.
ENVIRONMENT: Final = {
    "OMP_NUM_THREADS": "1",
    "MALLOC_MMAP_MAX_": "0",
    "MALLOC_TRIM_THRESHOLD_": str(1 << 40),
    "MALLOC_TOP_PAD_": str(1 << 26),
}
# Seconds in which a process that was killed is gone.
_END: Final = 20.0


class Child:
    """Has a service answer requests in a process of its own.

    Args:
        service: what answers; it is loaded when the process starts.
        memory: bytes that an answer may take beyond what is loaded; None for no bound.
    """

    def __init__(self, service: Service, memory: int | None = None) -> None:
        self._service = service
        self._memory = memory
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
        """Start the process unless it is ready.

        Raises:
            CannotLoadError: what it needs is not there; its name is empty where the process itself did not start.
        """
        while not self._ready:
            new = self._process is None
            if new:
                self._spawn()
            self.starts += 1
            answer = self._receive(time.monotonic() + _START)
            if isinstance(answer, int):
                self._fork = answer
                self._ready = True
                return
            self.stop()
            # One that had loaded all and died since was killed from outside: another can do what it did.
            if new or isinstance(answer, CannotLoadError):
                raise answer if isinstance(answer, CannotLoadError) else CannotLoadError("", answer)

    def send(self, request: Any) -> bool:
        """Send a request to a started process; False if it died since its last answer."""
        assert self._connection is not None
        try:
            self._connection.send(request)
        except OSError:
            self.stop()
            return False
        return True

    def receive(self, seconds: float) -> Any:
        """The next message; `Ended` with `crash` or `hang` if none comes, and then the process has to start again."""
        found = self._receive(time.monotonic() + seconds)
        if self._service.fresh:
            # Another fork is on its way. Had this one ended by itself, it would say so in place of an answer.
            self._ready = False
            if isinstance(found, int):
                self._fork, self._ready = found, True
                return Ended("crash", f"exit status {ANSWERED}")
        if isinstance(found, Ended) and found.status in ("crash", "hang"):
            if found.status == "hang":
                self._end_fork()
            self._ready = False
        return found

    def interrupt(self) -> None:
        """Kill the process; for another thread than the one that waits for an answer, and gets a crash."""
        process = self._process
        if process is not None and process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        if self._said is not None:
            self._said.close()
        self._process = self._connection = self._said = None
        self._ready = False

    def _spawn(self) -> None:
        ours, theirs = socket.socketpair()
        self._said = tempfile.TemporaryFile()
        command = [sys.executable, "-m", "einsyn.isolation.worker", str(theirs.fileno())]
        with theirs:
            self._process = subprocess.Popen(
                command,
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=self._said,
                stderr=self._said,
                env={**ENVIRONMENT, **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                start_new_session=True,  # a child that hangs is ended with whatever it started
            )
        self._connection = Connection(ours.detach())
        self._connection.send((self._service, self._memory))

    def _end_fork(self) -> None:
        """End what hangs; the process that it was forked from says so and forks another."""
        try:
            os.kill(self._fork, signal.SIGKILL)
        except ProcessLookupError:
            self.stop()
            return
        told = self._receive(time.monotonic() + _END)
        if not isinstance(told, Ended) or told.status != "crash":
            self.stop()

    def _receive(self, deadline: float) -> Any:
        assert self._connection is not None
        assert self._process is not None
        try:
            if self._connection.poll(max(0.0, deadline - time.monotonic())):
                return self._with_last_words(self._connection.recv())
        except (EOFError, OSError):
            try:
                ended = Ended.process(self._process.wait(timeout=10))
            except subprocess.TimeoutExpired:
                ended = Ended("hang", message="closed its connection and did not end")
            ended = self._with_last_words(ended)
            self.stop()
            return ended
        return self._with_last_words(Ended("hang", message="no answer in time"))

    def _with_last_words(self, message: Any) -> Any:
        """For a crash or a hang what the process said last."""
        if not isinstance(message, Ended) or message.status not in ("crash", "hang"):
            return message
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").splitlines()
        return replace(message, message="\n".join([message.message, *lines[-_LAST_LINES:]]).strip())
