"""Evaluates in child processes, several at a time; whatever happens in one, the others and the search go on."""

from __future__ import annotations

import time
from importlib import import_module
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError
from einsyn.evaluate.objective import FailureKind, Result, evaluate
from einsyn.isolation.child import Child
from einsyn.isolation.service import CannotLoadError, Ended, Ending, Service
from einsyn.search.executors import Executor, Finished

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.evaluate.objective import Lineage, Objective
    from einsyn.search.executors import Task
    from einsyn.search.origin import Origin
    from einsyn.space import Space

_KINDS: Final[dict[Ending, FailureKind]] = {
    "exception": "exception",
    "memory": "memory",
    "crash": "crash",
    "hang": "timeout",
}


# The text of an architecture, and its lineage.
_Request = tuple[str, "Lineage | None"]


class Evaluations(Service):
    """Evaluates architectures of a space, given as texts, with their lineages.

    Args:
        origin: of the space.
        modules: that declare operations.
        objectives: what to ask.
        seed: of every evaluation.
    """

    fresh = True

    def __init__(self, origin: Origin, modules: Sequence[str], objectives: Sequence[Objective], seed: int) -> None:
        self.origin = origin
        self.modules = tuple(modules)
        self.objectives = tuple(objectives)
        self.seed = seed
        self._space: Space | None = None

    def load(self) -> None:
        # Before the fork, so that it is imported once.
        for name in ("torch", *self.modules):
            import_module(name)
        self._space = self.origin.load()
        for objective in self.objectives:
            objective.prepare(self._space)

    def answer(self, request: Any) -> Iterator[tuple[Result, float]]:
        assert self._space is not None
        text, lineage = request
        architecture = self._space.parse(text)
        begun = time.perf_counter()
        result = evaluate(self.objectives, architecture, self.seed, lineage)
        yield result, time.perf_counter() - begun


class Pool(Executor):
    """Evaluates in `workers` processes. Every evaluation begins in a fresh fork of a process that has all loaded.

    Args:
        origin: of the space.
        objectives: what to ask.
        seed: of every evaluation.
        workers: how many at a time.
        timeout: seconds for one evaluation.
        memory: bytes that one may take beyond what is loaded; None for no bound.
    """

    def __init__(
        self, origin: Origin, objectives: Sequence[Objective], seed: int, *, workers: int, timeout: float,
        memory: int | None = None,
    ) -> None:  # fmt: skip
        from einsyn.ops import OPS

        self.workers = workers
        self._timeout = timeout
        self._closing = False
        modules = sorted({op.__module__ for op in OPS.values()})
        self._children = [Child(Evaluations(origin, modules, objectives, seed), memory) for _ in range(workers)]
        self._tasks: Queue[tuple[int, _Request] | None] = Queue()
        self._finished: Queue[Finished | CannotLoadError] = Queue()
        self._threads = [Thread(target=self._work, args=(child,), daemon=True) for child in self._children]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        for place, (architecture, lineage) in enumerate(tasks):
            self._tasks.put((place, (architecture.text, lineage)))
        for _ in tasks:
            finished = self._finished.get()
            if isinstance(finished, CannotLoadError):
                said = tuple(f"{finished.why.exception}: {finished.why.message}".splitlines()[:8])
                hint = "--executor in-process evaluates without workers"
                raise RunError(Diagnostic("Q008", "a worker cannot start", evidence=said, hint=hint))
            yield finished

    def close(self) -> None:
        """End all workers, whatever they do."""
        self._closing = True
        for _ in self._threads:
            self._tasks.put(None)
        for child, thread in zip(self._children, self._threads, strict=True):
            child.interrupt()
            thread.join()

    def _work(self, child: Child) -> None:
        """What the thread of a worker does."""
        with child:
            while (task := self._tasks.get()) is not None:
                place, request = task
                try:
                    self._finished.put(self._evaluated(child, place, request))
                except CannotLoadError as error:
                    self._finished.put(error)

    def _evaluated(self, child: Child, place: int, request: _Request) -> Finished:
        begun, answer = self._asked(child, request)
        if isinstance(answer, Ended) and answer.killed and not self._closing:
            # That a worker is killed from outside says nothing about an architecture, unless it happens again.
            begun, answer = self._asked(child, request)
        if isinstance(answer, Ended):
            message = f"{answer.exception}: {answer.message}".strip(": ")
            if answer.status == "hang":
                message = f"no answer within {self._timeout:g} s"
            return Finished(place, Result(None, _KINDS[answer.status], message), time.perf_counter() - begun)
        result, seconds = answer
        return Finished(place, result, seconds)

    def _asked(self, child: Child, request: _Request) -> tuple[float, Any]:
        """When an evaluation began, and what came of it."""
        while True:
            child.start()
            begun = time.perf_counter()
            if child.send(request):
                return begun, child.receive(self._timeout)
