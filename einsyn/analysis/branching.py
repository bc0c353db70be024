"""A grammar as a branching process: every rule is a kind of individual, its productions are what it may leave.

From the mean matrix (how often rule B stands below one expansion of rule A on average) follow by linear equations the
expected size of a derivation, its variance, its entropy and how often every production is used. Size is the number of
productions. All is before typing. Probabilities are exact; equations are solved in fractions while they are few
(`EXACT_RULES`) and in floating point beyond.

Source: Booth & Thompson 1973 (consistency of probabilistic grammars); Harris 1963 (branching processes);
Grenander 1976 (entropy).
"""

from __future__ import annotations

import math
from collections import defaultdict
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from einsyn.analysis.linear import is_below, solve, spectral_radius
from einsyn.grammar.analysis import reachable_rules
from einsyn.grammar.graph import components
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from einsyn.grammar.model import Grammar, Production, Terminal

EXACT_RULES: Final = 40

Shares = "Mapping[Production, Fraction]"


class Branching:
    """The branching process of the derivations of non-zero probability from `start`.

    Args:
        grammar: a loaded grammar.
        probabilities: of productions, in place of those of the grammar.
    """

    def __init__(self, grammar: Grammar, probabilities: Mapping[Production, Fraction] | None = None) -> None:
        self.grammar = grammar
        inside = reachable_rules(grammar, all=False)
        self.rules: tuple[Rule, ...] = tuple(r for r in grammar.rules.values() if r in inside)
        self.number = {rule: i for i, rule in enumerate(self.rules)}
        self.shares: dict[Production, Fraction] = {
            p: probabilities.get(p, p.probability) if probabilities is not None else p.probability
            for rule in self.rules
            for p in rule.drawable
        }

    @cached_property
    def means(self) -> list[dict[int, Fraction]]:
        """The mean matrix, exact: a row for every rule."""
        rows: list[dict[int, Fraction]] = []
        for rule in self.rules:
            row: dict[int, Fraction] = defaultdict(Fraction)
            for production in rule.drawable:
                for slot in rules_of(production):
                    row[self.number[slot]] += self.shares[production]
            rows.append(dict(row))
        return rows

    @cached_property
    def cycles(self) -> list[list[Rule]]:
        """Sets of rules that can occur below each other, each in order of definition."""
        edges = {rule: [self.rules[j] for j in row] for rule, row in zip(self.rules, self.means, strict=True)}
        return [sorted(c, key=lambda r: self.number[r]) for c in components(edges) if len(c) > 1 or c[0] in edges[c[0]]]

    def block(self, rules: Sequence[Rule]) -> list[dict[int, Fraction]]:
        """The part of the mean matrix that is about some rules."""
        inner = {self.number[rule]: i for i, rule in enumerate(rules)}
        return [{inner[j]: value for j, value in self.means[self.number[rule]].items() if j in inner} for rule in rules]

    def radius(self, rules: Sequence[Rule]) -> float:
        """The spectral radius of the mean matrix of one of the `cycles`."""
        block = self.block(rules)
        if len(block) == 1:
            return float(block[0][0])
        return spectral_radius(_floats(block))

    def is_finite(self, rules: Sequence[Rule]) -> bool:
        """Whether the spectral radius of one of the `cycles` is below 1: exact while it is small."""
        block = self.block(rules)
        return is_below(block, Fraction(1)) if len(block) <= EXACT_RULES else is_below(_floats(block), 1.0)

    def is_critical(self, rules: Sequence[Rule]) -> bool:
        """Whether the spectral radius of one of the `cycles` is exactly 1."""
        if self.is_finite(rules):
            return False
        block = self.block(rules)
        if len(block) > EXACT_RULES:
            return abs(spectral_radius(_floats(block)) - 1) < 1e-12
        # A smaller matrix with a radius of 1 has one below 1 without its last rule, and then exactly one zero pivot.
        return _has_fixed_point(block)

    @cached_property
    def spectral_radius(self) -> float:
        """The largest eigenvalue of the mean matrix; 0 without recursion."""
        return max((self.radius(c) for c in self.cycles), default=0.0)

    @cached_property
    def finite(self) -> bool:
        """Whether the expected size is finite: the spectral radius is below 1."""
        return all(self.is_finite(c) for c in self.cycles)

    @cached_property
    def consistent(self) -> bool:
        """Whether derivations end with probability 1: the spectral radius is at most 1."""
        return all(self.is_finite(c) or self.is_critical(c) for c in self.cycles)

    # Linear equations over all rules.

    def _solve(self, *right: Sequence[Any]) -> list[list[Any]] | None:
        if not self.finite:
            return None
        if len(self.rules) <= EXACT_RULES and all(isinstance(v, Fraction) for b in right for v in b):
            return solve(self.means, right, Fraction(1))
        return solve(_floats(self.means), [[float(v) for v in b] for b in right], 1.0)

    @cached_property
    def sizes(self) -> list[Any] | None:
        """The expected size below every rule, itself included; None where one is infinite."""
        solved = self._solve([Fraction(1)] * len(self.rules))
        return None if solved is None else solved[0]

    @cached_property
    def expected_size(self) -> float:
        """The expected number of productions of a derivation; infinite from a spectral radius of 1 on."""
        return math.inf if self.sizes is None else float(self.sizes[self.number[self.grammar.start]])

    @cached_property
    def size_variance(self) -> float:
        """The variance of the number of productions of a derivation."""
        sizes = self.sizes
        if sizes is None:
            return math.inf
        spread: list[Any] = []
        for rule, size in zip(self.rules, sizes, strict=True):
            below = [
                (self.shares[p], sum((sizes[self.number[s]] for s in rules_of(p)), size - size)) for p in rule.drawable
            ]
            exact = isinstance(size, Fraction)
            squares = sum(((share if exact else float(share)) * total**2 for share, total in below), size - size)
            spread.append(squares - (size - 1) ** 2)
        solved = self._solve(spread)
        assert solved is not None
        return float(solved[0][self.number[self.grammar.start]])

    @cached_property
    def entropy(self) -> float:
        """The entropy of a derivation in nats: the expected value of minus its log-probability."""
        texts: dict[Terminal, float] = {}

        def of_texts(terminal: Terminal) -> float:
            if terminal not in texts:
                domain = terminal.domain
                if domain.cumulative is None:
                    texts[terminal] = math.log(domain.drawable)
                else:
                    shares = [float(domain.probability(i)) for i in range(len(domain))]
                    texts[terminal] = math.fsum([-p * math.log(p) for p in shares if p])
            return texts[terminal]

        own: list[float] = []
        for rule in self.rules:
            terms: list[float] = []
            for production in rule.drawable:
                share = float(self.shares[production])
                if share:
                    terms.append(-share * math.log(share))
                terms += [share * of_texts(s) for s in production.slots if not isinstance(s, Rule)]
            own.append(math.fsum(terms))
        solved = self._solve(own)
        return math.inf if solved is None else solved[0][self.number[self.grammar.start]] + 0.0

    @cached_property
    def uses(self) -> dict[Production, float] | None:
        """How often every production occurs in a derivation on average; None where that is infinite."""
        if not self.finite:
            return None
        turned: list[dict[int, Fraction]] = [{} for _ in self.rules]
        for i, row in enumerate(self.means):
            for j, value in row.items():
                turned[j][i] = value
        first = [Fraction(rule is self.grammar.start) for rule in self.rules]
        if len(self.rules) <= EXACT_RULES:
            solved: Any = solve(turned, [first], Fraction(1))
        else:
            solved = solve(_floats(turned), [[float(v) for v in first]], 1.0)
        return {p: float(solved[0][self.number[p.rule]] * share) for p, share in self._weighed(solved)}

    def _weighed(self, solved: Any) -> Iterable[tuple[Production, Any]]:
        exact = isinstance(solved[0][0], Fraction)
        return [(p, share if exact else float(share)) for p, share in self.shares.items()]


def rules_of(production: Production) -> list[Rule]:
    """The rules among the slots of a production."""
    return [slot for slot in production.slots if isinstance(slot, Rule)]


def _floats(matrix: Sequence[Mapping[int, Fraction]]) -> list[dict[int, float]]:
    return [{j: float(value) for j, value in row.items()} for row in matrix]


def _has_fixed_point(block: Sequence[Mapping[int, Fraction]]) -> bool:
    """Whether an irreducible matrix with a spectral radius of 1 or more has exactly 1.

    It has where the others determine the last rule's value and this value reproduces itself.
    """
    last = len(block) - 1
    smaller = [{j: v for j, v in row.items() if j != last} for row in block[:-1]]
    nothing: list[list[Fraction]] = [[]]
    above = solve(smaller, [[row.get(last, Fraction(0)) for row in block[:-1]]], Fraction(1)) if smaller else nothing
    if above is None:
        return False
    value = sum((v * (Fraction(1) if j == last else above[0][j]) for j, v in block[-1].items()), Fraction(0))
    return value == 1
