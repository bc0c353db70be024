"""Recursion whose draws grow without end: which circle it is, and a probability that makes it finite."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from einsyn.analysis.branching import Branching, rules_of
from einsyn.diagnostics import Diagnostic

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.model import Grammar, Production, Rule

# A probability is suggested in hundredths, or in thousandths where these do not do.
_UNITS: Final = (100, 1000, 10_000)


def runaway(grammar: Grammar) -> Iterator[Diagnostic]:
    """A warning for every set of rules whose mean matrix has a spectral radius of 1 or more."""
    branching = Branching(grammar)
    for rules in branching.cycles:
        if branching.is_finite(rules):
            continue
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
            hint=_remedy(grammar, rules) or "einsyn analyze SPACE --target-size 30 prints weights that end",
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


def _remedy(grammar: Grammar, rules: Sequence[Rule]) -> str | None:
    """The alternative that ends the recursion with the smallest change of its probability."""
    best: tuple[Fraction, str] | None = None
    for rule in rules:
        for span, own in _written(rule).items():
            if any(s in rules for p in own for s in rules_of(p)):
                continue
            now = sum((p.probability for p in own), Fraction(0))
            needed = _enough(grammar, rule, span, now)
            if needed is not None and (best is None or needed - now < best[0]):
                text = f"{rule.name}: {own[0].describe()}"
                best = (
                    needed - now,
                    f"give `{text}` a probability of {float(needed):g} or more; it has {float(now):.4g}",
                )
    return None if best is None else best[1]


def _written(rule: Rule) -> dict[Span, list[Production]]:
    found: dict[Span, list[Production]] = defaultdict(list)
    for production in rule.drawable:
        found[production.span].append(production)
    return found


def _enough(grammar: Grammar, rule: Rule, span: Span, now: Fraction) -> Fraction | None:
    """The smallest round probability of an alternative that makes all that its rule is in finite."""

    def finite(wanted: Fraction) -> bool:
        shares = {
            p: p.probability * (wanted / now if p.span == span else (1 - wanted) / (1 - now)) for p in rule.drawable
        }
        changed = Branching(grammar, shares)
        return all(changed.is_finite(c) for c in changed.cycles if rule in c)

    for unit in _UNITS:
        low, high = math.ceil(now * unit), unit - 1  # 1 would leave nothing of the others
        if low > high or not finite(Fraction(high, unit)):
            continue
        while low < high:
            middle = (low + high) // 2
            if finite(Fraction(middle, unit)):
                high = middle
            else:
                low = middle + 1
        return Fraction(high, unit)
    return None
