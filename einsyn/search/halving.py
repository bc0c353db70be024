"""Successive halving: a batch is trained for few epochs, the best of it for more, and so on to the end.

    rung    epochs    networks (a batch of 8, `halving = 2`, `epochs = 8`)
    0       1         8
    1       2         4
    2       4         2
    3       8         1

Sources: Jamieson & Talwalkar 2016 (arXiv:1502.07943); as a part of Hyperband, Li et al. 2018 (arXiv:1603.06560).
Networks of one batch are compared at equal epochs alone, and a batch waits for its slowest, so who evaluates changes
nothing.

RUN/rungs/ARM-NUMBER-EPOCHS.safetensors   where the training of a network paused that may go on
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError, RunError, UsageError
from einsyn.evaluate.objective import STOPPED, Portion, Result
from einsyn.evaluate.training import Training
from einsyn.search.executors import Task
from einsyn.search.store import Rung

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from einsyn.evaluate.objective import Objective
    from einsyn.search.executors import Executor
    from einsyn.search.plan import Plan
    from einsyn.search.run import Run
    from einsyn.search.store import Evaluation
    from einsyn.search.strategy import Proposal

_FOLDER: Final = "rungs"


class Entrant(NamedTuple):
    """A network of a batch.

    Args:
        arm: whose batch it is.
        proposal: the network.
        ended: whether it is stored what came of it.
        failed: whether that is a failure.
    """

    arm: str
    proposal: Proposal
    ended: bool = False
    failed: bool = False


def halves(objectives: Sequence[Objective]) -> Training | None:
    """The objective that is trained by successive halving, if there is one."""
    return next((o for o in objectives if isinstance(o, Training) and len(o.how.rungs) > 1), None)


def check_halving(plan: Plan, objectives: Sequence[Objective], samples: bool) -> None:
    """See that a plan can have halving, if its recipe asks for it.

    Args:
        plan: of the run.
        objectives: of the run.
        samples: whether the strategy states which distribution it samples.

    Raises:
        UsageError: Q015 it cannot.
    """
    if halves(objectives) is None:
        return
    said: str | None = None
    if len(objectives) > 1:
        said = "halving compares networks by training alone, and there are other objectives"
    elif plan.inherit:
        said = "halving stops parents early, whose weights --inherit would take over"
    elif samples:
        said = f"`{plan.strategy}` samples by scores of architectures; with halving they depend on the batch"
    if said is not None:
        raise UsageError(Diagnostic("Q015", said, hint="leave `halving` out of the recipe, or change the search"))


class Halving:
    """Trains batches by successive halving.

    Args:
        run: open for writing; its recipe says how.
        training: its objective.
    """

    def __init__(self, run: Run, training: Training) -> None:
        self._run = run
        self._folder = run.folder / _FOLDER
        self._training = training
        self._rungs = training.how.rungs

    def train(self, executor: Executor, batches: Sequence[Sequence[Entrant]], tell: Callable[..., None]) -> None:
        """Train some batches, rung by rung and all together; what is stored of them is not done again.

        Args:
            executor: who evaluates.
            batches: the entrants of each, which are compared with each other.
            tell: called with an entrant, its result and its seconds when there is nothing more to do for it; not for
                those that have ended.
        """
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            said = f"`{self._folder}` cannot be made: {error.strerror or error}"
            raise FileError(Diagnostic("F009", said, hint="check the folder")) from None
        going = [sorted(batch, key=lambda each: each.proposal.id) for batch in batches]
        for number, epochs in enumerate(self._rungs):
            self._reach(executor, [each for batch in going for each in batch], number, tell)
            for place, batch in enumerate(going):
                values = {each.proposal.id: rung.value for each in batch if (rung := self._rung(each, epochs))}
                if epochs < self._rungs[-1]:
                    scores = {id_: self._training.score(value) for id_, value in values.items()}
                    on = best(scores, max(1, len(batch) // self._training.how.halving))
                    going[place] = [each for each in batch if each.proposal.id in on]
                    stopped = f"after {epochs} of {self._rungs[-1]} epochs: {self._training.name}"
                    for each in batch:
                        if each.proposal.id in values.keys() - on:
                            said = f"{stopped} {values[each.proposal.id]:.6g}"
                            self._end(each, Result(None, STOPPED, said), tell)
                else:
                    for each in batch:
                        if each.proposal.id in values:
                            self._end(each, Result((values[each.proposal.id],)), tell)

    def told(self, evaluation: Evaluation) -> tuple[float]:
        """What a strategy is told of a network that was stopped: its score at its last rung, less one for each further.

        Accuracies are between 0 and 1, so what was stopped stands below all that went on, and is compared at equal
        epochs. It is one for all strategies that compare; those that take scores at their word are refused.
        """
        last = self._run.store.rungs(evaluation.arm, evaluation.number)[-1]
        missing = sum(epochs > last.epochs for epochs in self._rungs)
        return (self._training.score(last.value) - missing,)

    def remember(self, known: Evaluation, arm: str, number: int) -> None:
        """Keep the rungs of an evaluation as those of another, which is remembered by it."""
        kept = {rung.epochs for rung in self._run.store.rungs(arm, number)}
        for rung in self._run.store.rungs(known.arm, known.number):
            if rung.epochs not in kept:
                self._run.store.add_rung(rung._replace(arm=arm, number=number, seconds=None))

    def _reach(self, executor: Executor, entrants: Sequence[Entrant], number: int, tell: Callable[..., None]) -> None:
        """Train to a rung, and keep what comes of it. What fails there is told."""
        waiting: list[Entrant] = []
        for each in entrants:
            if self._rung(each, self._rungs[number]) is None and not each.failed:
                if each.ended:
                    said = f"evaluation {each.proposal.id} ended without a rung of {self._rungs[number]} epochs"
                    raise RunError(Diagnostic("Q004", said, hint="begin a new run in another folder"))
                waiting.append(each)
        tasks = [Task(each.proposal.architecture, portion=self._portion(each, number)) for each in waiting]
        for index, result, seconds in executor.run(tasks):
            each = waiting[index]
            if result.values is None:
                self._end(each, result, tell, seconds)
                continue
            rung = Rung(each.arm, each.proposal.id, self._rungs[number], result.values[0], seconds)
            self._run.store.add_rung(rung)
            if number > 0:
                self._file(each, number - 1).unlink(missing_ok=True)

    def _rung(self, entrant: Entrant, epochs: int) -> Rung | None:
        rungs = self._run.store.rungs(entrant.arm, entrant.proposal.id)
        return next((rung for rung in rungs if rung.epochs == epochs), None)

    def _portion(self, entrant: Entrant, number: int) -> Portion:
        before = self._file(entrant, number - 1) if number > 0 else None
        last = number == len(self._rungs) - 1
        return Portion(self._rungs[number], before, None if last else self._file(entrant, number))

    def _end(self, entrant: Entrant, result: Result, tell: Callable[..., None], seconds: float = 0.0) -> None:
        """Tell what came of a network, and remove what it would have gone on from."""
        if entrant.ended:
            return
        took = sum(rung.seconds or 0.0 for rung in self._run.store.rungs(entrant.arm, entrant.proposal.id))
        tell(entrant, result, took + seconds)
        for number in range(len(self._rungs) - 1):
            self._file(entrant, number).unlink(missing_ok=True)

    def _file(self, entrant: Entrant, number: int) -> Path:
        return self._folder / f"{entrant.arm}-{entrant.proposal.id}-{self._rungs[number]}.safetensors"


def best(scores: Mapping[int, float], count: int) -> set[int]:
    """The numbers of so many proposals with the highest scores, of equal ones the earlier."""
    return set(sorted(scores, key=lambda id_: (-scores[id_], id_))[:count])
