"""Enumeration: every derivation, by size, then by alternative."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.derivation.tree import Derivation, Token
from einsyn.grammar.analysis import count
from einsyn.grammar.model import Rule
from einsyn.grammar.size_table import SizeTable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.grammar.model import Grammar, Production


def derivations(grammar: Grammar, max_size: int | None = None) -> Iterator[Derivation]:
    """All derivations of non-zero probability, typed or not.

    Each is made from its number alone, so nothing is kept and nothing recurses.

    Args:
        grammar: the grammar.
        max_size: stop after this size; without it an infinite grammar never ends.
    """
    table = SizeTable(grammar)
    left = count(grammar)
    while (left is None or left > 0) and (max_size is None or table.size < max_size):
        table.extend()
        there = table.count(grammar.start, table.size)
        if left is not None:
            left -= there
        for number in range(there):
            yield nth(table, grammar.start, table.size, number)


def nth(table: SizeTable, rule: Rule, size: int, number: int) -> Derivation:
    """The derivation of a rule with a size and a number, counted from 0, among those of that size."""
    made: list[Derivation | Token] = []
    pending: list[Token | tuple[Rule, int, int] | Production] = [(rule, size, number)]
    while pending:
        task = pending.pop()
        if isinstance(task, Token):
            made.append(task)
        elif isinstance(task, tuple):
            production, parts = _split(table, *task)
            pending.append(production)
            pending.extend(reversed(parts))
        else:
            first = len(made) - len(task.slots)
            made[first:] = [Derivation(task, tuple(made[first:]))]
    (tree,) = made
    assert isinstance(tree, Derivation)
    return tree


def _split(
    table: SizeTable, rule: Rule, size: int, number: int
) -> tuple[Production, list[Token | tuple[Rule, int, int]]]:
    """The production of a numbered derivation, and what fills each of its slots."""
    for production in rule.drawable:
        there = table.ways(production, 0, size - 1)
        if number < there:
            break
        number -= there
    else:
        raise IndexError(f"{rule.name} has no derivation of size {size} with that number")
    parts: list[Token | tuple[Rule, int, int]] = []
    left = size - 1
    for k, slot in enumerate(production.slots):
        if not isinstance(slot, Rule):
            place, number = divmod(number, table.ways(production, k + 1, left))
            parts.append(Token(slot, table.values(slot)[place]))
            continue
        for part in range(1, left + 1):
            rest = table.ways(production, k + 1, left - part)
            there = table.count(slot, part) * rest
            if number < there:
                place, number = divmod(number, rest)
                parts.append((slot, part, place))
                left -= part
                break
            number -= there
    return production, parts
