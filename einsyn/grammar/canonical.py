"""Canonical text: tokens joined by nothing, or by one space where they would run into each other.

Decided when a grammar is loaded. In every parser state the lexer chooses among the terminals that may come
next and the ignored ones. A token `a` runs into what follows if some text of these begins with `a` and with
characters of the next tokens. Where the grammar ignores a space, one space keeps the tokens apart; where it
does not, or a space does not help, the grammar is refused. Two terminals of one state that share a text are
refused as well.

LALR(1) states merge contexts, so the check can err, on the side of a space too many.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from einsyn.grammar.automata import Automaton, PatternAutomaton, Relation, Trie, relate, shown_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from einsyn.grammar.model import Terminal
    from einsyn.grammar.report import Report
    from einsyn.grammar.shapes import Shape
    from einsyn.grammar.tables import Tables

_MAX_LISTED: Final = 5_000  # longer lists of texts are compared by their pattern
_MAX_WALK: Final = 100_000


class Spacing:
    """How two neighbouring tokens are joined.

    Attributes:
        never: no two tokens ever need a space, so that plain concatenation is right.
    """

    def __init__(self, meeting: dict[tuple[str, str], list[Automaton]]) -> None:
        self.never = not meeting
        self._meeting = meeting
        self._known: dict[tuple[str, str, str, str], str] = {}

    def separator(self, terminal_a: Terminal, text_a: str, terminal_b: Terminal, text_b: str) -> str:
        """What stands between two neighbouring tokens: nothing or one space."""
        competitors = self._meeting.get((terminal_a.symbol, terminal_b.symbol))
        if competitors is None:
            return ""
        key = (terminal_a.symbol, text_a, terminal_b.symbol, text_b)
        known = self._known.get(key)
        if known is None:
            known = " " if any(_runs_into(c, text_a, text_b) for c in competitors) else ""
            self._known[key] = known
        return known


def _runs_into(competitor: Automaton, text_a: str, text_b: str) -> bool:
    """Whether a text of the competitor begins with `text_a` and ends in `text_b` or behind it."""
    at = competitor.run(text_a)
    for char in text_b:
        if at is None:
            return False
        at = competitor.step(at, char)
        if at is not None and competitor.is_final(at):
            return True
    return at is not None


class SpacingBuilder:
    """Works out the spacing of a grammar, and refuses what cannot be spelled unambiguously.

    Args:
        tables: the parser.
        shapes: shapes of terminals by symbol.
        ignored: the terminals of `%ignore`.
    """

    def __init__(self, tables: Tables, shapes: dict[str, Shape], ignored: Sequence[Terminal], report: Report) -> None:
        self._tables = tables
        self._shapes = shapes
        self._report = report
        self._ignored = sorted({t.symbol for t in ignored})
        self._automata: dict[str, Automaton] = {}
        self._domains: dict[str, Automaton] = {}
        self._relations: dict[tuple[str, str], Relation] = {}
        self._accepted = tables.accepted()
        self._meeting: dict[tuple[str, str], list[Automaton]] = {}
        self._space_ignored = False

    def build(self) -> Spacing:
        """The spacing, after all states were checked."""
        states_of: dict[frozenset[str], list[int]] = {}
        for state, accepted in self._accepted.items():
            if accepted:
                states_of.setdefault(accepted, []).append(state)
        suspicious: list[tuple[int, str, str, Relation]] = []
        for accepted, states in states_of.items():
            if self._is_prefix_free(accepted):
                continue
            for a, b, relation in self._related(accepted):
                self._check_pair(a, b, relation)
                if relation.a_begins_b:
                    suspicious.extend((state, a, b, relation) for state in states)
        self._report.check()
        self._space_ignored = any(
            self._automaton(s).run(" ") is not None and self._is_text(s, " ") for s in self._ignored
        )
        for state, a, b, relation in suspicious:
            for at, text in relation.a_begins_b.items():
                self._follow(state, a, b, at, text)
        self._report.check()
        return Spacing(self._meeting)

    def _written(self, symbol: str) -> Automaton:
        """The texts of a terminal that stand in sentences: its domain, where that is short enough to list."""
        found = self._domains.get(symbol)
        if found is None:
            domain = self._tables.by_symbol[symbol][0].domain
            if len(domain) <= _MAX_LISTED:
                found = Trie(domain.text(i) for i in range(len(domain)))
            else:
                found = self._automaton(symbol)
            self._domains[symbol] = found
        return found

    def _automaton(self, symbol: str) -> Automaton:
        """All that the lexer takes for a terminal, whether in its domain or not."""
        found = self._automata.get(symbol)
        if found is None:
            shape = self._shapes[symbol]
            if shape.texts is not None and len(shape.texts) <= _MAX_LISTED and not shape.ignore_case:
                found = Trie(shape.texts)
            else:
                try:
                    found = PatternAutomaton(shape.pattern)
                except ValueError as error:
                    terminal = self._tables.by_symbol[symbol][0]
                    self._report.fail(
                        "G100",
                        f"the pattern of `{terminal.name}` cannot be compared with others: {error}",
                        terminal.span,
                        "write it without looking around, back references and the flag x",
                    )
            self._automata[symbol] = found
        return found

    def _is_text(self, symbol: str, text: str) -> bool:
        automaton = self._automaton(symbol)
        at = automaton.run(text)
        return at is not None and automaton.is_final(at)

    def _is_prefix_free(self, accepted: frozenset[str]) -> bool:
        """The usual case: listed texts, none of which begins another."""
        texts: list[str] = []
        for symbol in (*accepted, *self._ignored):
            shape = self._shapes[symbol]
            if shape.texts is None or len(shape.texts) > _MAX_LISTED or shape.ignore_case:
                return False
            texts.extend(shape.texts)
        texts.sort()
        return not any(b.startswith(a) for a, b in pairwise(texts))

    def _related(self, accepted: frozenset[str]) -> Iterable[tuple[str, str, Relation]]:
        symbols = sorted(accepted)
        for a in symbols:
            for b in (*symbols, *(i for i in self._ignored if i not in accepted)):
                relation = self._relations.get((a, b))
                if relation is None:
                    relation = self._relations[a, b] = relate(self._written(a), self._automaton(b))
                    if relation.equal is None and a < b and self._both_patterns(a, b):
                        relation.equal = relate(self._automaton(a), self._automaton(b)).equal
                if relation.equal is not None or relation.b_begins_a is not None or relation.a_begins_b:
                    yield a, b, relation

    def _both_patterns(self, a: str, b: str) -> bool:
        """Whether Lark's strict mode compares the two: then it looks at the patterns, whatever the domains are."""
        return self._shapes[a].literal is None and self._shapes[b].literal is None

    def _check_pair(self, a: str, b: str, relation: Relation) -> None:
        """Whether a text of `a` can be taken for one of `b`, whatever follows."""
        if a == b:
            return
        if relation.equal is not None:
            other = self._relations.get((b, a))
            if other is None or other.equal is None:  # each pair once
                text = shown_text(relation.equal)
                self._collision(
                    "G101",
                    f"{text!r} can be {self._name(a)} or {self._name(b)} at the same place",
                    a,
                    b,
                    "give them disjoint texts, or let one rule choose between them",
                )
        elif relation.b_begins_a is not None and self._goes_first(b, a):
            text = shown_text(relation.b_begins_a)
            self._collision(
                "G102",
                f"a text of {self._name(a)} that begins with {text!r} is taken for {self._name(b)}",
                a,
                b,
                "Lark tries the terminal with the longest possible text first; make their texts distinct",
            )

    def _collision(self, code: str, message: str, a: str, b: str, hint: str) -> None:
        first, second = self._tables.by_symbol[a][0], self._tables.by_symbol[b][0]
        evidence = (f"{first.name} at {first.span}", f"{second.name} at {second.span}")
        if not any(d.message == message for d in self._report.errors):
            self._report.error(code, message, first.span, hint, evidence=evidence)

    def _goes_first(self, a: str, b: str) -> bool:
        """Whether Lark's lexer tries terminal `a` before `b`."""
        return self._order(a) < self._order(b)

    def _order(self, symbol: str) -> tuple[float, int, str]:
        shape = self._shapes[symbol]
        longest = float("inf") if shape.longest is None else shape.longest
        written = shape.literal if shape.literal is not None and not shape.ignore_case else shape.pattern
        return -longest, -len(written), symbol

    def _name(self, symbol: str) -> str:
        return self._tables.by_symbol[symbol][0].name

    # Tokens that run into each other.

    def _follow(self, state: int, a: str, competitor: str, at: int, text: str) -> None:
        """After text `a` in `state`, the competitor could go on: does anything that follows let it end?"""
        for b, target in self._next_terminals(state, a):
            if (a, b) in self._meeting and self._automaton(competitor) in self._meeting[a, b]:
                continue
            meets = self._meets(target, b, competitor, at)
            if meets is None:
                continue
            if not self._space_ignored:
                self._refuse(a, b, competitor, text, meets, "the grammar ignores no space that could part them")
            elif not self._space_helps(state, a, b, competitor, at):
                self._refuse(a, b, competitor, text, meets, "a space between them would not part them either")
            else:
                self._meeting.setdefault((a, b), []).append(self._automaton(competitor))

    def _next_terminals(self, state: int, symbol: str) -> list[tuple[str, int]]:
        """Terminals that can follow `symbol` read in `state`, each with the state that reads it."""
        return [(b, target) for target in self._tables.following(state, symbol) for b in sorted(self._accepted[target])]

    def _meets(self, state: int, b: str, competitor: str, at: int) -> str | None:
        """Characters of `b`, read in `state`, and of what follows it, with which the competitor ends."""
        rival = self._automaton(competitor)
        first = (state, b, self._written(b).initial, at)
        seen = {first}
        waiting: deque[tuple[tuple[int, str, int, int], str]] = deque([(first, "")])
        while waiting:
            (state, symbol, inside, at), text = waiting.popleft()
            automaton = self._written(symbol)
            steps: list[tuple[tuple[int, str, int, int], str]] = []
            for char in list(automaton.chars(inside)):
                next_inside, next_at = automaton.step(inside, char), rival.step(at, char)
                if next_inside is None or next_at is None:
                    continue
                if rival.is_final(next_at):
                    return text + char
                steps.append(((state, symbol, next_inside, next_at), text + char))
            if text and automaton.is_final(inside):
                steps.extend(
                    ((target, following, self._written(following).initial, at), text)
                    for following, target in self._next_terminals(state, symbol)
                )
            for step in steps:
                if step[0] not in seen and len(seen) < _MAX_WALK:
                    seen.add(step[0])
                    waiting.append(step)
        return None

    def _space_helps(self, state: int, a: str, b: str, competitor: str, at: int) -> bool:
        rival = self._automaton(competitor)
        after = rival.step(at, " ")
        if after is not None and rival.is_final(after):
            return False
        for target in self._tables.following(state, a):
            if b not in self._accepted[target]:
                continue
            if after is not None and self._meets(target, b, competitor, after) is not None:
                return False
            for other in self._accepted[target]:  # the space must not begin a token
                if self._automaton(other).run(" ") is not None:
                    return False
            for other in self._ignored:  # nor what is ignored reach into the next token
                begun = self._automaton(other).run(" ")
                if begun is not None and self._meets(target, b, other, begun) is not None:
                    return False
        return True

    def _refuse(self, a: str, b: str, competitor: str, text: str, meets: str, why: str) -> None:
        first, second = self._tables.by_symbol[a][0], self._tables.by_symbol[b][0]
        example = shown_text(text + meets)
        message = f"`{first.name}` followed by `{second.name}` can be read differently: {example!r} begins as "
        message += self._name(competitor)
        if any(d.message == message for d in self._report.errors):
            return
        self._report.error(
            "G103",
            message,
            second.span,
            'put a literal between them, or let the grammar ignore spaces: `%ignore " "`',
            evidence=(why, f"{first.name} at {first.span}"),
        )
