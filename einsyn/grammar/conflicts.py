"""Explains why a grammar is not LALR(1): the productions that compete, and for which token."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einsyn.grammar.model import Production
    from einsyn.grammar.report import Report
    from einsyn.grammar.tables import Conflict, Tables

_MAX_SHOWN = 5


def report_conflicts(tables: Tables, report: Report) -> None:
    """Refuse a grammar with conflicts; those of the same productions are told once."""
    groups: dict[tuple[frozenset[int], frozenset[int]], list[Conflict]] = {}
    for conflict in tables.conflicts:
        key = frozenset(p.index for p in conflict.reduces), frozenset(p.index for p, _ in conflict.shifts)
        groups.setdefault(key, []).append(conflict)
    for conflicts in sorted(groups.values(), key=lambda cs: cs[0].reduces[0].index)[:_MAX_SHOWN]:
        _report(conflicts, tables, report)
    report.check()


def _report(conflicts: list[Conflict], tables: Tables, report: Report) -> None:
    first = conflicts[0]
    tokens = sorted({_token(c.token, tables) for c in conflicts})
    shown = ", ".join(tokens[:_MAX_SHOWN]) + (" ..." if len(tokens) > _MAX_SHOWN else "")
    evidence = [f"when the next token is {shown}, the parser could"]
    evidence.extend(f"  end    {_item(p, len(p.symbols))}   ({p.span})" for p in first.reduces)
    evidence.extend(f"  go on  {_item(p, at)}   ({p.span})" for p, at in _distinct(first.shifts))
    kind = "shift/reduce" if first.shifts else "reduce/reduce"
    rules = sorted({p.rule.name for p in first.reduces} | {p.rule.name for p, _ in first.shifts})
    report.error(
        "G104",
        f"the grammar is not LALR(1): {kind} conflict in {', '.join(f'`{r}`' for r in rules)}",
        first.reduces[0].span,
        "make the alternatives differ before that token: add brackets or a keyword, or merge the rules",
        evidence=evidence,
    )


def _distinct(shifts: list[tuple[Production, int]]) -> list[tuple[Production, int]]:
    found = {(p.index, at): (p, at) for p, at in shifts}
    return [found[key] for key in sorted(found)][:_MAX_SHOWN]


def _token(symbol: str, tables: Tables) -> str:
    return "the end of the text" if symbol == "$END" else tables.by_symbol[symbol][0].name


def _item(production: Production, at: int) -> str:
    names = [s.name for s in production.symbols]
    names.insert(at, "\N{MIDDLE DOT}")
    return f"{production.rule.name}: {' '.join(names)}"
