"""The child process that runs the software under test: `python -m einsyn.testing.worker DESCRIPTOR`.

It may crash, hang or run out of memory; `einsyn.testing.child` notices and starts another.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from einsyn.testing.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

    from einsyn.testing.oracles import Oracle


def serve(connection: Connection[Any, Any]) -> None:
    """Answer requests until the other side closes.

    The first message names the oracles and the bytes that a run may take beyond what is loaded (None for no bound).
    Then this process only forks: what answers is a fork of it, and when that has crashed the next one is there at
    once, with torch loaded. Oracles whose packages start threads when they are imported load in the fork, because
    threads do not survive one.
    """
    from einsyn.testing.oracles import oracle

    names, memory = connection.recv()
    known: dict[str, Oracle] = {name: oracle(name) for name in ("torch", *names)}
    _load(connection, {name: each for name, each in known.items() if each.forks})
    _one_thread()
    # A byte comes here when a fork ends, so that one call can wait for that and for the other side to be gone.
    ended, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.signal(signal.SIGCHLD, _noticed)
    signal.set_wakeup_fd(tell, warn_on_full_buffer=False)
    while True:
        process = os.fork()
        if process == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            _load(connection, {name: each for name, each in known.items() if not each.forks})
            connection.send(os.getpid())
            _answer(connection, known, memory)
            os._exit(0)
        code = _exit_status(process, ended, connection)
        if code == 0:
            return
        connection.send(Outcome.ended(code))


def _noticed(_number: int, _frame: FrameType | None) -> None:
    """A signal without a handler would not write its byte."""


def _exit_status(process: int, ended: int, connection: Connection[Any, Any]) -> int:
    """Wait for a fork to end; where the other side is gone before, nobody is left whom it could answer, or hang for.

    Args:
        process: the fork.
        ended: where a byte comes when it ends.
        connection: to the process that started this one, which may have been killed.
    """
    events = select.poll()
    events.register(ended, select.POLLIN)
    events.register(connection.fileno(), 0)  # that it was closed is always told
    while True:
        ready = {descriptor for descriptor, _ in events.poll()}
        if ended in ready:
            os.read(ended, 100)
        done, status = os.waitpid(process, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if connection.fileno() in ready:
            # The fork, what it has started, and this process; they are a session of their own.
            os.killpg(os.getpgrp(), signal.SIGKILL)


def _load(connection: Connection[Any, Any], oracles: Mapping[str, Oracle]) -> None:
    for name, each in oracles.items():
        try:
            each.load()
        except Exception as error:  # whatever the software under test raises when it is imported
            connection.send((name, _raised(error)))
            os._exit(0)


def _answer(connection: Connection[Any, Any], known: dict[str, Oracle], memory: int | None) -> None:
    """Wait for (oracles, case, whether gradients are wanted); send each name before its run, its outcome after it."""
    from einsyn.testing.oracles import oracle

    if memory is not None:
        _bound_memory(memory)
    while True:
        try:
            wanted, case, gradients = connection.recv()
        except EOFError:
            return
        for name in wanted:
            connection.send(name)
            known[name] = known.get(name) or oracle(name)
            try:
                connection.send(Outcome.of(known[name].run(case, gradients)))
            except MemoryError as error:
                connection.send(Outcome(status="memory", exception=type(error).__name__, message=str(error)))
            except Exception as error:  # whatever the software under test raises is a result
                connection.send(_raised(error))


def _raised(error: Exception) -> Outcome:
    return Outcome(status="exception", exception=type(error).__name__, message=str(error).strip()[:4000])


def _one_thread() -> None:
    """Networks are small: threads that wait for each other cost more than they give."""
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)


def _bound_memory(extra: int) -> None:
    """Let the process grow by so many bytes."""
    with open("/proc/self/statm") as file:
        pages = int(file.read().split()[0])
    bound = min(pages * os.sysconf("SC_PAGE_SIZE") + extra, sys.maxsize)
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    resource.setrlimit(resource.RLIMIT_AS, (bound, hard))


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    serve(Connection(int(sys.argv[1])))
