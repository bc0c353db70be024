"""Whether runs can be compared: the same space, objectives and requirements."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError
from einsyn.search.halving import halves

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from einsyn.search.run import Run

_SHOWN: Final = 12
# Fields of a plan that say how a run searches: runs of different ones are compared with each other.
SEARCHES_BY: Final = ("strategy", "options", "start", "batch", "inherit", "preserve")
# Fields that say how long it does and where, what is confirmed in the end, or that are told otherwise below.
_ELSEWHERE: Final = (
    "seed", "budget", "seconds", "baseline", "timeout", "memory", "confirm", "repeats", "objectives", "requirements",
)  # fmt: skip


def refuse_unlike(runs: Sequence[Run]) -> None:
    """Raise RunError Q021 with all that differs between runs, other than how they search."""
    asked = [dict(_asked(run)) for run in runs]
    names = dict.fromkeys(name for each in asked for name in each)
    differing = [name for name in names if any(each.get(name) != asked[0].get(name) for each in asked)]
    if not differing:
        return
    evidence: list[str] = []
    for name in differing[:_SHOWN]:
        values: dict[str, list[str]] = {}
        for run, each in zip(runs, asked, strict=True):
            values.setdefault(each.get(name, "absent"), []).append(str(run.folder))
        told = "; ".join(f"{value} in {', '.join(where)}" for value, where in values.items())
        evidence.append(f"{name}: {told}"[:300])
    if len(differing) > _SHOWN:
        evidence.append(f"... and {len(differing) - _SHOWN} more")
    hint = "compare runs of one space with the same objectives, data, recipe and requirements"
    raise RunError(Diagnostic("Q021", "the runs are not alike", evidence=tuple(evidence), hint=hint))


def _asked(run: Run) -> Iterator[tuple[str, str]]:
    """What the value of an architecture depends on, and which architectures there are, by name."""
    origin = run.store.facts()["origin"]
    yield "space", str(run.space.title or run.space.name)
    yield "files of the space", origin["digest"]
    yield from _flat("input", origin["inputs"])
    yield from _flat("parameter", origin["params"])
    yield from _flat("limit", origin["limits"])
    yield "objectives", ", ".join(run.plan.names)
    for number, objective in enumerate(run.plan.objectives):
        yield from _flat(f"objective {number + 1}", objective)
    yield "requirements", ", ".join(f"{name}{comparison}{bound:g}" for name, comparison, bound in run.plan.requirements)
    if halves(run.objectives) is not None:
        yield "networks that halving compares", str(run.plan.batch)
    # All else that a plan says, now or later: whether evaluations are repeated, for example.
    rest = run.plan.record()
    yield from _flat("plan", {name: rest[name] for name in rest if name not in (*SEARCHES_BY, *_ELSEWHERE)})


def _flat(name: str, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The values of a record by their place in it."""
    for key, value in record.items():
        if isinstance(value, dict):
            yield from _flat(f"{name} {key}", cast("dict[str, Any]", value))
        else:
            yield f"{name} {key}", value if isinstance(value, str) else json.dumps(value)


def doubts(runs: Sequence[Run]) -> list[str]:
    """What differs between runs that can be compared all the same, and may matter."""
    found: list[str] = []
    versions: list[dict[str, str]] = [run.store.facts().get("versions", {}) for run in runs]
    for name in sorted({name for each in versions for name in each}):
        known = sorted({each.get(name, "none") for each in versions})
        if len(known) > 1:
            found.append(f"the runs were begun with different versions of {name}: {', '.join(known)}")
    for name, values in (
        ("time for an evaluation", {run.plan.timeout for run in runs}),
        ("memory for an evaluation", {run.plan.memory for run in runs}),
    ):
        if len(values) > 1:
            found.append(f"the runs have different limits of {name}: what failed by these may differ")
    if len({run.plan.inherit for run in runs}) > 1:
        found.append("some runs inherit weights, so that their networks were trained for longer than those of others")
    if halves(runs[0].objectives) is not None:
        found.append("networks that halving stopped have no score here; Kendall's tau is over those that it kept")
    timed = [str(run.folder) for run in runs if not run.reproducible]
    if timed:
        found.append(f"bounded by time, and not reproducible: {', '.join(timed)}")
    return found
