"""Probabilities that give derivations a wanted expected size, and the lines of the space that say them.

The weight of every alternative of a recursive rule is multiplied by `factor` once for each slot through which its
rule can come back, so that one number moves the expected size and only lines of recursive rules change. Alternatives
keep their proportions among those that recur equally often.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from einsyn.analysis.branching import Branching, rules_of
from einsyn.analysis.cases import advice, by_alternative
from einsyn.analysis.written import Change, changes, instances, shares
from einsyn.diagnostics import Diagnostic
from einsyn.errors import GrammarError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from einsyn.diagnostics import Span
    from einsyn.grammar.model import Grammar, Production, Rule

# Weights are written with the fewest of these digits that give the size so exactly.
_DIGITS: Final = (6, 9, 12, 15, 17)
_TOLERANCE: Final = 1e-4
# The factor is looked for from e^-20 to e^20.
_LARGEST_LOG: Final = 20
_STEPS: Final = 200
# Far below what is ever drawn, yet not zero: what is drawn stays so.
_SMALLEST_LOG: Final = -600.0


@dataclass(frozen=True, slots=True)
class Retargeted:
    """A space with another expected size.

    Args:
        expected_size: that of the probabilities as they are written.
        factor: what the weight of an alternative is multiplied by for each recursive slot.
        changes: lines to replace, in order.
    """

    expected_size: float
    factor: float
    changes: tuple[Change, ...]


def retarget(grammar: Grammar, size: float) -> Retargeted:
    """Probabilities whose expected size, in productions, is `size`.

    Raises:
        GrammarError: G121 no probabilities of this kind have that expected size.
    """
    now = Branching(grammar)
    groups = _Groups(now)
    if not groups.rules:
        raise _refusal(now, size, now.expected_size, stuck=True)

    def expected(log_factor: float) -> float:
        return groups.expected_size(groups.weights(log_factor))

    log_factor = _log_factor(now, expected, size)
    exact = groups.weights(log_factor)
    found = math.inf
    for digits in _DIGITS:
        written = {span: _decimal(weight, digits) for span, weight in exact.items()}
        found = groups.expected_size({span: Fraction(text) for span, text in written.items()})
        if abs(found - size) <= _TOLERANCE * size:
            return Retargeted(found, math.exp(log_factor), tuple(changes(grammar, written)))
    raise _refusal(now, size, found)


class _Groups:
    """The written alternatives of recursive rules whose weights move the expected size."""

    def __init__(self, now: Branching) -> None:
        self._grammar = now.grammar
        self._productions = instances(now.grammar)
        self.rules: list[tuple[Span, ...]] = []
        self._weight: dict[Span, Fraction] = {}
        self._slots: dict[Span, float] = {}
        back: dict[Span, list[int]] = defaultdict(list)  # of every case in every recursive instance
        recursive: dict[tuple[Span, ...], Rule] = {}
        for cycle in now.cycles:
            for rule in cycle:
                own = by_alternative(rule.productions)
                recursive.setdefault(tuple(own), rule)
                for span, cases in own.items():
                    back[span] += [sum(s in cycle for s in rules_of(p)) for p in cases]
        for spans, rule in recursive.items():
            weight = {s: sum((p.probability for p in rule.productions if p.span == s), Fraction(0)) for s in spans}
            slots = {s: sum(back[s]) / len(back[s]) for s in spans}
            if len({slots[s] for s in spans if weight[s]}) > 1:
                self.rules.append(spans)
                self._weight |= weight
                self._slots |= slots

    def weights(self, log_factor: float) -> dict[Span, Fraction]:
        """The weights of the alternatives that change, adding to 1 in each rule."""
        found: dict[Span, Fraction] = {}
        for spans in self.rules:
            logs = {s: math.log(self._weight[s]) + self._slots[s] * log_factor for s in spans if self._weight[s]}
            largest = max(logs.values())
            scaled = {s: math.exp(max(value - largest, _SMALLEST_LOG)) for s, value in logs.items()}
            total = math.fsum(scaled.values())
            found |= {s: Fraction(scaled[s] / total) if s in scaled else Fraction(0) for s in spans}
        return found

    def expected_size(self, weights: Mapping[Span, Fraction]) -> float:
        """The expected size with these weights, in all instances of the rules that they belong to."""
        found: dict[Production, Fraction] = {}
        for spans in self.rules:
            found |= shares({s: weights[s] for s in spans}, self._productions)
        return Branching(self._grammar, found).expected_size


def _log_factor(now: Branching, expected: Callable[[float], float], size: float) -> float:
    """The logarithm of a factor near to 1 at which the expected size is the wanted one."""
    first = expected(0.0)
    low = first < size
    seen = [first]
    for sign in (1, -1) if low else (-1, 1):  # more recursion makes derivations larger, nearly always
        for step in range(sign, sign * (_LARGEST_LOG + 1), sign):
            seen.append(expected(float(step)))
            if (seen[-1] < size) != low:
                return _bisected(expected, size, float(step - sign), float(step))
    raise _refusal(now, size, min(seen, key=lambda value: abs(value - size)))


def _bisected(expected: Callable[[float], float], size: float, inner: float, outer: float) -> float:
    low = expected(inner) < size
    for _ in range(_STEPS):
        middle = (inner + outer) / 2
        if middle in (inner, outer):
            break
        if (expected(middle) < size) == low:
            inner = middle
        else:
            outer = middle
    # The side on which the size is finite.
    return inner if math.isfinite(expected(inner)) else outer


def _refusal(now: Branching, size: float, nearest: float, *, stuck: bool = False) -> GrammarError:
    """G121; where nothing can be weighed, or too little, it says what to write instead."""
    cases = None
    if stuck or math.isinf(nearest):
        cases = next((found for found in map(advice, now.cycles) if found is not None), None)
    return GrammarError(
        Diagnostic(
            "G121",
            f"no weights of the recursive rules give an expected size of {size:g}",
            now.grammar.start.span,
            evidence=(
                f"it is {now.expected_size:.6g} now" if now.cycles else "the grammar has no recursive rule to weigh",
            ),
            hint=cases or f"the nearest that they reach is {nearest:.6g}",
        )
    )


def _decimal(weight: Fraction, digits: int) -> str:
    """A weight as the space writes it: rounded, without an exponent."""
    return format(Decimal(f"{float(weight):.{digits}g}"), "f")
