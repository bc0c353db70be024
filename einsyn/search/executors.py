"""Who evaluates: the same results, whoever it is."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, NamedTuple

from einsyn.evaluate.objective import Result, evaluate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.architecture import Architecture
    from einsyn.evaluate.objective import Lineage, Objective, Portion, Repetition


class Task(NamedTuple):
    """Something to evaluate.

    Args:
        architecture: what.
        lineage: where it takes weights from and leaves them, where weights are inherited.
        portion: which part of it, where it is done in parts.
        repetition: with which seed and on which examples, where it was evaluated already.
    """

    architecture: Architecture
    lineage: Lineage | None = None
    portion: Portion | None = None
    repetition: Repetition | None = None


def dearest_first(tasks: Sequence[Task]) -> list[int]:
    """The places of tasks in the order in which workers get them.

    What has most multiply-accumulates and bytes comes first, so that no worker begins with it when the others have
    nothing left to do.
    """
    costs = [task.architecture.macs + task.architecture.memory for task in tasks]
    return sorted(range(len(tasks)), key=costs.__getitem__, reverse=True)


class Finished(NamedTuple):
    """An evaluation that ended.

    Args:
        place: which of those that were given.
        result: what came of it.
        seconds: that it took.
    """

    place: int
    result: Result
    seconds: float


class Executor(ABC):
    """Evaluates architectures. A failure is a result; whatever happens to one evaluation, the others go on."""

    workers: int = 1

    @abstractmethod
    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        """Evaluate all of them; each is given back when it has ended, in any order."""

    def close(self) -> None:  # noqa: B027  # there is something to do for some only
        """End what was started."""

    def __enter__(self) -> Executor:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class InProcess(Executor):
    """Evaluates one after the other in this process. Nothing bounds time or memory, and a crash ends all.

    Args:
        objectives: prepared.
        seed: of every evaluation.
    """

    def __init__(self, objectives: Sequence[Objective], seed: int) -> None:
        self._objectives = objectives
        self._seed = seed

    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        for place, task in enumerate(tasks):
            begun = time.perf_counter()
            result = evaluate(self._objectives, task.architecture, self._seed, *task[1:])
            yield Finished(place, result, time.perf_counter() - begun)
