"""The sentence of a space that is nearest to a text: fewest tokens put in, taken out or replaced.

A token that is taken out or replaced is the longest text of any terminal that begins at its place; where none does, it
is a word: letters, a number, both together, or one other character. Among sentences with equally few edits the one
whose new tokens look most like the old ones is taken. The search is exact: items of an Earley parser that may err are
settled in order of their cost (Knuth's generalisation of Dijkstra's algorithm), so the first complete sentence is a
nearest one. It gives up after `MAX_ITEMS`, with no sentence rather than with a worse one.

Source: Aho & Peterson, SIAM J. Comput. 1972 (minimum distance error-correcting parsing); Knuth, IPL 1977.
"""

from __future__ import annotations

import re
from collections import defaultdict
from difflib import SequenceMatcher
from functools import cache
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.derivation.text import join
from einsyn.grammar.model import Rule, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.grammar.model import Grammar, Production

MAX_ITEMS: Final = 200_000
# One edit outweighs whatever its tokens look like.
_EDIT: Final = 1_000_000
_STRANGER: Final = 1_000
# Putting in is nearer than taking out, and both are nearer than writing something that looks quite different.
_PUT_IN: Final = 400
_TAKEN_OUT: Final = 500
_OTHER_NUMBER: Final = 300
_SHOWN: Final = 60
_WORDS: Final = (re.compile(r"[A-Za-z_]+|[0-9.]+|.", re.DOTALL), re.compile(r"[A-Za-z0-9_.]+|.", re.DOTALL))


class Edit(NamedTuple):
    """One change of a text.

    Args:
        kind: `insert`, `delete` or `replace`.
        position: the place in the text as given, counted from 0.
        old, new: the tokens; empty where there is none.
    """

    kind: str
    position: int
    old: str
    new: str

    def __str__(self) -> str:
        if self.kind == "insert":
            return f"put in `{self.new}`"
        return f"take out `{self.old}`" if self.kind == "delete" else f"write `{self.new}` for `{self.old}`"


class Nearest(NamedTuple):
    """A sentence near a text.

    Args:
        text: its canonical text.
        edits: what leads to it, in text order.
    """

    text: str
    edits: tuple[Edit, ...]

    @property
    def distance(self) -> int:
        """How many edits there are."""
        return len(self.edits)


class _Item(NamedTuple):
    """A production whose first symbols derive the text between two places; complete where `production` is a rule."""

    production: Production | Rule
    dot: int
    start: int
    end: int


def nearest(grammar: Grammar, text: str) -> Nearest | None:
    """The nearest sentence, or None where it is not found within `MAX_ITEMS` steps."""
    return _Search(grammar, text).run()


class _Read(NamedTuple):
    """A token of the sentence, and the edit that it is, if it is one."""

    terminal: Terminal
    text: str
    edit: Edit | None


# What an item is made of beside the item before it.
_Step = _Item | _Read | Edit


class _Search:
    def __init__(self, grammar: Grammar, text: str) -> None:
        self._grammar = grammar
        self._text = text
        terminals = {s for p in grammar.productions for s in p.symbols if isinstance(s, Terminal)}
        self._patterns = {t: re.compile(t.pattern) for t in sorted(terminals, key=lambda t: t.name)}
        self._ignored = [re.compile(t.pattern) for t in grammar.ignored]
        self._lexemes = cache(self._find_lexemes)
        self._cost: dict[_Item, int] = {}
        self._back: dict[_Item, tuple[_Item | None, Sequence[_Step]]] = {}
        self._settled: set[_Item] = set()
        self._heap: list[tuple[int, int, _Item]] = []
        self._pushed = count()

    # Tokens.

    def _skip(self, at: int) -> int:
        """The place after what the grammar ignores."""
        moved = True
        while moved:
            moved = False
            for pattern in self._ignored:
                found = pattern.match(self._text, at)
                if found is not None and found.end() > at:
                    at, moved = found.end(), True
        return at

    def _match(self, terminal: Terminal, at: int) -> tuple[str, int] | None:
        """The token of a terminal at a place, and the place after it."""
        found = self._patterns[terminal].match(self._text, at)
        if found is None or not found.group() or terminal.domain.index_of(found.group()) is None:
            return None
        return found.group(), self._skip(found.end())

    def _find_lexemes(self, at: int) -> list[tuple[str, int]]:
        """What may be a token at a place, and the places after it."""
        longest = ""
        for terminal in self._patterns:
            found = self._match(terminal, at)
            if found is not None and len(found[0]) > len(longest):
                longest = found[0]
        words = [m.group() for m in (w.match(self._text, at) for w in _WORDS) if m is not None]
        # A word that only begins with a token is one wrong word.
        if longest and not (longest.isalpha() and len(words[0]) > len(longest)):
            words = [longest]
        return [(word, self._skip(at + len(word))) for word in dict.fromkeys(words)]

    # The search.

    def run(self) -> Nearest | None:
        start, first, last = self._grammar.start, self._skip(0), len(self._text)
        waiting: dict[tuple[Rule, int], list[_Item]] = defaultdict(list)
        done: dict[tuple[Rule, int], list[_Item]] = defaultdict(list)
        self._predict(start, first)
        for _ in range(MAX_ITEMS):
            if not self._heap:
                return None
            cost, _, item = heappop(self._heap)
            if item in self._settled:
                continue
            self._settled.add(item)
            production = item.production
            if isinstance(production, Rule):
                if item.dot:  # the start symbol over the whole text
                    return self._result(item)
                if production is start and item.start == first:
                    self._finish(item, cost, last)
                done[production, item.start].append(item)
                for before in waiting[production, item.start]:
                    self._join(before, item)
            elif item.dot == len(production.symbols):
                self._reach(_Item(production.rule, 0, item.start, item.end), cost, item)
            else:
                symbol = production.symbols[item.dot]
                if isinstance(symbol, Terminal):
                    self._scan(item, symbol, cost, last)
                    continue
                if not waiting[symbol, item.end]:
                    self._predict(symbol, item.end)
                waiting[symbol, item.end].append(item)
                for complete in list(done[symbol, item.end]):
                    self._join(item, complete)
        return None

    def _reach(self, item: _Item, cost: int, before: _Item | None, *steps: _Step) -> None:
        if item not in self._cost or cost < self._cost[item]:
            self._cost[item] = cost
            self._back[item] = before, steps
            heappush(self._heap, (cost, next(self._pushed), item))

    def _predict(self, rule: Rule, at: int) -> None:
        for production in rule.productions:
            self._reach(_Item(production, 0, at, at), 0, None)

    def _join(self, before: _Item, complete: _Item) -> None:
        item = _Item(before.production, before.dot + 1, before.start, complete.end)
        self._reach(item, self._cost[before] + self._cost[complete], before, complete)

    def _scan(self, item: _Item, terminal: Terminal, cost: int, last: int) -> None:
        at = item.end
        new = terminal.domain.text(0)
        self._token(item, at, cost + _EDIT + _PUT_IN, terminal, new, Edit("insert", at, "", new))
        if at >= last:
            return
        found = self._match(terminal, at)
        if found is not None:
            self._token(item, found[1], cost, terminal, found[0], None)
        for old, after in self._lexemes(at):
            if found is None or found[0] != old:
                new, unlike = _closest(terminal, old)
                self._token(item, after, cost + _EDIT + unlike, terminal, new, Edit("replace", at, old, new))
            kept = _Item(item.production, item.dot, item.start, after)
            self._reach(kept, cost + _EDIT + _TAKEN_OUT, item, Edit("delete", at, old, ""))

    def _token(self, item: _Item, end: int, cost: int, terminal: Terminal, text: str, edit: Edit | None) -> None:
        after = _Item(item.production, item.dot + 1, item.start, end)
        self._reach(after, cost, item, _Read(terminal, text, edit))

    def _finish(self, item: _Item, cost: int, last: int) -> None:
        """What follows the sentence is taken out."""
        edits: list[Edit] = []
        at = item.end
        while at < last:
            old, after = self._lexemes(at)[-1]
            edits.append(Edit("delete", at, old, ""))
            at = after
        end = _Item(self._grammar.start, 1, item.start, last)
        self._reach(end, cost + len(edits) * (_EDIT + _TAKEN_OUT), item, *edits)

    # The result.

    def _result(self, item: _Item) -> Nearest:
        tokens: list[tuple[Terminal, str]] = []
        edits: list[Edit] = []
        for step in self._steps(item):
            if isinstance(step, Edit):
                edits.append(step)
                continue
            tokens.append((step.terminal, step.text))
            if step.edit is not None:
                edits.append(step.edit)
        return Nearest(join(tokens, self._grammar.spacing), tuple(edits))

    def _steps(self, item: _Item) -> Iterator[_Read | Edit]:
        """Tokens and edits from left to right, without recursion on the depth of the derivation."""
        pending: list[_Step] = [item]
        while pending:
            step = pending.pop()
            if not isinstance(step, _Item):
                yield step
                continue
            before, made = self._back[step]
            pending.extend(reversed(made))
            if before is not None:
                pending.append(before)


@cache
def _closest(terminal: Terminal, old: str) -> tuple[str, int]:
    """The text of a terminal that is most like a token, and how unlike it is."""
    domain = terminal.domain
    new = domain.text(0) if len(domain) == 1 else domain.suggest(old[:_SHOWN]) or domain.text(0)
    if old[:1].isdecimal() and new[:1].isdecimal():
        return new, _OTHER_NUMBER
    alike = SequenceMatcher(None, old[:_SHOWN], new[:_SHOWN], autojunk=False).ratio()
    return new, round((1 - alike) * (_STRANGER - 1))
