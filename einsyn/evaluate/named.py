"""Objectives and requirements by the names that a command line and a run's record use."""

from __future__ import annotations

import math
import operator
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import UsageError
from einsyn.evaluate.cost import COSTS, Cost
from einsyn.evaluate.data import DIGITS
from einsyn.evaluate.recipe import Recipe, recipe_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from einsyn.evaluate.objective import Objective

# What stands after the colon, where something has to.
_ARGUMENTS: Final = {"table": "FILE", "python": "module:function"}
_PLAIN: Final = ("train", "latency")
_DIRECTIONS: Final = {"max": True, "min": False}
# By the names in `evaluate.proxies`, which needs torch.
PROXY_NAMES: Final = ("grad_norm", "snip", "grasp", "fisher", "synflow", "jacov", "naswot", "zen", "l2", "plain")
NAMES: Final = (*COSTS, *_PLAIN, *_ARGUMENTS, *PROXY_NAMES)


def objective_of(text: str, *, data: str = DIGITS, recipe: Recipe | None = None) -> Objective:
    """The objective that a text names.

    Args:
        text: `NAME`, `NAME:ARGUMENT`, with `max:` or `min:` before it to turn it round.
        data: for those that look at examples.
        recipe: for training, and for the memory that it takes.

    Raises:
        UsageError: E001 there is none of that name, or its argument is missing.
    """
    direction, _, rest = text.partition(":")
    maximise = _DIRECTIONS.get(direction)
    name, _, argument = (text if maximise is None else rest).partition(":")
    if name not in NAMES:
        near = closest(name, NAMES)
        hint = f"did you mean `{near}`?" if near else f"there are {', '.join(NAMES)}"
        raise UsageError(Diagnostic("E001", f"there is no objective `{name}`", hint=hint))
    if name in _ARGUMENTS and not argument:
        hint = f"{name}:{_ARGUMENTS[name]}"
        raise UsageError(
            Diagnostic("E001", f"the objective `{name}` needs {_ARGUMENTS[name]} after a colon", hint=hint)
        )
    if argument and name not in (*_ARGUMENTS, "latency", "memory"):
        raise UsageError(Diagnostic("E001", f"the objective `{name}` takes nothing after a colon", hint=name))
    if name == "memory" and argument:
        from einsyn.evaluate.memory import STEPS, Memory

        if argument not in STEPS:
            hint = f"memory:{' or memory:'.join(STEPS)}; `memory` alone is what types predict"
            raise UsageError(Diagnostic("E001", f"there is no step `{argument}` to measure", hint=hint))
        return Memory(argument, recipe, maximise)
    if name in COSTS:
        return Cost(name, maximise)
    if name == "table":
        from einsyn.evaluate.table import Table

        return Table(argument, maximise)
    if name == "python":
        from einsyn.evaluate.function import Function

        if ":" not in argument:
            raise UsageError(Diagnostic("E001", f"`{text}` names no function", hint="python:my_module:score"))
        return Function(argument, maximise)
    if name == "train":
        from einsyn.evaluate.training import Training

        return Training(data, recipe, maximise)
    if name == "latency":
        from einsyn.evaluate.latency import RUNTIMES, Latency

        if argument and argument not in RUNTIMES:
            hint = f"latency:{' or latency:'.join(RUNTIMES)}"
            raise UsageError(Diagnostic("E001", f"there is no runtime `{argument}` to measure", hint=hint))
        return Latency(argument or "torch", maximise)
    from einsyn.evaluate.proxies import Proxy

    return Proxy(name, data, maximise)


def objective_from(record: Mapping[str, Any]) -> Objective:
    """The objective whose `recipe()` a run has stored."""
    recipe = record.get("recipe")
    found = objective_of(
        f"{'max' if record['maximise'] else 'min'}:{record['objective']}",
        data=record.get("data", DIGITS),
        recipe=None if recipe is None else recipe_of(recipe, "the recipe of the run"),
    )
    return found


_COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


class Requirement(NamedTuple):
    """What an architecture has to meet: `params<2e6`, `train>=0.9`.

    Args:
        name: a cost, or an objective of the search.
        comparison: `<`, `<=`, `>` or `>=`.
        bound: a number.
    """

    name: str
    comparison: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name}{self.comparison}{self.bound:g}"

    def met(self, value: float) -> bool:
        """Whether a number of that name meets it."""
        return _COMPARISONS[self.comparison](value, self.bound)


def requirement_of(text: str, names: Sequence[str]) -> Requirement:
    """The requirement that a text states. It has the name that the objective has, however the text writes it.

    Args:
        text: `NAME<NUMBER`, with `<`, `<=`, `>` or `>=`; numbers as `2e6` or `1_000`.
        names: of objectives, beside the costs.

    Raises:
        UsageError: E007 it is of another form, or nothing of that name is known of an architecture.
    """
    match = re.fullmatch(r"\s*(.+?)\s*(<=|>=|<|>)\s*(\S+)\s*", text)
    try:
        bound = float(match[3]) if match else float("nan")
    except ValueError:
        bound = float("nan")
    if match is None or not math.isfinite(bound):
        raise UsageError(
            Diagnostic("E007", f"--require needs NAME<NUMBER, not `{text}`", hint="--require 'params<2e6'")
        )
    known = list(dict.fromkeys((*COSTS, *names)))
    name = _name_of(match[1])
    if name not in known:
        near = closest(match[1], known)
        hint = f"did you mean `{near}`?" if near else f"costs and objectives of this search are {', '.join(known)}"
        raise UsageError(Diagnostic("E007", f"--require names `{match[1]}`, which is not known", hint=hint))
    return Requirement(name, match[2], bound)


def _name_of(text: str) -> str:
    """What the objective is called that a text names; the text itself where there is none."""
    try:
        return objective_of(text).name
    except UsageError:
        return text
