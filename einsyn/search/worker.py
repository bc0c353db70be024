"""What one worker does, for whichever executor: evaluates in a child process, and has a result for every end."""

from __future__ import annotations

import time
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.evaluate.objective import FailureKind, Result, differences, evaluate
from einsyn.isolation.child import Child
from einsyn.isolation.service import Ended, Ending, Service
from einsyn.search.origin import write_files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from einsyn.evaluate.objective import Lineage, Objective, Portion, Repetition
    from einsyn.search.executors import Task
    from einsyn.search.origin import Origin
    from einsyn.space import Space

_KINDS: Final[dict[Ending, FailureKind]] = {
    "exception": "exception",
    "memory": "memory",
    "crash": "crash",
    "hang": "timeout",
}


class Request(NamedTuple):
    """A task as it is sent to another process.

    Args:
        text: of the architecture.
        lineage: where it takes weights from and leaves them.
        portion: which part of it.
        repetition: with which seed and on which examples.
    """

    text: str
    lineage: Lineage | None = None
    portion: Portion | None = None
    repetition: Repetition | None = None

    @classmethod
    def of(cls, task: Task) -> Request:
        """The request of a task."""
        return cls(task.architecture.text, task.lineage, task.portion, task.repetition)

    @property
    def files(self) -> tuple[Path | None, Path | None]:
        """The file that it begins with, and the one that it leaves."""
        if self.portion is not None:
            return self.portion.before, self.portion.after
        return (None, None) if self.lineage is None else (self.lineage.parent, self.lineage.own)

    def with_files(self, before: Path | None, after: Path | None) -> Request:
        """The same with other files; those that it has not are not looked at."""
        if self.portion is not None:
            return self._replace(portion=self.portion._replace(before=before, after=after))
        if self.lineage is not None and after is not None:
            return self._replace(lineage=self.lineage._replace(parent=before, own=after))
        return self


class Evaluations(Service):
    """Evaluates architectures of a space, given as requests.

    Args:
        origin: of the space.
        objectives: what to ask.
        seed: of every evaluation.
        files: of the space, by the paths that `origin` names; None where they lie where it says.
        recipes: what the objectives have to be where this is loaded; None for whatever they are.
    """

    fresh = True

    def __init__(
        self, origin: Origin, objectives: Sequence[Objective], seed: int, *, files: Mapping[str, str] | None = None,
        recipes: Sequence[Mapping[str, Any]] | None = None,
    ) -> None:  # fmt: skip
        from einsyn.ops import OPS

        self.origin = origin
        self.modules = sorted({op.__module__ for op in OPS.values()})
        self.objectives = tuple(objectives)
        self.seed = seed
        self.files = None if files is None else dict(files)
        self.recipes = recipes
        self._space: Space | None = None

    def load(self) -> None:
        # Before the fork, so that it is imported once.
        for name in ("torch", *self.modules):
            import_module(name)
        self._space = self._loaded()
        for objective in self.objectives:
            objective.prepare(self._space)
        for objective, known in zip(self.objectives, self.recipes or (), strict=self.recipes is not None):
            other = differences(objective, known)
            if other:
                raise ValueError("\n".join([f"{objective.name} is another one here", *other]))

    def _loaded(self) -> Space:
        if self.files is None:
            return self.origin.load()
        with TemporaryDirectory() as folder:
            write_files(Path(folder), self.files)
            return self.origin._replace(file=str(Path(folder) / self.origin.file)).load()

    def answer(self, request: Any) -> Iterator[tuple[Result, float]]:
        assert self._space is not None
        text, *how = request
        architecture = self._space.parse(text)
        begun = time.perf_counter()
        result = evaluate(self.objectives, architecture, self.seed, *how)
        yield result, time.perf_counter() - begun


class Worker:
    """Evaluates one architecture at a time, each in a fresh fork of a process that has all loaded.

    Args:
        evaluations: what the process does.
        timeout: seconds for one evaluation.
        memory: bytes that one may take beyond what is loaded; None for no bound.
    """

    def __init__(self, evaluations: Evaluations, timeout: float, memory: int | None) -> None:
        self._timeout = timeout
        self._child = Child(evaluations, memory)
        self._interrupted = False

    def start(self) -> None:
        """Start the process unless it is ready. Raises CannotLoadError."""
        self._child.start()

    def evaluate(self, request: Request) -> tuple[Result, float]:
        """What came of an evaluation, and the seconds that it took.

        Raises:
            CannotLoadError: the process cannot start.
        """
        begun, answer = self._asked(request)
        if isinstance(answer, Ended) and answer.killed and not self._interrupted:
            # That a worker is killed from outside says nothing about an architecture, unless it happens again.
            begun, answer = self._asked(request)
        if isinstance(answer, Ended):
            message = f"{answer.exception}: {answer.message}".strip(": ")
            if answer.status == "hang":
                message = f"no answer within {self._timeout:g} s"
            return Result(None, _KINDS[answer.status], message), time.perf_counter() - begun
        return answer

    def interrupt(self) -> None:
        """Kill the process whatever it does; for another thread than the one that evaluates."""
        self._interrupted = True
        self._child.interrupt()

    def stop(self) -> None:
        """End the process, if there is one."""
        self._child.stop()

    def _asked(self, request: Request) -> tuple[float, Any]:
        """When an evaluation began, and what came of it."""
        while True:
            self._child.start()
            begun = time.perf_counter()
            if self._child.send(request):
                return begun, self._child.receive(self._timeout)
