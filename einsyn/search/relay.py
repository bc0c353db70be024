"""Between a search and a Ray cluster: hands tasks to Ray's actors and gives back what comes of them."""

from __future__ import annotations

import os
import platform
import signal
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.errors import FileError
from einsyn.evaluate.objective import Result
from einsyn.files import replacing
from einsyn.isolation.service import CannotLoadError, Ended, Service
from einsyn.search.executors import Finished
from einsyn.search.worker import Evaluations, Request, Worker
from einsyn.versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator

# Seconds for a worker to have all loaded; and between signs of life.
_BEGIN: Final = 300.0
_BEAT: Final = 5.0
# Seconds beyond what an evaluation may take, twice if it is made again, after which its worker is given up.
_GRACE: Final = 60.0
# Beyond their number, workers that end while they begin, one after the other, before that is said.
_DEATHS: Final = 2
# What has to be the same everywhere for the same numbers.
ALIKE: Final = ("einsyn", "python", "torch")


class Sent(NamedTuple):
    """A request whose files are sent along.

    Args:
        request: the names of its files say nothing where it goes.
        before: the file that it begins with, as bytes; None if there is none.
        leaves: whether the file that it leaves is wanted.
    """

    request: Request
    before: bytes | None
    leaves: bool

    @classmethod
    def of(cls, request: Request) -> Sent:
        """Take up the files of a request. A state to go on from may be gone, and is made again where it is needed."""
        before, after = request.files
        gone = before is None or (request.portion is not None and not before.is_file())
        return cls(request, None if gone or before is None else before.read_bytes(), after is not None)


class Got(NamedTuple):
    """What came of a request that was sent.

    Args:
        result: of the evaluation.
        seconds: that it took.
        after: the file that it left, if it was wanted and there is one.
    """

    result: Result
    seconds: float
    after: bytes | None


class Remote:
    """What Ray runs on a machine of the cluster: one worker.

    Args:
        evaluations: what it does.
        timeout: seconds for one evaluation.
        memory: bytes that one may take beyond what is loaded; None for no bound.
        folder: to work in, if this machine has it.
    """

    def __init__(self, evaluations: Evaluations, timeout: float, memory: int | None, folder: str) -> None:
        with suppress(OSError):
            os.chdir(folder)
        self._worker = Worker(evaluations, timeout, memory)

    def begin(self) -> tuple[str, dict[str, str], Ended | None]:
        """Load all unless that is done: the machine, what is installed there, and what is in the way."""
        problem = None
        try:
            self._worker.start()
        except CannotLoadError as error:
            problem = error.why
        return platform.node(), versions(), problem

    def evaluate(self, sent: Sent) -> Got:
        """Evaluate an architecture."""
        with TemporaryDirectory() as folder:
            before, after = Path(folder) / "before", Path(folder) / "after"
            if sent.before is not None:
                before.write_bytes(sent.before)
            request = sent.request.with_files(None if sent.before is None else before, after if sent.leaves else None)
            result, seconds = self._worker.evaluate(request)
            return Got(result, seconds, after.read_bytes() if after.is_file() else None)


class Job(NamedTuple):
    """A request on its way.

    Args:
        place: which of those that were given.
        request: itself.
        again: whether a worker died over it before.
    """

    place: int
    request: Request
    again: bool = False


@dataclass
class Seat:
    """A place for an actor.

    Args:
        actor: Ray's handle.
        job: what it is at, None where it begins or is asked whether it is there.
        ready: whether it has begun.
        since: when that began which it is at.
    """

    actor: Any
    job: Job | None = None
    ready: bool = False
    since: float = field(default_factory=time.monotonic)


class Relay(Service):
    """Has requests evaluated by actors of Ray. A message for each that ends, and None now and then.

    Args:
        evaluations: what an actor does.
        address: of a cluster that runs; None starts Ray on this machine.
        workers: how many actors; None for one for each core of the cluster.
        timeout: seconds for one evaluation.
        memory: bytes that one may take beyond what is loaded; None for no bound.
        folder: to work in, on machines that have it.
        here: versions that machines need to have.
        patience: seconds to connect to Ray, or to start it.
    """

    def __init__(
        self, evaluations: Evaluations, address: str | None, workers: int | None, timeout: float, memory: int | None,
        folder: str, here: dict[str, str], patience: float,
    ) -> None:  # fmt: skip
        self._given = (evaluations, timeout, memory, folder)
        self._here = here
        self._patience = patience
        self._address = address
        self._workers = workers
        self._timeout = timeout
        self._ray: Any = None
        self._made: Any = None
        self._idle: list[Seat] = []
        self._busy: dict[Any, Seat] = {}
        self._deaths = 0

    def load_in_fork(self) -> None:
        # Connecting to what does not answer takes Ray minutes, and nothing interrupts it but the end of the process.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, self._patience)
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        os.environ.setdefault("RAY_worker_niceness", "0")  # as workers have without Ray; by default they yield to all
        # By name: it is an extra.
        self._ray = import_module("ray")
        where: dict[str, Any] = {"address": self._address}
        if self._address is None:
            where = {"address": "local", "num_cpus": self._workers, "include_dashboard": False}
        try:
            self._ray.init(**where, log_to_driver=False, logging_level="ERROR")
        except Exception as error:  # of many classes; what is to be done about it is said by what caused it
            cause = str(error.__cause__ or "").strip().splitlines()[-1:]
            said = "\n".join([str(error), *cause])
            raise CannotLoadError("", Ended("exception", type(error).__name__, said)) from None
        signal.setitimer(signal.ITIMER_REAL, 0)
        # One core each. Those for which there is none wait until there is.
        self._made = self._ray.remote(num_cpus=1, max_restarts=0)(Remote)
        for _ in range(self._workers or max(1, int(self._ray.cluster_resources().get("CPU", 1)))):
            self._seat()

    def answer(self, request: Any) -> Iterator[Finished | CannotLoadError | None]:
        waiting = deque(Job(place, each) for place, each in enumerate(request))
        left = len(waiting)
        # Whoever was lost meanwhile is noticed before it is given something.
        self._roll_call()
        while left:
            while waiting and self._idle:
                self._give(self._idle.pop(), waiting.popleft())
            ready, _ = self._ray.wait(list(self._busy), timeout=_BEAT)
            if not ready:
                self._give_up_overdue()
                if not any(seat.job for seat in self._busy.values()) and self._waited() > _BEGIN:
                    yield self._no_worker()
                    return
                yield None
                continue
            seat = self._busy.pop(ready[0])
            job = seat.job
            try:
                got = self._ray.get(ready[0])
            except self._ray.exceptions.RayActorError as error:
                lost = self._lost(seat, error)
                if lost is not None:
                    yield lost
                    return
                if job is not None and not job.again:
                    # That a worker is lost says nothing about an architecture, unless it happens again.
                    waiting.appendleft(job._replace(again=True))
                elif job is not None:
                    left -= 1
                    said = f"the worker was lost twice: {str(error).splitlines()[0]}"
                    yield Finished(job.place, Result(None, "crash", said), time.monotonic() - seat.since)
                continue
            if job is None:
                problem = self._problem(got)
                if problem is not None:
                    yield problem
                    return
                seat.ready, self._deaths = True, 0
            else:
                left -= 1
                yield _finished(job, got)
            seat.job = None
            self._idle.append(seat)

    # Actors.

    def _seat(self) -> None:
        """Start an actor."""
        self._call(Seat(self._made.remote(*self._given)))

    def _call(self, seat: Seat) -> None:
        """Ask an actor whether it is there, and has all loaded."""
        seat.job, seat.since = None, time.monotonic()
        self._busy[seat.actor.begin.remote()] = seat

    def _roll_call(self) -> None:
        while self._idle:
            self._call(self._idle.pop())

    def _give(self, seat: Seat, job: Job) -> None:
        seat.job, seat.since = job, time.monotonic()
        self._busy[seat.actor.evaluate.remote(Sent.of(job.request))] = seat

    def _lost(self, seat: Seat, error: Exception) -> CannotLoadError | None:
        """Put another actor in the place of one that is lost; what is in the way if that has come to nothing."""
        with suppress(Exception):  # it may be there no more, or not be reached
            self._ray.kill(seat.actor)
        self._deaths += not seat.ready
        if self._deaths > _DEATHS + len(self._busy):
            return CannotLoadError("a worker of the cluster", Ended("crash", message=str(error)))
        # What it was lost with may be a whole machine.
        self._roll_call()
        self._seat()
        return None

    def _give_up_overdue(self) -> None:
        """End actors that say nothing any more; the next that is heard of them is that they are lost."""
        most = 2 * self._timeout + _BEGIN + _GRACE
        for seat in self._busy.values():
            if seat.job is not None and time.monotonic() - seat.since > most:
                self._ray.kill(seat.actor)

    def _waited(self) -> float:
        """Seconds since the last actor began to begin."""
        return min(time.monotonic() - seat.since for seat in self._busy.values())

    def _no_worker(self) -> CannotLoadError:
        free = self._ray.available_resources().get("CPU", 0)
        there = self._ray.cluster_resources().get("CPU", 0)
        said = f"no worker in {_BEGIN:g} s: {free:g} of {there:g} cores are free"
        return CannotLoadError("", Ended("hang", message=said))

    def _problem(self, begun: tuple[str, dict[str, str], Ended | None]) -> CannotLoadError | None:
        """Why a machine cannot evaluate as this one does, if so."""
        machine, there, problem = begun
        other = [
            f"{name} {there.get(name, 'none')} there, {self._here.get(name, 'none')} here"
            for name in ALIKE
            if there.get(name) != self._here.get(name)
        ]
        if other:
            problem = Ended("exception", message="\n".join(other))
        return None if problem is None else CannotLoadError(f"the machine `{machine}`", problem)


def _finished(job: Job, got: Got) -> Finished:
    _, after = job.request.files
    if after is not None and got.after is not None:
        with suppress(FileError), replacing(after, "wb") as stream:  # the file is missed by whoever asked for it
            stream.write(got.after)
    return Finished(job.place, got.result, got.seconds)
