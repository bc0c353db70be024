"""What `einsyn search` says in the end, and the files of the winner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from einsyn.search.confirming import Confirmed
    from einsyn.search.driver import Arm, Driver
    from einsyn.search.run import Run
    from einsyn.search.store import Evaluation
    from einsyn.search.winner import Again

_SHOWN: Final = 10


def summarise(run: Run, driver: Driver) -> None:
    """Say how a search ended, and write its winner.

    Raises:
        RunError: Q010 nothing has a value.
    """
    from einsyn.search.confirming import confirmed
    from einsyn.search.winner import do_again, record

    arm = driver.arms[0]
    front = arm.front.items()
    ranked = {each.name: confirmed(run, each.name) for each in driver.arms}
    best = ranked[arm.name][0].evaluation if ranked[arm.name] else next(iter(front), None)
    files: list[Path] = []
    again: Again | None = None
    if best is not None:
        files = [run.folder / "best.py", run.folder / "best.onnx"]
        again = do_again(run, best, files, trained_only=True)  # nothing would stop a function of the user's here
    found: dict[str, Any] = {
        "run": str(run.folder),
        "space": run.space.name,
        "strategy": run.plan.strategy,
        "seed": run.plan.seed,
        "reproducible": run.reproducible,
        "best": None if best is None else record(run, best),
        "front": [record(run, each) for each in front],
        "confirmed": [_confirmation(run, each) for each in ranked[arm.name]],
        "arms": {each.name: _counts(run, each, ranked[each.name]) for each in driver.arms},
        "files": [str(file) for file in files],
        "test": again.test if again else None,
        "report": dict(arm.strategy.report()),
    }
    run.store.state("report", found["report"])
    lines = _arms(run, driver, ranked)
    if best is not None:
        lines += ["", *(_confirmed(run, driver, ranked[arm.name]) if ranked[arm.name] else _front(run, front))]
    OUTPUT.result(found, "\n".join([*lines, *_ending(run, files, again)]))
    if best is None:
        raise RunError(_nothing(run, arm))


def values_shown(values: Mapping[str, float] | None, message: str) -> str:
    """Values by name, or why there are none."""
    return message or "nothing" if values is None else ", ".join(f"{name} {v:.6g}" for name, v in values.items())


def _nothing(run: Run, arm: Arm) -> Diagnostic:
    """That nothing succeeded, and what was said about it."""
    from einsyn.search.store import SEARCH

    evidence: dict[str, str] = {}
    for evaluation in filter(lambda each: each.failed, run.store.evaluations(SEARCH)):
        first = evaluation.message.splitlines()[:1] or [""]
        evidence.setdefault(
            evaluation.status, f"{arm.failures[evaluation.status]} {evaluation.status}, such as: {first[0]}"
        )
    said = f"none of {arm.done} evaluations gave a value"
    return Diagnostic(
        "Q010", said, evidence=tuple(evidence.values()), hint=f"einsyn export {run.folder} says what became of each"
    )


def _confirmation(run: Run, each: Confirmed) -> dict[str, Any]:
    return {
        "id": each.evaluation.id,
        "arch": each.evaluation.arch,
        run.plan.names[0]: (each.evaluation.values or (None,))[0],
        "mean": each.mean,
        "values": list(each.values),
        "failed": each.failed,
    }


def _counts(run: Run, arm: Arm, ranked: list[Confirmed]) -> dict[str, Any]:
    from einsyn.search.halving import halves

    return {
        "evaluations": arm.done,
        "repeated": arm.remembered,
        "failed": dict(sorted(arm.failures.items())),
        "stopped": arm.stopped,
        **({"epochs": run.store.epochs(arm.name)} if halves(run.objectives) else {}),
        "best": arm.best(run.objectives),
        "confirmed": _confirmation(run, ranked[0]) if ranked else None,
        "ended": arm.ended,
    }


def _arms(run: Run, driver: Driver, ranked: Mapping[str, list[Confirmed]]) -> list[str]:
    """A line for the search and one for the baseline."""
    from einsyn.search.halving import halves

    lines: list[str] = []
    for arm in driver.arms:
        failed = ", ".join(f"{count} {kind}" for kind, count in sorted(arm.failures.items())) or "none"
        best = arm.best(run.objectives)
        name = f"{run.plan.strategy}, seed {run.plan.seed}" if arm is driver.arms[0] else arm.name
        shown = "nothing" if best is None else f"{run.plan.names[0]} {best:.6g}"
        if ranked[arm.name]:
            shown += f", confirmed {_mean(ranked[arm.name][0])}"
        counts = f"{arm.done:,} evaluations, {arm.remembered:,} repeated"
        training = halves(run.objectives)
        if training is not None:
            whole = (arm.done - arm.remembered) * training.how.epochs
            counts += f", {arm.stopped:,} stopped early ({run.store.epochs(arm.name):,} epochs instead of {whole:,})"
        lines.append(f"{name}: best {shown}, {counts}, failed: {failed}")
        if arm.ended:
            lines.append(f"  ended: {arm.ended}")
    return lines


def _confirmed(run: Run, driver: Driver, ranked: Sequence[Confirmed]) -> list[str]:
    """The best, as they were confirmed."""
    from einsyn.search.confirming import repetitions

    elsewhere = "on other examples" if any(each.fold for each in repetitions(run)) else "on the same examples"
    _, trainings = driver.confirmations
    lines = [
        f"confirmed: the mean of {run.plan.repeats} further trainings with other seeds, {elsewhere}; "
        f"{trainings:,} trainings beyond the budget",
        f"{'id':>6} {run.plan.names[0][-14:]:>15}{'confirmed':>15}{'params':>14}  architecture",
    ]
    for each in ranked[:_SHOWN]:
        value = f"{(each.evaluation.values or (0.0,))[0]:>15.6g}"
        lines.append(f"{each.evaluation.id:>6} {value}{_mean(each):>15}{_network(each.evaluation)}")
    if len(ranked) > _SHOWN:
        lines.append(f"  ... and {len(ranked) - _SHOWN} more")
    return lines


def _mean(each: Confirmed) -> str:
    return f"{each.failed} failed" if each.mean is None else f"{each.mean:.6g}"


def _front(run: Run, front: Sequence[Evaluation]) -> list[str]:
    """What nothing beats."""
    lines = [f"{'id':>6} " + "".join(f"{name[-14:]:>15}" for name in run.plan.names) + f"{'params':>14}  architecture"]
    for each in front[:_SHOWN]:
        values = "".join(f"{value:>15.6g}" for value in each.values or ())
        lines.append(f"{each.id:>6} {values}{_network(each)}")
    if len(front) > _SHOWN:
        lines.append(f"  ... and {len(front) - _SHOWN} more that nothing beats")
    return lines


def _network(evaluation: Evaluation) -> str:
    text = evaluation.arch if len(evaluation.arch) <= 60 else f"{evaluation.arch[:57]}..."
    return f"{evaluation.params:>14,}  {text}"


def _ending(run: Run, files: Sequence[Path], again: Again | None) -> list[str]:
    """What is said of the winner's files."""
    if again is None:
        return []
    lines: list[str] = []
    if again.test is not None:
        lines.append(f"on the test part, after it was chosen: {again.test:.6g}")
    if again.same is False:
        lines.append("evaluated again it gives other values: this machine or its versions are not those of the run")
    lines.append(f"wrote {' and '.join(str(file) for file in files)}")
    if not run.reproducible:
        lines.append("bounded by time: not reproducible")
    return lines
