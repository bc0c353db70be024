"""Runs of searches compared: strategies against random search at equal budget, over seeds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError
from einsyn.evaluate.training import Training
from einsyn.report import statistics
from einsyn.report.likeness import SEARCHES_BY, doubts, refuse_unlike
from einsyn.search.plan import BATCH, RANDOM
from einsyn.search.store import BASELINE, SEARCH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from einsyn.search.plan import Plan
    from einsyn.search.run import Run
    from einsyn.search.store import Evaluation

# Fewer architectures than this rank nothing.
_LEAST: Final = 10


class Course(NamedTuple):
    """One search of some budget.

    Args:
        seed: of its run.
        evaluations: the first ones, as many as the budget.
        scores: of those with a value, one number an objective, more is better.
    """

    seed: int
    evaluations: list[Evaluation]
    scores: list[tuple[float, ...]]

    @property
    def best(self) -> float | None:
        """The best score of the first objective."""
        return max((scores[0] for scores in self.scores), default=None)


class Group:
    """Searches that differ in their seed alone.

    Args:
        plan: of one of them.
        folders: of their runs.
        courses: of each.
    """

    def __init__(self, plan: Plan, folders: list[Path], courses: list[Course]) -> None:
        self.plan = plan
        self.folders = folders
        self.courses = courses

    @property
    def label(self) -> str:
        """What tells the group from others."""
        parts = [self.plan.strategy, *(f"{name}={value}" for name, value in self.plan.options.items())]
        if self.plan.start:
            parts.append(f"from {len(self.plan.start)} known")
        if self.plan.batch != BATCH:
            parts.append(f"batch={self.plan.batch}")
        if self.plan.inherit:
            parts.append("with inherited weights" + ", functions preserved" * self.plan.preserve)
        return " ".join(parts)


class Comparison:
    """Runs compared.

    Args:
        runs: open for reading, of one space and the same objectives.
        at: evaluations of each search that count; by default as many as all have.

    Attributes:
        at: the budget at which they are compared.
        groups: the strategies but random search.
        random: every random search, baselines included, each seed once.
        notes: what differs between the runs, and may matter.

    Raises:
        RunError: Q021 the runs are not alike, Q022 two are the same search, Q023 a run has too few evaluations.
    """

    def __init__(self, runs: Sequence[Run], at: int | None = None) -> None:
        refuse_unlike(runs)
        self.run = runs[0]
        self.names = self.run.plan.names
        self.notes = doubts(runs)
        _refuse_repeated(runs)
        arms = {
            (run.folder, arm): list(run.store.evaluations(arm))
            for run in runs
            for arm in ((SEARCH, BASELINE) if run.plan.baseline else (SEARCH,))
        }
        self.at = _budget(arms, at)
        self.groups: list[Group] = []
        # The baseline of a seed is the same beside every strategy; random search as a strategy draws others.
        drawn: dict[tuple[str, int], Course] = {}
        keys: dict[str, Group] = {}
        for run in runs:
            for arm in (SEARCH, BASELINE):
                if (run.folder, arm) not in arms:
                    continue
                course = self._course(run, arms[run.folder, arm])
                if arm == BASELINE or run.plan.strategy == RANDOM:
                    drawn.setdefault((arm, run.plan.seed), course)
                    continue
                key = _same_search(run.plan)
                if key not in keys:
                    keys[key] = Group(run.plan, [], [])
                    self.groups.append(keys[key])
                keys[key].folders.append(run.folder)
                keys[key].courses.append(course)
        self.random = list(drawn.values())
        everything = [s for each in [*self.random, *(c for g in self.groups for c in g.courses)] for s in each.scores]
        self.worst = [min(column) for column in zip(*everything, strict=True)]
        self.ideal = [max(column) for column in zip(*everything, strict=True)]

    def _course(self, run: Run, evaluations: list[Evaluation]) -> Course:
        kept = evaluations[: self.at]
        return Course(run.plan.seed, kept, [scores for each in kept if (scores := run.scores(each)) is not None])

    # What is calculated.

    def value(self, score: float, objective: int = 0) -> float:
        """A score as the objective gave it."""
        return score if self.run.objectives[objective].maximise else -score

    def best(self, courses: Sequence[Course]) -> list[float]:
        """The best scores of searches that found one."""
        return [best for each in courses if (best := each.best) is not None]

    def summary(self, courses: Sequence[Course]) -> dict[str, Any]:
        """The best values of searches, and their hypervolumes where there are several objectives."""
        scores = self.best(courses)
        found: dict[str, Any] = {
            "seeds": [each.seed for each in courses],
            "without_value": len(courses) - len(scores),
            "best": {
                "mean": self.value(statistics.mean(scores)) if scores else None,
                "deviation": statistics.deviation(scores),
                "values": [self.value(score) for score in scores],
            },
        }
        if len(self.names) > 1:
            volumes = [self.volume(each) for each in courses]
            known = [volume for volume in volumes if volume is not None]
            whole = len(known) == len(volumes) and known
            found["hypervolume"] = {
                "mean": statistics.mean(known) if whole else None,
                "deviation": statistics.deviation(known) if whole else None,
                "values": volumes,
            }
        return found

    def volume(self, course: Course) -> float | None:
        """The share of the box between the worst and the best scores of all that a search dominates."""
        sides = [best - worst or 1.0 for worst, best in zip(self.worst, self.ideal, strict=True)]
        # An objective that is the same everywhere tells nothing apart: it counts as reached.
        flat = [best == worst for worst, best in zip(self.worst, self.ideal, strict=True)]
        points = [
            [1.0 if f else (s - w) / d for s, w, d, f in zip(scores, self.worst, sides, flat, strict=True)]
            for scores in course.scores
        ]
        return statistics.hypervolume(points, [0.0] * len(self.names))

    def over_random(self, group: Group) -> dict[str, Any]:
        """By which share a group's best is above that of random search, and above that of a random architecture."""
        mine, drawn = self.best(group.courses), self.best(self.random)
        architectures = [scores[0] for each in self.random for scores in each.scores]
        found: dict[str, Any] = {"mean": None, "low": None, "high": None, "over_mean_architecture": None}
        if mine and drawn:
            found["mean"] = statistics.improvement(mine, drawn)
            ends = statistics.interval([mine, drawn], lambda samples: statistics.improvement(*samples))
            found["low"], found["high"] = ends or (None, None)
        if mine and architectures:
            found["over_mean_architecture"] = statistics.improvement(mine, architectures)
        return found

    def more_volume(self, group: Group) -> dict[str, Any]:
        """By how much a group's hypervolume is above that of random search."""
        mine, drawn = ([self.volume(each) for each in courses] for courses in (group.courses, self.random))
        known = [[v for v in side if v is not None] for side in (mine, drawn)]
        if not mine or not drawn or list(map(len, known)) != [len(mine), len(drawn)]:
            return {"difference": None, "low": None, "high": None}

        def difference(samples: Sequence[Sequence[float]]) -> float:
            return statistics.mean(samples[0]) - statistics.mean(samples[1])

        low, high = statistics.interval(known, difference) or (None, None)
        return {"difference": difference(known), "low": low, "high": high}

    def ranks(self) -> list[dict[str, Any]]:
        """Kendall's tau of costs and of the other objectives against the one that is trained, or else the first.

        Of architectures that random search drew, each once; what a strategy proposed is no fair sample.
        """
        objectives = self.run.objectives
        target = next((k for k, each in enumerate(objectives) if isinstance(each, Training)), 0)
        known: dict[str, tuple[Evaluation, tuple[float, ...]]] = {}
        for course in self.random:
            for each in course.evaluations:
                scores = self.run.scores(each)
                if scores is not None:
                    known.setdefault(each.arch, (each, scores))
        if len(known) < _LEAST:
            return []
        goal = [scores[target] for _, scores in known.values()]
        columns: dict[str, list[float]] = {
            name: [scores[k] for _, scores in known.values()] for k, name in enumerate(self.names) if k != target
        }
        for name, column in (
            ("params", [float(each.params) for each, _ in known.values()]),
            ("macs", [float(each.macs) for each, _ in known.values()]),
        ):
            if name not in self.names:
                columns[name] = column
        return [
            {"of": name, "against": self.names[target], "tau": statistics.kendall_tau(column, goal),
             "architectures": len(known)}
            for name, column in columns.items()
        ]  # fmt: skip

    def record(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        several = len(self.names) > 1
        return {
            "space": self.run.space.name,
            "objectives": [
                {"objective": name, "maximise": objective.maximise}
                for name, objective in zip(self.names, self.run.objectives, strict=True)
            ],
            "at": self.at,
            "interval": {
                "method": "percentile bootstrap over seeds",
                "level": statistics.LEVEL,
                "resamples": statistics.RESAMPLES,
                "seed": 0,
            },
            "random": self.summary(self.random),
            "groups": [
                {
                    "label": group.label,
                    "strategy": group.plan.strategy,
                    "options": group.plan.options,
                    "runs": [str(folder) for folder in group.folders],
                    **self.summary(group.courses),
                    "improvement": self.over_random(group),
                    **({"more_hypervolume": self.more_volume(group)} if several else {}),
                }
                for group in self.groups
            ],
            "reference": [self.value(score, k) for k, score in enumerate(self.worst)] if several else None,
            "ideal": [self.value(score, k) for k, score in enumerate(self.ideal)] if several else None,
            "tau": self.ranks(),
            "notes": self.notes,
        }


def _same_search(plan: Plan) -> str:
    """Equal for searches that differ in their seed alone."""
    return json.dumps([getattr(plan, name) for name in SEARCHES_BY], sort_keys=True)


def _refuse_repeated(runs: Sequence[Run]) -> None:
    known: dict[tuple[str, int], Run] = {}
    for run in runs:
        other = known.setdefault((_same_search(run.plan), run.plan.seed), run)
        if other is not run:
            said = f"`{other.folder}` and `{run.folder}` are one search with one seed"
            hint = "name each search once; other seeds are other searches: einsyn search ... --seed N"
            raise RunError(Diagnostic("Q022", said, hint=hint))


def _budget(arms: dict[tuple[Path, str], list[Evaluation]], at: int | None) -> int:
    """How many evaluations all arms have, or those asked for."""
    fewest = min(arms, key=lambda key: len(arms[key]))
    there = len(arms[fewest])
    if there < (at or 1):
        which = f"`{fewest[0]}`" if fewest[1] == SEARCH else f"the baseline of `{fewest[0]}`"
        hint = (
            "leave --at out, or go on with it: einsyn search --resume RUN" if at else "leave it out, or go on with it"
        )
        raise RunError(Diagnostic("Q023", f"{which} has {there} evaluations of {at or 1}", hint=hint))
    return there if at is None else at
