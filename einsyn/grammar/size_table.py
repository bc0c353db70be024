"""How many derivations of each size every rule has: the table behind enumeration and counting by size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.model import Grammar, Production, Terminal


class SizeTable:
    """Counts by size, extended size by size; size is the number of productions.

    Args:
        grammar: the grammar.
        all: count derivations of zero probability too.
    """

    def __init__(self, grammar: Grammar, *, all: bool = False) -> None:
        self._all = all
        self._rules = tuple(grammar.rules.values())
        # Number of derivations of a rule, by size; there is none of size 0.
        self._counts: dict[Rule, list[int]] = {rule: [0] for rule in self._rules}
        # For a production and a slot: ways to fill that slot and all after it, by their size together.
        self._ways: dict[Production, list[list[int]]] = {
            p: [[] for _ in range(len(p.slots) + 1)] for rule in self._rules for p in self._chosen(rule)
        }
        self.size = 0

    def _chosen(self, rule: Rule) -> tuple[Production, ...]:
        return rule.productions if self._all else rule.drawable

    def values(self, terminal: Terminal) -> Sequence[int]:
        """The numbers of the values of a terminal that are ever drawn."""
        domain = terminal.domain
        return range(len(domain)) if self._all else domain.drawn

    def extend(self) -> None:
        """Count the derivations that are one production larger."""
        below = self.size  # what the slots of a production of the new size have together
        for production, ways in self._ways.items():
            ways[-1].append(1 if below == 0 else 0)
            for k in range(len(production.slots) - 1, -1, -1):
                ways[k].append(self._fill(production.slots[k], ways[k + 1], below))
        self.size += 1
        for rule in self._rules:
            self._counts[rule].append(sum(self._ways[p][0][below] for p in self._chosen(rule)))

    def _fill(self, slot: Rule | Terminal, rest: list[int], total: int) -> int:
        if not isinstance(slot, Rule):
            return len(self.values(slot)) * rest[total] if rest[total] else 0
        counts = self._counts[slot]
        return sum(counts[s] * rest[total - s] for s in range(1, total + 1) if counts[s])

    def count(self, rule: Rule, size: int) -> int:
        """Derivations of a rule of a size that has been reached."""
        return self._counts[rule][size]

    def ways(self, production: Production, slot: int, size: int) -> int:
        """Ways to fill the slots from `slot` on with `size` productions."""
        return self._ways[production][slot][size]
