"""What two terminals have in common: texts of both, and texts of one that begin a text of the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Stands for every character that no pattern names.
OTHER: Final = "\U0010ffff"
_MAX_STATES: Final = 200_000


class Automaton(ABC):
    """A deterministic automaton whose states are numbers and whose states all lead to a text."""

    initial: int

    @abstractmethod
    def step(self, state: int, char: str) -> int | None:
        """The state after one more character, or None where no text goes on so."""

    @abstractmethod
    def is_final(self, state: int) -> bool:
        """Whether a text may end here."""

    @abstractmethod
    def chars(self, state: int) -> Iterable[str]:
        """Characters that lead on, `OTHER` for all that are not named."""

    def goes_on(self, state: int) -> bool:
        """Whether some text goes on from here."""
        return any(True for _ in self.chars(state))

    def run(self, text: str, state: int | None = None) -> int | None:
        """The state after a text."""
        at: int | None = self.initial if state is None else state
        for char in text:
            if at is None:
                return None
            at = self.step(at, char)
        return at


class Trie(Automaton):
    """The automaton of finitely many texts."""

    def __init__(self, texts: Iterable[str]) -> None:
        self.initial = 0
        self._next: list[dict[str, int]] = [{}]
        self._final: set[int] = set()
        for text in texts:
            at = 0
            for char in text:
                following = self._next[at].get(char)
                if following is None:
                    following = self._next[at][char] = len(self._next)
                    self._next.append({})
                at = following
            self._final.add(at)

    def step(self, state: int, char: str) -> int | None:
        return self._next[state].get(char)

    def is_final(self, state: int) -> bool:
        return state in self._final

    def chars(self, state: int) -> Iterable[str]:
        return self._next[state]


class PatternAutomaton(Automaton):
    """The automaton of a regular expression.

    Raises:
        ValueError: the expression uses what has no automaton (back references, looking behind).
    """

    def __init__(self, pattern: str) -> None:
        import interegular
        from interegular.fsm import anything_else

        try:
            parsed: Any = interegular.parse_pattern(pattern)
            machine: Any = parsed.to_fsm().reduce()
        except (interegular.Unsupported, interegular.InvalidSyntax, NotImplementedError) as error:  # all interegular's
            raise ValueError(str(error)) from None
        self._map: dict[int, dict[int | None, int]] = machine.map
        self._finals: frozenset[int] = machine.finals
        self._keys: dict[str, int] = {}
        self._other: int | None = None
        for symbol, key in machine.alphabet.items():
            if symbol is anything_else:
                self._other = key
            else:
                self._keys[symbol] = key
        self.initial: int = machine.initial
        self._live = {state for state in self._map if machine.islive(state)}

    def step(self, state: int, char: str) -> int | None:
        key = self._keys.get(char, self._other)
        following = self._map[state].get(key)
        return following if following in self._live else None

    def is_final(self, state: int) -> bool:
        return state in self._finals

    def chars(self, state: int) -> Iterable[str]:
        row = self._map[state]
        named = [c for c, key in self._keys.items() if row.get(key) in self._live]
        if self._other is not None and row.get(self._other) in self._live:
            named.append(OTHER)
        return named


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Relation:
    """How the texts of `a` relate to those of `b`.

    Args:
        equal: a text of both.
        b_begins_a: a text of `b` that is the beginning of a longer text of `a`, and that text's beginning.
        a_begins_b: states of `b` in which a text of `a` has ended and a text of `b` goes on, with the text.
    """

    equal: str | None = None
    b_begins_a: str | None = None
    a_begins_b: dict[int, str] = field(default_factory=dict[int, str])


def relate(a: Automaton, b: Automaton) -> Relation:
    """Walk two automata side by side."""
    relation = Relation()
    start = (a.initial, b.initial)
    seen = {start}
    waiting: deque[tuple[tuple[int, int], str]] = deque([(start, "")])
    while waiting and len(seen) < _MAX_STATES:
        (at_a, at_b), text = waiting.popleft()
        if text:
            final_a, final_b = a.is_final(at_a), b.is_final(at_b)
            if final_a and final_b and relation.equal is None:
                relation.equal = text
            if final_b and relation.b_begins_a is None and a.goes_on(at_a):
                relation.b_begins_a = text
            if final_a and b.goes_on(at_b):
                relation.a_begins_b.setdefault(at_b, text)
        for char in _common_chars(a, at_a, b, at_b):
            next_a, next_b = a.step(at_a, char), b.step(at_b, char)
            if next_a is not None and next_b is not None and (next_a, next_b) not in seen:
                seen.add((next_a, next_b))
                waiting.append(((next_a, next_b), text + char))
    return relation


def _common_chars(a: Automaton, at_a: int, b: Automaton, at_b: int) -> Sequence[str]:
    if isinstance(a, Trie):
        return list(a.chars(at_a))
    if isinstance(b, Trie):
        return list(b.chars(at_b))
    return list(dict.fromkeys((*a.chars(at_a), *b.chars(at_b))))


def shown_text(text: str) -> str:
    """An example text, with a stand-in for a character that no pattern names."""
    return text.replace(OTHER, "\N{MIDDLE DOT}")
