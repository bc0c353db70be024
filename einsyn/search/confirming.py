"""Confirming: the best few of a search are trained again, and the best mean wins.

The best of many scores is the best partly by chance, the more so the fewer examples judge: who wins by one training may
owe it to that. Whoever wins by the mean of several further ones, with other seeds and on other examples where the data
allow it, owes it less. Each is stored when it has ended; so what was confirmed is not confirmed again when a run goes
on or is extended.
"""

from __future__ import annotations

import hashlib
from statistics import fmean
from typing import TYPE_CHECKING, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError
from einsyn.evaluate.objective import Repeatable, Repetition
from einsyn.search.executors import Task
from einsyn.search.store import SEARCH, Confirmation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from einsyn.evaluate.objective import Objective
    from einsyn.search.executors import Executor
    from einsyn.search.plan import Plan
    from einsyn.search.run import Run
    from einsyn.search.store import Evaluation


class Confirmed(NamedTuple):
    """One of the best of an arm, with its further trainings.

    Args:
        evaluation: as the search made it.
        values: of the further trainings that have a value.
        failed: how many have none.
        mean: of all values; None where some are missing.
    """

    evaluation: Evaluation
    values: tuple[float, ...]
    failed: int
    mean: float | None


def refusal(plan: Plan, objectives: Sequence[Objective]) -> str | None:
    """Why the best of a search cannot be confirmed; None if they can."""
    if not any(isinstance(each, Repeatable) for each in objectives):
        return f"only trainings can be confirmed by others, and there is {', '.join(each.name for each in objectives)}"
    if len(objectives) > 1:
        return "what is best by several objectives is a front, and no winner is chosen from it"
    if plan.inherit:
        return "what inherited its weights cannot be trained again without all its ancestors"
    return None


def check_confirming(plan: Plan, objectives: Sequence[Objective]) -> None:
    """See that what a plan confirms can be confirmed. Raises UsageError Q016."""
    said = refusal(plan, objectives) if plan.confirm else None
    if said is not None:
        raise UsageError(Diagnostic("Q016", said, hint="leave --confirm out"))


def repetitions(run: Run) -> list[Repetition]:
    """With which seeds and on which examples the best are trained again."""
    objective = run.objectives[0]
    assert isinstance(objective, Repeatable)
    found: list[Repetition] = []
    for number in range(1, run.plan.repeats + 1):
        digest = hashlib.sha256(f"{run.plan.seed}/confirmation/{number}".encode()).digest()
        found.append(Repetition(int.from_bytes(digest[:4]), number % objective.folds))
    return found


def candidates(run: Run, arm: str) -> list[Evaluation]:
    """What is confirmed of an arm: the best by their scores, of equal ones the earlier, what is the same once."""
    scored: dict[str, tuple[float, Evaluation]] = {}
    for evaluation in run.store.evaluations(arm):
        scores = run.scores(evaluation)
        if scores is not None:
            scored.setdefault(evaluation.same, (scores[0], evaluation))
    best = sorted(scored.values(), key=lambda each: (-each[0], each[1].number))
    return [evaluation for _, evaluation in best[: run.plan.confirm]]


def confirm(
    run: Run, executor: Executor, arms: Sequence[str], progress: Callable[[int, int], None] | None = None
) -> tuple[int, int]:
    """Train the best of some arms again, as far as it is not stored.

    Args:
        run: open for writing, its search at an end.
        executor: who evaluates.
        arms: the search, and the baseline if there is one.
        progress: called after every training with how many are done, and of how many.

    Returns:
        How many trainings are done, those that are stored included, and of how many.
    """
    if not run.plan.confirm:
        return 0, 0
    # What is the same in both arms is trained once.
    chosen = {each.same: each for arm in reversed(arms) for each in candidates(run, arm)}
    waiting: list[Confirmation] = []
    done = 0
    for same, evaluation in chosen.items():
        known = {each.number for each in run.store.confirmations(same)}
        done += len(known)
        for number, repetition in enumerate(repetitions(run), 1):
            if number not in known:
                waiting.append(Confirmation(same, number, evaluation.arch, *repetition, "", None, "", 0.0))
    tasks = [Task(run.space.parse(each.arch), repetition=Repetition(each.seed, each.fold)) for each in waiting]
    total = done + len(tasks)
    for index, result, seconds in executor.run(tasks):
        value = None if result.values is None else result.values[0]
        ended = waiting[index]._replace(status=result.failure or "done", value=value, message=result.message)
        run.store.add_confirmation(ended._replace(seconds=seconds))
        done += 1
        if progress is not None:
            progress(done, total)
    return done, total


def confirmed(run: Run, arm: str = SEARCH) -> list[Confirmed]:
    """The candidates of an arm, the one with the best mean first.

    What failed once stands below all that did not, and of equal means the one with the better score comes first. Before
    all are confirmed there are none.
    """
    if not run.plan.confirm:
        return []
    found: list[Confirmed] = []
    for evaluation in candidates(run, arm):
        rows = run.store.confirmations(evaluation.same)
        if len(rows) < run.plan.repeats:
            return []
        values = tuple(each.value for each in rows if each.value is not None)
        failed = len(rows) - len(values)
        found.append(Confirmed(evaluation, values, failed, None if failed else fmean(values)))
    score = run.objectives[0].score
    # Sorting is stable: candidates are in the order of their scores.
    return sorted(found, key=lambda each: (each.failed, 0.0 if each.mean is None else -score(each.mean)))


def winner(run: Run, arm: str = SEARCH) -> Evaluation | None:
    """The best of an arm: as it was confirmed, or else the first of what nothing beats."""
    found = confirmed(run, arm)
    if found:
        return found[0].evaluation
    front = run.front(arm)
    return front[0] if front else None
