"""Carries a run out: asks strategies, has proposals evaluated, keeps and tells what came of them.

A run goes on by being done again from the beginning: strategies are asked and told the same, and what the store knows
is not evaluated. They follow from their seed and from what they are told in which order, so this ends where it was
left.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError, SamplingError
from einsyn.evaluate.cost import COSTS
from einsyn.evaluate.objective import STOPPED, Result
from einsyn.search.confirming import confirm
from einsyn.search.executors import Task
from einsyn.search.front import Front
from einsyn.search.halving import Entrant, Halving, halves
from einsyn.search.inheritance import KeptWeights
from einsyn.search.store import BASELINE, SEARCH, Evaluation
from einsyn.search.strategy import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from einsyn.architecture import Architecture
    from einsyn.evaluate.objective import Lineage, Objective
    from einsyn.search.executors import Executor
    from einsyn.search.run import Run
    from einsyn.search.strategy import Proposal, Strategy


# A proposal of an arm, what is the same as it, and what is known of its batch.
_Waiting = tuple["Arm", "Proposal", str, "dict[int, Evaluation]"]


class Arm:
    """One search of a run: the search itself, or the random baseline.

    `done` counts its evaluations, `front` holds what nothing else beats, `failures` counts by kind, `stopped` those
    that halving ended early. `ended` says why there will be no more, if that is so.
    """

    def __init__(self, name: str, strategy: Strategy) -> None:
        self.name = name
        self.strategy = strategy
        self.front: Front[Evaluation] = Front()
        self.failures: dict[str, int] = {}
        self.stopped = 0
        self.done = 0
        self.remembered = 0
        self.batch = 0
        self.ended: str | None = None

    def best(self, objectives: Sequence[Objective]) -> float | None:
        """The best value of the first objective so far."""
        found = [each.values[0] for each in self.front.items() if each.values is not None]
        return max(found, key=objectives[0].score, default=None)

    def count(self, evaluation: Evaluation, scores: tuple[float, ...] | None) -> None:
        """Take a finished evaluation into the counts."""
        self.done += 1
        self.remembered += evaluation.seconds is None
        if evaluation.status == STOPPED:
            self.stopped += 1
        elif scores is None:
            self.failures[evaluation.status] = self.failures.get(evaluation.status, 0) + 1
        else:
            self.front.add(scores, evaluation)


class Driver:
    """Carries a run out.

    Args:
        run: open for writing.
        executor: who evaluates.
        progress: called after every evaluation that was not read from the store.
    """

    def __init__(self, run: Run, executor: Executor, progress: Callable[[Driver], None] | None = None) -> None:
        self.run = run
        self.executor = executor
        self.evaluated = 0
        # Further trainings of the best: how many are done, and of how many.
        self.confirmations = (0, 0)
        self._progress = progress
        self._requirements = run.plan.make_requirements()
        known = {*COSTS, *(o.name for o in run.objectives)}
        for each in self._requirements:
            if each.name not in known:
                raise RunError(
                    Diagnostic("Q004", f"the run requires {each}, and `{each.name}` is none of its objectives")
                )
        # One number for what is the same only where that holds for every objective.
        self._by_function = all(o.of_function for o in run.objectives)
        self._weights = KeptWeights(run) if run.plan.inherit else None
        training = halves(run.objectives)
        self._halving = None if training is None else Halving(run, training)
        names = [SEARCH, BASELINE] if run.plan.baseline else [SEARCH]
        self.arms = [Arm(name, run.plan.make_strategy(run.space, name)) for name in names]

    def go(self, budget: int | None = None, seconds: float | None = None) -> None:
        """Go on until every arm has had its budget, or the time is over; then confirm the best, where the plan says so.

        Args:
            budget: evaluations of each arm, those that are stored included.
            seconds: after which no batch is begun; the batch in hand is finished.

        Raises:
            RunError: Q004 what is proposed is not what is stored, Q005 the store cannot be written.
        """
        end = None if seconds is None else time.monotonic() + seconds
        while True:
            late = end is not None and time.monotonic() >= end
            begun = [b for arm in self.arms if (b := self._begin(arm, budget, late)) is not None]
            if not begun:
                self.confirmations = confirm(self.run, self.executor, [arm.name for arm in self.arms], self._count)
                return
            self._evaluate(begun)
            for arm, proposals, found in begun:
                outcomes: list[Outcome] = []
                for proposal in proposals:
                    evaluation = found[proposal.id]
                    scores = self.run.scores(evaluation)
                    arm.count(evaluation, scores)
                    if self._halving is not None and evaluation.status == STOPPED:
                        scores = self._halving.told(evaluation)
                    outcomes.append(Outcome(proposal, scores))
                arm.strategy.tell(outcomes)
                if self._weights is not None and arm.name == SEARCH:
                    self._weights.prune([o.proposal.id for o in outcomes], arm.strategy.living, arm.front.items())

    def _count(self, done: int, of: int) -> None:
        self.confirmations = done, of
        if self._progress is not None:
            self._progress(self)

    # A batch.

    def _begin(
        self, arm: Arm, budget: int | None, late: bool
    ) -> tuple[Arm, list[Proposal], dict[int, Evaluation]] | None:
        """The next batch of an arm with what is stored of it, or None."""
        if arm.ended is not None:
            return None
        store, plan = self.run.store, self.run.plan
        asked = store.asked(arm.name, arm.batch)
        known = asked is not None
        if asked is None:
            asked = plan.batch if budget is None else min(plan.batch, budget - arm.done)
            if asked <= 0 or late:
                return None
        try:
            proposals = arm.strategy.ask(asked)
        except SamplingError as error:
            arm.ended = error.diagnostics[0].message
            if arm.done == 0:
                raise
            return None
        if not proposals:
            arm.ended = "the strategy has nothing left to propose"
            return None
        if not known:
            store.ask(arm.name, arm.batch, asked)
        arm.batch += 1
        found: dict[int, Evaluation] = {}
        for proposal in proposals:
            stored = store.find(arm.name, proposal.id)
            if stored is not None:
                if stored.arch != proposal.architecture.text:
                    raise RunError(self._another(stored, proposal))
                found[proposal.id] = stored
        return arm, proposals, found

    def _another(self, stored: Evaluation, proposal: Proposal) -> Diagnostic:
        return Diagnostic(
            "Q004",
            f"proposal {stored.id} is another one than is stored: the run cannot be continued with this einsyn",
            evidence=(f"stored: {stored.arch[:200]}", f"now:    {proposal.architecture.text[:200]}"),
            hint="use the versions that it was begun with; `einsyn export RUN` still reads it",
        )

    def _evaluate(self, begun: Sequence[tuple[Arm, list[Proposal], dict[int, Evaluation]]]) -> None:
        """Find out what is not stored of some batches. What one worker or many give is the same."""
        plan = self.run.plan
        first: dict[str, int] = {}
        waiting: list[_Waiting] = []
        repeated: list[_Waiting] = []
        for arm, proposals, found in begun:
            for proposal in proposals:
                if proposal.id in found:
                    continue
                architecture = proposal.architecture
                refused = self._refused(architecture)
                if refused is not None:
                    self._keep(arm, proposal, "", refused, 0.0, found)
                    continue
                same = self._same(architecture)
                if not (plan.again or plan.inherit) and (same in first or self.run.store.remembered(same) is not None):
                    repeated.append((arm, proposal, same, found))
                    continue
                first[same] = len(waiting)
                waiting.append((arm, proposal, same, found))
        if self._halving is not None:
            self._halve(begun, waiting)
            waiting = []
        tasks = [Task(p.architecture, self._lineage(arm, p)) for arm, p, _, _ in waiting]
        for index, result, seconds in self.executor.run(tasks):
            arm, proposal, same, found = waiting[index]
            if self._weights is not None and arm.name == SEARCH and result.values is not None:
                self._weights.check(proposal.id)
            self._keep(arm, proposal, same, self._checked(result), seconds, found)
        for arm, proposal, same, found in repeated:
            known = self.run.store.remembered(same)
            assert known is not None
            failure: Any = None if known.status == "done" else known.status  # the store has it as text
            result = Result(known.values, failure, known.message)
            if self._halving is not None:
                self._halving.remember(known, arm.name, proposal.id)
            self._keep(arm, proposal, same, result, None, found)

    def _halve(
        self, begun: Sequence[tuple[Arm, list[Proposal], dict[int, Evaluation]]], waiting: Sequence[_Waiting]
    ) -> None:
        """Train what is waiting by halving, with what is stored of the same batches."""
        assert self._halving is not None
        places = {(arm.name, proposal.id): (arm, proposal, same, found) for arm, proposal, same, found in waiting}
        batches = [
            [
                Entrant(arm.name, proposal, stored is not None, stored is not None and stored.failed)
                for proposal in proposals
                if ((stored := found.get(proposal.id)) is None and (arm.name, proposal.id) in places)
                or (stored is not None and stored.seconds is not None and stored.same)
            ]
            for arm, proposals, found in begun
        ]

        def tell(entrant: Entrant, result: Result, seconds: float) -> None:
            arm, proposal, same, found = places[entrant.arm, entrant.proposal.id]
            self._keep(arm, proposal, same, self._checked(result), seconds, found)

        self._halving.train(self.executor, batches, tell)

    def _lineage(self, arm: Arm, proposal: Proposal) -> Lineage | None:
        """What an evaluation takes over; in the baseline nothing comes from anything."""
        if self._weights is None or arm.name != SEARCH:
            return None
        return self._weights.lineage(proposal.id, proposal.parents)

    def _same(self, architecture: Architecture) -> str:
        return architecture.canonical if self._by_function else architecture.hash

    def _refused(self, architecture: Architecture) -> Result | None:
        """What costs alone refuse."""
        for each in self._requirements:
            if each.name in COSTS and not each.met(COSTS[each.name](architecture)):
                return Result(None, "refused", f"{each} is not met")
        return None

    def _checked(self, result: Result) -> Result:
        """What the values refuse."""
        if result.values is None:
            return result
        values = dict(zip([o.name for o in self.run.objectives], result.values, strict=True))
        for each in self._requirements:
            if each.name in values and not each.met(values[each.name]):
                return Result(None, "refused", f"{each} is not met: {values[each.name]:.6g}")
        return result

    def _keep(
        self, arm: Arm, proposal: Proposal, same: str, result: Result, seconds: float | None,
        found: dict[int, Evaluation],
    ) -> None:  # fmt: skip
        architecture = proposal.architecture
        evaluation = Evaluation(
            arm.name, proposal.id, architecture.text, same, proposal.parents, proposal.move, architecture.params,
            architecture.macs, result.failure or "done", result.values, result.message, seconds,
        )  # fmt: skip
        self.run.store.add(evaluation)
        found[proposal.id] = evaluation
        self.evaluated += 1
        if self._progress is not None:
            self._progress(self)
