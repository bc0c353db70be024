"""The commands that give a run again, from what it was begun with."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from einsyn.elaborate.limits import LIMIT_NAMES, Limits
from einsyn.evaluate.data import DIGITS
from einsyn.evaluate.named import objective_of
from einsyn.evaluate.recipe import Recipe
from einsyn.ir.parse_type import exact
from einsyn.search.confirming import refusal
from einsyn.search.plan import BATCH, CONFIRMED, REPEATS, Plan
from einsyn.search.run import SPACE
from einsyn.search.store import SEARCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.search.run import Run

RECIPE: Final = "recipe.toml"
_AGAIN: Final = "again"


class Reproduction(NamedTuple):
    """How a run is done again.

    Args:
        commands: one after the other.
        recipe: what the file `recipe.toml` has to say, if the commands name it.
        doubts: why what comes out may differ.
    """

    commands: list[str]
    recipe: str | None
    doubts: list[str]


def reproduction(run: Run) -> Reproduction:
    """The commands that begin a run like this in the folder `again`, and extend it as this one was extended."""
    plan = run.plan
    recipe = next((each["recipe"] for each in plan.objectives if "recipe" in each), None)
    settings = {} if recipe is None else _changed(recipe)
    first = ["einsyn", "search", *_arguments(run, bool(settings)), "-o", _AGAIN]
    commands = [" ".join(map(quote, first))]
    budgets = _budgets(run)
    for before, after in pairwise(budgets):
        commands.append(f"einsyn search --resume {_AGAIN} --extend {after - before}")
    doubts: list[str] = []
    if not run.reproducible:
        doubts.append("time bounded the run: another one may come further")
    if any(not objective.deterministic for objective in run.objectives):
        names = [o.name for o in run.objectives if not o.deterministic]
        doubts.append(f"{', '.join(names)} is measured, and never twice the same")
    if any(each.startswith("python:") for each in plan.names):
        doubts.append("functions of your own are not part of the run: the folder must have them as they were")
    toml = "\n".join(f"{name} = {_toml(value)}" for name, value in settings.items())
    return Reproduction(commands, toml if settings else None, doubts)


def _arguments(run: Run, has_recipe: bool) -> Iterator[str]:
    """What stands after `einsyn search`; what is as it is by default is left out."""
    plan, usual, space = run.plan, Plan(), run.space
    yield str(run.folder / SPACE / Path(space.grammar.file).name)
    yield from ("--strategy", plan.strategy)
    for name, value in plan.options.items():
        yield from ("--option", f"{name}={_option(value)}")
    for record in plan.objectives:
        name, maximise = record["objective"], record["maximise"]
        usually = objective_of(name).maximise
        yield from ("--objective", name if maximise == usually else f"{'max' if maximise else 'min'}:{name}")
    data = next((each["data"] for each in plan.objectives if "data" in each), DIGITS)
    if data != DIGITS:
        yield from ("--data", data)
    if has_recipe:
        yield from ("--recipe", RECIPE)
    for name, comparison, bound in plan.requirements:
        yield from ("--require", f"{name}{comparison}{bound:.17g}")
    for text in plan.start:
        yield from ("--start", text)
    if plan.budget is not None:
        yield from ("--budget", str(plan.budget))
    if plan.seconds is not None:
        yield from ("--time", f"{plan.seconds:g}s")
    yield from ("--seed", str(plan.seed))
    if not plan.baseline and plan.strategy != usual.strategy:
        yield "--no-baseline"
    if plan.batch != BATCH:
        yield from ("--batch", str(plan.batch))
    for name, value in plan.record().items():
        if value is True and getattr(usual, name) is False:
            yield f"--{name}"
    if plan.confirm != CONFIRMED and refusal(plan, run.objectives) is None:
        yield from ("--confirm", str(plan.confirm))
    if plan.confirm and plan.repeats != REPEATS:
        yield from ("--repeats", str(plan.repeats))
    if plan.timeout != usual.timeout:
        yield from ("--timeout", f"{plan.timeout:g}")
    if plan.memory is not None and plan.memory != 8 * 2**30:
        yield from ("--worker-memory", str(plan.memory))
    for name, t in space.inputs:
        yield from ("--input", f"{name}={exact(t)}")
    for name, value in space.settings.items():
        yield from ("--set", f"{name}={_option(value)}")
    own = Limits().merged(dict(space.grammar.directives.limits))
    for name in LIMIT_NAMES:
        limit = getattr(space.limits, name)
        if limit is not None and limit != getattr(own, name):
            yield from (f"--{name.replace('_', '-')}", str(limit))


def _budgets(run: Run) -> list[int]:
    """The budgets that the run had one after the other: a batch that is not full ends one."""
    budget = run.budget
    if run.plan.budget is None or budget is None:
        return []
    found = {run.plan.budget, budget}
    total = 0
    for asked in run.store.batches(SEARCH):
        total += asked
        if asked < run.plan.batch:
            found.add(total)
    return sorted(each for each in found if run.plan.budget <= each <= budget)


def _changed(recipe: dict[str, Any]) -> dict[str, Any]:
    """The settings of a recipe that are not as they are by default."""
    usual = Recipe().record()
    return {name: value for name, value in recipe.items() if value != usual[name]}


def _option(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ",".join(map(str, cast("Sequence[object]", value)))
    return str(value)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else repr(value)
