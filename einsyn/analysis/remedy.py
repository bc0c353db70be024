"""The weight of one alternative that ends a recursion, said as its rule can write it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from einsyn.analysis.branching import Branching, rules_of
from einsyn.analysis.cases import by_alternative
from einsyn.analysis.written import instances, shares, written_rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from einsyn.analysis.written import WrittenRule
    from einsyn.diagnostics import Span
    from einsyn.grammar.model import Production, Rule

# A probability is suggested in hundredths, or in thousandths where these do not do; a weight with three digits.
_UNITS: Final = (100, 1000, 10_000)
_WEIGHT_DIGITS: Final = 3
_MOST_PLACES: Final = 12

Shares = dict["Span", Fraction]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An alternative whose probability could be raised.

    Args:
        rule: that it belongs to.
        span: the written alternative.
        text: what people see of it.
        written: how the rule is written.
        now: the probabilities of all alternatives of the rule.
    """

    rule: Rule
    span: Span
    text: str
    written: WrittenRule
    now: Shares


class Remedies:
    """Finds, for the circles of a grammar, the smallest change of one weight that makes them finite."""

    def __init__(self, branching: Branching) -> None:
        self._branching = branching
        self._written = written_rules(branching.grammar)
        self._productions = instances(branching.grammar)
        self._circle = {rule: set(circle) for circle in branching.cycles for rule in circle}

    def of(self, rules: Sequence[Rule]) -> str | None:
        """What to write, or None where no weight of a single alternative is enough."""
        best: tuple[Fraction, str] | None = None
        for candidate in self._candidates(rules):
            found = self._as_probability(candidate) or self._as_weight(candidate)
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        return None if best is None else best[1]

    def _candidates(self, rules: Sequence[Rule]) -> Iterator[_Candidate]:
        for rule in rules:
            own = by_alternative(rule.productions)
            now = {span: sum((p.probability for p in cases), Fraction(0)) for span, cases in own.items()}
            for span, cases in own.items():
                # An alternative of a template may end one instance and lead back to another one.
                if now[span] and not any(self._recurs(p) for p in self._productions[span]):
                    yield _Candidate(rule, span, cases[0].describe(), self._written[span], now)

    def _recurs(self, production: Production) -> bool:
        circle = self._circle.get(production.rule, set["Rule"]())
        return any(rule in circle for rule in rules_of(production))

    def _is_finite(self, rule: Rule, weights: Mapping[Span, Fraction]) -> bool:
        changed = Branching(self._branching.grammar, shares(weights, self._productions))
        return all(changed.is_finite(c) for c in changed.cycles if rule in c)

    def _as_probability(self, candidate: _Candidate) -> tuple[Fraction, str] | None:
        """A probability beside which the others of the rule can stay as they are written."""
        written, span = candidate.written, candidate.span
        others = {s: value for s, value in written.said.items() if s != span}
        silent = [s for s in written.spans if s not in others and s != span]
        most = 1 - sum(others.values(), Fraction(0))
        if written.kind == "w" or not silent:
            return None

        def all_shares(wanted: Fraction) -> Shares:
            return {**others, **dict.fromkeys(silent, (most - wanted) / len(silent)), span: wanted}

        wanted = self._smallest(candidate, all_shares, most)
        if wanted is None:
            return None
        bound = "" if most == 1 else f", below {_number(most)}"
        now = candidate.now[span]
        return wanted - now, (
            f"give `{candidate.rule.name}: {candidate.text}` a probability of {_number(wanted)} or more{bound}; "
            f"it has {float(now):.4g}"
        )

    def _as_weight(self, candidate: _Candidate) -> tuple[Fraction, str] | None:
        """A weight beside those of the others, which keep their proportions."""
        written, span, now = candidate.written, candidate.span, candidate.now[candidate.span]

        def all_shares(wanted: Fraction) -> Shares:
            scale = (1 - wanted) / (1 - now)
            return {**{s: share * scale for s, share in candidate.now.items()}, span: wanted}

        wanted = self._smallest(candidate, all_shares, Fraction(1))
        if wanted is None:
            return None
        if written.kind == "w":
            values = {s: written.said.get(s, Fraction(1)) for s in written.spans}
        else:
            values = dict(candidate.now)
        rest = sum((value for s, value in values.items() if s != span), Fraction(0))
        weight = _rounded_up(rest * wanted / (1 - wanted))
        name = candidate.rule.name
        if written.kind == "w":
            hint = (
                f"give `{name}: {candidate.text}` the weight `w {_number(weight)}` or more; "
                f"it has {_number(values[span])}"
            )
        else:
            whole = ", ".join(f"`w {_number(weight if s == span else values[s])}`" for s in written.spans)
            hint = (
                f"write {whole} at the alternatives of `{name}`, in this order, in the place of `p`: "
                f"its `{candidate.text}` has too little, {float(now):.4g}"
            )
        return weight / (weight + rest) - now, hint

    def _smallest(
        self, candidate: _Candidate, all_shares: Callable[[Fraction], Shares], most: Fraction
    ) -> Fraction | None:
        """The smallest round probability below `most` that makes the circles of the rule finite."""
        for unit in _UNITS:
            # One that is `most` would leave nothing of the others.
            low, high = math.ceil(candidate.now[candidate.span] * unit), math.ceil(most * unit) - 1
            if low > high or not self._is_finite(candidate.rule, all_shares(Fraction(high, unit))):
                continue
            while low < high:
                middle = (low + high) // 2
                if self._is_finite(candidate.rule, all_shares(Fraction(middle, unit))):
                    high = middle
                else:
                    low = middle + 1
            return Fraction(high, unit)
        return None


def _rounded_up(value: Fraction) -> Fraction:
    unit = Fraction(10) ** (math.floor(math.log10(value)) + 1 - _WEIGHT_DIGITS)
    return math.ceil(value / unit) * unit


def _number(value: Fraction) -> str:
    """A positive number exactly as a space writes it: a short decimal where it is one, else a quotient."""
    for places in range(_MOST_PLACES + 1):
        whole = value * 10**places
        if whole.denominator == 1:
            return format(Decimal((0, tuple(map(int, str(whole))), -places)), "f")
    return f"{value.numerator}/{value.denominator}"
