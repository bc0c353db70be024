"""Recursion whose draws grow without end: which circle it is, and how to make it finite."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

from einsyn.analysis.branching import Branching, rules_of
from einsyn.analysis.cases import advice
from einsyn.analysis.remedy import Remedies
from einsyn.analysis.target import retarget
from einsyn.diagnostics import Diagnostic
from einsyn.errors import GrammarError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.grammar.model import Grammar, Rule

# Sizes to ask for, until one is not too small for the space.
_SIZES: Final = (30, 100, 1000, 10_000)


def runaway(grammar: Grammar) -> Iterator[Diagnostic]:
    """A warning for every set of rules whose mean matrix has a spectral radius of 1 or more."""
    branching = Branching(grammar)
    endless = [rules for rules in branching.cycles if not branching.is_finite(rules)]
    remedies = Remedies(branching) if endless else None
    for rules in endless:
        radius = branching.radius(rules)
        circle = " -> ".join(r.name for r in _circle(rules))
        if branching.is_critical(rules):
            fate = "draws end, and their expected size is infinite"
        else:
            fate = "some draws never end"
        yield Diagnostic(
            "G120",
            f"recursion through `{rules[0].name}` ({circle}) grows by {radius:.4g} at every step: {fate}",
            rules[0].span,
            evidence=(f"spectral radius {radius:.6g}",),
            hint=(remedies and remedies.of(rules)) or _other_advice(grammar, rules),
            severity="warning",
        )


def _circle(rules: Sequence[Rule]) -> list[Rule]:
    """A shortest way from the first rule back to it."""
    first = rules[0]
    came: dict[Rule, Rule] = {}
    waiting = deque([first])
    while waiting:
        rule = waiting.popleft()
        for production in rule.drawable:
            for below in rules_of(production):
                if below is first:
                    way = [first, rule]
                    while way[-1] is not first:
                        way.append(came[way[-1]])
                    return way[::-1] if rule is not first else [first, first]
                if below in rules and below not in came:
                    came[below] = rule
                    waiting.append(below)
    raise AssertionError("the rules of a cycle lead back to each other")


def _other_advice(grammar: Grammar, rules: Sequence[Rule]) -> str:
    """What to do where no weight of a single alternative ends the recursion."""
    for size in _SIZES:
        try:
            retarget(grammar, size)
        except GrammarError:
            continue
        return f"einsyn analyze SPACE --target-size {size} prints weights that end"
    return advice(rules) or f"lower the weights of what leads back to `{rules[0].name}`"
