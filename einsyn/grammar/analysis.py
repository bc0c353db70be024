"""Exact facts about a loaded grammar: sizes, recursion, numbers of derivations.

The size of a derivation is the number of its productions. Counts are of derivations, before typing; a slot
that is a terminal multiplies them by the number of its texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.grammar.graph import components, productive, reachable, smallest
from einsyn.grammar.model import Rule
from einsyn.grammar.size_table import SizeTable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.grammar.model import Grammar, Production


def productive_rules(grammar: Grammar) -> set[Rule]:
    """Rules that derive a sentence. In a loaded grammar these are all rules."""
    return productive(_rows(grammar, all=True))


def reachable_rules(grammar: Grammar, *, all: bool = True) -> set[Rule]:
    """Rules that occur in derivations from `start`; without `all`, in those of non-zero probability."""
    return reachable(_rows(grammar, all=all), grammar.start)


def recursive_rules(grammar: Grammar, *, all: bool = True) -> set[Rule]:
    """Rules that can occur below themselves."""
    edges = _edges(_rows(grammar, all=all))
    return {r for c in components(edges) if len(c) > 1 or c[0] in edges[c[0]] for r in c}


def min_sizes(grammar: Grammar, *, all: bool = False) -> dict[Rule, int]:
    """Number of productions of the smallest derivation of each rule that has one."""
    return smallest(_rows(grammar, all=all))


def min_depths(grammar: Grammar, *, all: bool = False) -> dict[Rule, int]:
    """Productions on the longest path of the flattest derivation of each rule that has one."""
    return smallest(_rows(grammar, all=all), depth=True)


def count(grammar: Grammar, *, all: bool = False, sizes: int | None = None) -> int | None:
    """Number of derivations from `start`, or None where there are infinitely many.

    Args:
        grammar: a loaded grammar.
        all: include derivations of probability zero.
        sizes: count only those of at most this many productions.
    """
    if sizes is not None:
        return sum(count_by_size(grammar, sizes, all=all))
    return count_rule(grammar.start, {r: _chosen(r, all=all) for r in grammar.rules.values()}, all=all)


def count_rule(start: Rule, productions: Mapping[Rule, Sequence[Production]], *, all: bool = False) -> int | None:
    """Number of derivations from one rule; None where there are infinitely many."""
    finite = productive({r: [p.slots for p in ps] for r, ps in productions.items()})
    useful = {r: [p for p in ps if all_in(p.slots, finite)] for r, ps in productions.items() if r in finite}
    if start not in useful:
        return 0
    rows = {r: [p.slots for p in ps] for r, ps in useful.items()}
    inside = reachable(rows, start)
    edges = _edges({r: rows[r] for r in rows if r in inside})
    totals: dict[Rule, int] = {}
    for component in components(edges):
        rule = component[0]
        if len(component) > 1 or rule in edges[rule]:
            return None
        total = 0
        for production in useful[rule]:
            ways = terminal_ways(production, all=all)
            for slot in production.slots:
                if isinstance(slot, Rule):
                    ways *= totals[slot]
            total += ways
        totals[rule] = total
    return totals[start]


def count_by_size(grammar: Grammar, up_to: int, *, all: bool = False) -> list[int]:
    """Number of derivations from `start` of each size 0, 1, ..., `up_to`."""
    table = SizeTable(grammar, all=all)
    for _ in range(up_to):
        table.extend()
    return [table.count(grammar.start, size) for size in range(up_to + 1)]


def terminal_ways(production: Production, *, all: bool) -> int:
    """In how many ways the terminals among the slots of a production can be chosen."""
    ways = 1
    for slot in production.slots:
        if not isinstance(slot, Rule):
            ways *= len(slot.domain) if all else slot.domain.drawable
    return ways


def all_in(slots: Sequence[object], rules: set[Rule]) -> bool:
    """Whether every rule among the slots is one of `rules`."""
    return all(s in rules for s in slots if isinstance(s, Rule))


def _chosen(rule: Rule, *, all: bool) -> Sequence[Production]:
    return rule.productions if all else rule.drawable


def _rows(grammar: Grammar, *, all: bool) -> dict[Rule, list[tuple[object, ...]]]:
    return {r: [p.slots for p in _chosen(r, all=all)] for r in grammar.rules.values()}


def _edges(rows: Mapping[Rule, Sequence[Sequence[object]]]) -> dict[Rule, list[Rule]]:
    return {
        rule: [s for row in all_rows for s in row if isinstance(s, Rule) and s in rows]
        for rule, all_rows in rows.items()
    }
