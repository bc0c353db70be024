"""Probabilities that give derivations a wanted expected size, and the lines of the space that say them.

The weight of every alternative of a recursive rule is multiplied by `factor` once for each slot through which its
rule can come back, so that one number moves the expected size and only lines of recursive rules change. Alternatives
keep their proportions among those that recur equally often.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from einsyn.analysis.branching import Branching, rules_of
from einsyn.diagnostics import Diagnostic
from einsyn.errors import GrammarError
from einsyn.files import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.model import Grammar, Production

# Weights are written with so many digits.
_DIGITS: Final = 6
_LARGEST_FACTOR: Final = 1e9
_STEPS: Final = 200
_PRAGMA: Final = re.compile(r"\s*//@\s*[pw]\s(?:(?!//).)*")


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a space that changes.

    Args:
        file, line: where it stands.
        old: the line.
        new: the lines in its place.
    """

    file: str
    line: int
    old: str
    new: tuple[str, ...]


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
    groups = _Groups(grammar)

    def expected(log_factor: float) -> float:
        return Branching(grammar, groups.shares(groups.weights(math.exp(log_factor)))).expected_size

    factor = math.exp(_root(grammar, groups, expected, size))
    written = {span: _rounded(weight) for span, weight in groups.weights(factor).items()}
    found = Branching(grammar, groups.shares(written)).expected_size
    return Retargeted(found, factor, tuple(_changes(groups, written)))


class _Groups:
    """The written alternatives of recursive rules; those of one rule share 1, their expansions share equally."""

    def __init__(self, grammar: Grammar) -> None:
        now = Branching(grammar)
        self.rules: list[list[Span]] = []
        self.productions: dict[Span, list[Production]] = defaultdict(list)
        self.weight: dict[Span, Fraction] = {}
        self.slots: dict[Span, float] = {}
        self.empty: set[Span] = set()
        seen: set[Span] = set()
        for cycle in now.cycles:
            for rule in cycle:
                spans = list(dict.fromkeys(p.span for p in rule.productions))
                for span in spans:
                    own = [p for p in rule.productions if p.span == span]
                    self.productions[span] += own
                    if span in seen:  # another instance of a template
                        continue
                    back = [sum(s in cycle for s in rules_of(p)) for p in own]
                    self.slots[span] = sum(back) / len(back)
                    self.weight[span] = sum((p.probability for p in own), Fraction(0))
                    if not any(p.symbols or p.alias for p in own):
                        self.empty.add(span)
                if spans[0] not in seen and len({self.slots[s] for s in spans if self.weight[s]}) > 1:
                    self.rules.append(spans)
                seen.update(spans)

    def weights(self, factor: float) -> dict[Span, Fraction]:
        """The weights of the alternatives that change, adding to 1 in each rule."""
        found: dict[Span, Fraction] = {}
        for spans in self.rules:
            scaled = {s: float(self.weight[s]) * factor ** self.slots[s] for s in spans}
            total = math.fsum(scaled.values())
            found |= {s: Fraction(value / total) for s, value in scaled.items()}
        return found

    def shares(self, weights: Mapping[Span, Fraction]) -> dict[Production, Fraction]:
        """The probabilities of productions with these weights."""
        found: dict[Production, Fraction] = {}
        for spans in self.rules:
            total = sum((weights[s] for s in spans), Fraction(0))
            for span in spans:
                instances = defaultdict[str, list["Production"]](list)
                for production in self.productions[span]:
                    instances[production.rule.name].append(production)
                for own in instances.values():
                    found |= {p: weights[span] / total / len(own) for p in own}
        return found


def _root(grammar: Grammar, groups: _Groups, expected: Callable[[float], float], size: float) -> float:
    """The logarithm of the factor nearest to 1 at which the expected size is the wanted one."""
    now = expected(0.0)
    step, end = (1.0 if now < size else -1.0), math.log(_LARGEST_FACTOR)
    inner, outer = 0.0, step
    while groups.rules and abs(outer) <= end and (expected(outer) < size) == (now < size):
        inner, outer = outer, outer + step
    if not groups.rules or abs(outer) > end:
        reached = f"{now:.6g}" if not groups.rules else f"{expected(math.copysign(end, step)):.6g}"
        raise GrammarError(
            Diagnostic(
                "G121",
                f"no weights of the recursive rules give an expected size of {size:g}",
                grammar.start.span,
                evidence=(f"it is {now:.6g} now" if groups.rules else "the grammar has no recursive rule to weigh",),
                hint=f"the nearest that they reach is {reached}",
            )
        )
    for _ in range(_STEPS):
        middle = (inner + outer) / 2
        if middle in (inner, outer):
            break
        if (expected(middle) < size) == (now < size):
            inner = middle
        else:
            outer = middle
    # The side on which the size is finite.
    return inner if math.isfinite(expected(inner)) else outer


def _rounded(weight: Fraction) -> Fraction:
    return Fraction(f"{float(weight):.{_DIGITS}g}")


def _shown(weight: Fraction) -> str:
    """A weight as the space writes it: decimal, without an exponent."""
    text = f"{float(weight):.{_DIGITS}g}"
    return text if "e" not in text else f"{float(weight):.{_DIGITS + 12}f}".rstrip("0")


# Lines.


def _changes(groups: _Groups, weights: Mapping[Span, Fraction]) -> list[Change]:
    lines: dict[tuple[str, int], list[Span]] = defaultdict(list)
    for spans in groups.rules:
        for span in spans:
            lines[span.file, span.line].append(span)
    sources = {file: read_text(file, "a space").splitlines() for file, _ in lines}
    found: list[Change] = []
    for (file, line), spans in sorted(lines.items()):
        old = sources[file][line - 1]
        new = tuple(_lines(old, sorted(spans, key=lambda s: s.column), weights, groups.empty))
        if new != (old,):
            found.append(Change(file, line, old, new))
    return found


def _lines(old: str, spans: Sequence[Span], weights: Mapping[Span, Fraction], empty: set[Span]) -> list[str]:
    """A line with one alternative a line, each with its weight; other comments stay at the end."""
    found: list[str] = []
    for i, span in enumerate(spans):
        start = span.end_column if span in empty else span.column
        before = old[: start - 1] if i == 0 else "     | "
        text = f"{before}{old[start - 1 : span.end_column - 1]}"
        rest = _PRAGMA.sub("", old[span.end_column - 1 :]).strip() if i + 1 == len(spans) else ""
        found.append(f"{text.rstrip()}   //@ w {_shown(weights[span])}{'  ' + rest if rest else ''}")
    return found
