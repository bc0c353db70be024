"""What a run does: everything that its result depends on."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, field, replace
from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import UsageError
from einsyn.evaluate.cost import COSTS
from einsyn.evaluate.named import Requirement, objective_from
from einsyn.search.strategy import Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.evaluate.objective import Objective
    from einsyn.space import Space

# Proposals that are asked for at a time, however many workers there are.
BATCH: Final = 8
RANDOM: Final = "random"
# How many of the best a command has trained again in the end, and how often each.
CONFIRMED: Final = 8
REPEATS: Final = 4
# Of the children of a search that keeps functions so many have to; the others may be smaller, or anything.
PRESERVING: Final = 0.5


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        strategy: the name of a strategy.
        options: of the strategy.
        objectives: the recipes of the objectives; `plan_of` writes them.
        requirements: what an architecture has to meet.
        start: texts of architectures to begin with.
        seed: of the search and of every evaluation.
        batch: proposals that are asked for at a time.
        baseline: whether a random search of equal budget goes beside it.
        budget: proposals to evaluate; None if only the time bounds the run.
        seconds: after which no batch is begun any more; such a run cannot be reproduced.
        again: evaluate what was evaluated already.
        inherit: children begin with their parent's weights; what an evaluation gives then depends on its lineage, so
            everything is evaluated again.
        preserve: with `inherit`: children begin with what their parent computes where weights for that are found, and
            strategies that change what they have propose more such children.
        confirm: how many of the best are trained again in the end; 0 for none.
        repeats: how often each of these.
        timeout: seconds for one evaluation in a worker.
        memory: bytes that one evaluation in a worker may take beyond what is loaded; None for no bound.
    """

    strategy: str = RANDOM
    options: dict[str, Any] = field(default_factory=dict[str, Any])
    objectives: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requirements: list[tuple[str, str, float]] = field(default_factory=list[tuple[str, str, float]])
    start: list[str] = field(default_factory=list[str])
    seed: int = 0
    batch: int = BATCH
    baseline: bool = True
    budget: int | None = None
    seconds: float | None = None
    again: bool = False
    inherit: bool = False
    preserve: bool = False
    confirm: int = 0
    repeats: int = REPEATS
    timeout: float = 120.0
    memory: int | None = None

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Plan:
        """The plan that `record` wrote."""
        given: dict[str, Any] = dict(record)
        given["requirements"] = [(str(n), str(c), float(b)) for n, c, b in given["requirements"]]
        return cls(**given)

    def record(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return asdict(self)

    def with_(self, **changes: Any) -> Plan:
        """The same plan with some fields replaced."""
        return replace(self, **changes)

    @property
    def names(self) -> list[str]:
        """Of the objectives."""
        return [str(each["objective"]) for each in self.objectives]

    def make_objectives(self) -> list[Objective]:
        """The objectives, not prepared yet."""
        return [objective_from(each) for each in self.objectives]

    def make_requirements(self) -> list[Requirement]:
        """The requirements that limits do not take care of."""
        return [Requirement(*each) for each in self.requirements]

    def make_strategy(self, space: Space, arm: str) -> Strategy:
        """A strategy as it is before it was asked anything.

        Args:
            space: what is searched.
            arm: the search, or the baseline.

        Raises:
            UsageError: Q007 there is no such strategy, or an option is out of range.
        """
        start: Sequence[Architecture] = [space.parse(text) for text in self.start]
        if arm != RANDOM:
            made, options = strategy_class(self.strategy), dict(self.options)
            if self.preserve and "preserving" in _options(made):
                options.setdefault("preserving", PRESERVING)
            try:
                return made(space, self.seed, start=start, **options)
            except ValueError as error:
                said = f"the strategy `{self.strategy}` cannot be made: {error}"
                raise UsageError(Diagnostic("Q007", said, hint="change it with --option NAME=VALUE")) from None
        # The baseline draws other architectures than the search begins with.
        seed = int.from_bytes(hashlib.sha256(f"{self.seed}/baseline".encode()).digest()[:8])
        return strategy_class(RANDOM)(space, seed)


def strategy_class(name: str) -> type[Strategy]:
    """The strategy of a name.

    Raises:
        UsageError: Q007 there is none.
    """
    from einsyn.search.strategies import STRATEGIES

    if name not in STRATEGIES:
        near = closest(name, STRATEGIES)
        hint = f"did you mean `{near}`?" if near else f"there are {', '.join(STRATEGIES)}"
        raise UsageError(Diagnostic("Q007", f"there is no strategy `{name}`", hint=hint))
    return STRATEGIES[name]


def strategy_options(name: str, given: Mapping[str, str]) -> dict[str, Any]:
    """Options of a strategy as its constructor takes them.

    Raises:
        UsageError: Q007 it has no such option, or the option another kind of value.
    """
    known = _options(strategy_class(name))
    found: dict[str, Any] = {}
    for option, text in given.items():
        if option not in known:
            near = closest(option, known)
            hint = f"did you mean `{near}`?" if near else f"it has {', '.join(known) or 'none'}"
            raise UsageError(Diagnostic("Q007", f"the strategy `{name}` has no option `{option}`", hint=hint))
        listed = isinstance(known[option], tuple)
        kind: Any = int if isinstance(known[option], int) else float
        try:
            found[option] = [float(n) for n in text.split(",")] if listed else kind(text)
        except ValueError:
            said = f"the option `{option}` of `{name}` cannot be `{text}`"
            shown = "numbers with commas between them" if listed else f"by default {option}={known[option]}"
            raise UsageError(Diagnostic("Q007", said, hint=shown)) from None
    return found


def fitting_options(name: str, budget: int) -> dict[str, Any]:
    """Options of a strategy that a budget of evaluations suggests.

    A population is as large as it gets generations: the square root of the budget, a batch at least. With more members
    a short search is mostly its random beginning. Fronts of several objectives need theirs whatever the budget.
    """
    made = strategy_class(name)
    if made.several or "population" not in _options(made):
        return {}
    return {"population": max(BATCH, math.isqrt(budget))}


def _options(made: type[Strategy]) -> dict[str, Any]:
    """The options of a strategy that are numbers or lists of them, with their defaults."""
    common = signature(Strategy.__init__).parameters
    found: dict[str, Any] = {}
    for each in made.__mro__:
        if issubclass(each, Strategy) and "__init__" in vars(each):
            for option, parameter in signature(each.__init__).parameters.items():
                if option not in common and type(parameter.default) in (int, float, tuple):
                    found.setdefault(option, parameter.default)
    return found


def bounded(space: Space, requirements: Sequence[Requirement]) -> list[Requirement]:
    """Make limits of the space of those requirements that can be limits; the others are given back.

    What a limit forbids is never proposed; what a requirement forbids is proposed and refused.
    """
    left: list[Requirement] = []
    for each in requirements:
        if each.name not in COSTS or each.comparison not in ("<", "<="):
            left.append(each)
            continue
        most = math.floor(each.bound) if each.comparison == "<=" else math.ceil(each.bound) - 1
        if most < 0:
            raise UsageError(Diagnostic("E007", f"nothing meets {each}", hint="--require 'params<2e6'"))
        name = f"max_{each.name}"
        known = getattr(space.limits, name)
        space.limits = space.limits.merged({name: most if known is None else min(most, known)})
    return left
