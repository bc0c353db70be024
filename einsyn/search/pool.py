"""Evaluates in child processes, several at a time; whatever happens in one, the others and the search go on."""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError
from einsyn.isolation.service import CannotLoadError
from einsyn.search.executors import Executor, Finished, dearest_first
from einsyn.search.worker import Evaluations, Request, Worker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.evaluate.objective import Objective
    from einsyn.search.executors import Task
    from einsyn.search.origin import Origin


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
        self.workers = workers
        evaluations = Evaluations(origin, objectives, seed)
        self._workers = [Worker(evaluations, timeout, memory) for _ in range(workers)]
        self._tasks: Queue[tuple[int, Request] | None] = Queue()
        self._finished: Queue[Finished | CannotLoadError] = Queue()
        self._threads = [Thread(target=self._work, args=(worker,), daemon=True) for worker in self._workers]
        for thread in self._threads:
            thread.start()

    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        for place in dearest_first(tasks):
            self._tasks.put((place, Request.of(tasks[place])))
        for _ in tasks:
            finished = self._finished.get()
            if isinstance(finished, CannotLoadError):
                said = tuple(f"{finished.why.exception}: {finished.why.message}".splitlines()[:8])
                hint = "--executor in-process evaluates without workers"
                raise RunError(Diagnostic("Q008", "a worker cannot start", evidence=said, hint=hint))
            yield finished

    def close(self) -> None:
        """End all workers, whatever they do."""
        with suppress(Empty):
            while True:
                self._tasks.get_nowait()
        for _ in self._threads:
            self._tasks.put(None)
        for worker, thread in zip(self._workers, self._threads, strict=True):
            worker.interrupt()
            thread.join()

    def _work(self, worker: Worker) -> None:
        """What the thread of a worker does."""
        try:
            while (task := self._tasks.get()) is not None:
                place, request = task
                try:
                    self._finished.put(Finished(place, *worker.evaluate(request)))
                except CannotLoadError as error:
                    self._finished.put(error)
        finally:
            worker.stop()
