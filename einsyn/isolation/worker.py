"""The child process: `python -m einsyn.isolation.worker DESCRIPTOR`.

It may crash, hang or run out of memory; `einsyn.isolation.child` notices and goes on with another.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import sys
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

from einsyn.isolation.service import CannotLoadError, Ended

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from einsyn.isolation.service import Service

# The exit status of a fork that has answered and is to be followed by a fresh one.
ANSWERED = 75


def serve(connection: Connection[Any, Any]) -> None:
    """Answer requests until the other side closes.

    The first message is the service and the bytes that an answer may take beyond what is loaded (None for no bound).
    Then this process only forks: what answers is a fork of it, and when that has died the next one is there at once,
    with everything loaded. A fork says its process id when it is ready.
    """
    service, memory = connection.recv()
    _load(connection, service.load)
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
            _load(connection, service.load_in_fork)
            connection.send(os.getpid())
            os._exit(_answer(connection, service, memory))
        code = _exit_status(process, ended, connection)
        if code == 0:
            return
        if not (service.fresh and code == ANSWERED):
            connection.send(Ended.process(code))


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


def _load(connection: Connection[Any, Any], load: Callable[[], None]) -> None:
    try:
        load()
    except CannotLoadError as error:
        connection.send(error)
        os._exit(0)
    except Exception as error:  # whatever is imported may raise
        connection.send(CannotLoadError("", Ended.raised(error)))
        os._exit(0)


def _answer(connection: Connection[Any, Any], service: Service, memory: int | None) -> int:
    """Answer requests; the exit status."""
    if memory is not None:
        _bound_memory(memory)
    while True:
        try:
            request = connection.recv()
        except EOFError:
            return 0
        try:
            for message in service.answer(request):
                connection.send(message)
        except Exception as error:  # whatever is run may raise
            connection.send(Ended.raised(error))
        if service.fresh:
            return ANSWERED


def _one_thread() -> None:
    """What is run is small: threads that wait for each other cost more than they give."""
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
