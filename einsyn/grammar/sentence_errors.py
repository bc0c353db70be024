"""Explains why a text is not a sentence of the space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Diagnostic, Span, closest, source_excerpt
from einsyn.errors import ArchitectureError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.model import Terminal
    from einsyn.grammar.tables import Tables

TEXT_NAME: Final = "<architecture>"
_MAX_SHOWN: Final = 8


class NotInDomain(Exception):
    """A token that its terminal's pattern matches, and that is not one of its texts."""

    def __init__(self, terminal: Terminal, position: int, text: str) -> None:
        super().__init__(text)
        self.terminal, self.position, self.text = terminal, position, text


class SentenceErrors:
    """Makes the diagnostics for one text."""

    def __init__(self, tables: Tables, text: str) -> None:
        self._tables = tables
        self._text = text

    def unexpected(self, position: int, states: Sequence[int], token: str | None) -> ArchitectureError:
        """Nothing that may come here matches the text at `position`."""
        expected = self._tables.expected(states)
        names = sorted({self._expectation(s) for s in expected if s != "$END"})
        if "$END" in expected:
            names.append("the end of the text")
        shown = ", ".join(names[:_MAX_SHOWN]) + (
            f" and {len(names) - _MAX_SHOWN} more" if len(names) > _MAX_SHOWN else ""
        )
        if position >= len(self._text.rstrip()) and token is None:
            position = len(self._text)
            code, found = "A003", "the text ends too early"
            if not self._text.strip():
                code, found = "A001", "the text is empty"
        else:
            word = token or self._word(position)
            code, found = "A002", f"unexpected `{word}`"
            if expected == {"$END"}:
                code, found = "A004", f"the architecture ends before `{word}`"
        return self._error(
            code, found, position, len(token or "x"), self._hint(position, expected), f"expected: {shown}"
        )

    def not_in_domain(self, error: NotInDomain) -> ArchitectureError:
        """The token is of the right form, and its value is not one that the space allows."""
        domain = error.terminal.domain
        message = f"`{_short(error.text)}` is not a value of {error.terminal.name}"
        suggestion = domain.suggest(error.text)
        shown = [domain.text(i) for i in range(min(len(domain), _MAX_SHOWN))]
        values = ", ".join(shown)
        if len(domain) > _MAX_SHOWN:
            values += f", ... {domain.text(len(domain) - 1)}"
        hint = f"write `{suggestion}`" if suggestion is not None else None
        return self._error("A005", message, error.position, len(error.text), hint, f"its values: {values}")

    def _error(
        self, code: str, message: str, position: int, width: int, hint: str | None, evidence: str
    ) -> ArchitectureError:
        line = self._text.count("\n", 0, position) + 1
        column = position - (self._text.rfind("\n", 0, position) + 1) + 1
        span = Span(TEXT_NAME, line, column, line, column + max(1, width))
        excerpt = source_excerpt(self._text + " ", span)
        return ArchitectureError(Diagnostic(code, message, span, evidence=(*excerpt, evidence), hint=hint))

    def _name(self, symbol: str) -> str:
        """A terminal as people know it: by its literal where it has one, else by its name."""
        terminals = self._tables.by_symbol[symbol]
        anonymous = [t for t in terminals if t.name.startswith('"')]
        terminal = (anonymous or terminals)[0]
        if terminal.literal is not None and not terminal.name.startswith('"'):
            return f'"{terminal.literal}"'
        return terminal.name

    def _expectation(self, symbol: str) -> str:
        """The name, with the texts of a terminal that has a few."""
        domain = self._tables.by_symbol[symbol][0].domain
        if not 1 < len(domain) <= _MAX_SHOWN:
            return self._name(symbol)
        return f"{self._name(symbol)} ({' '.join(domain.text(i) for i in range(len(domain)))})"

    def _word(self, position: int) -> str:
        end = position
        while end < len(self._text) and end < position + 40 and (self._text[end].isalnum() or self._text[end] == "_"):
            end += 1
        return self._text[position : max(end, position + 1)]

    def _hint(self, position: int, expected: set[str]) -> str | None:
        word = self._word(position)
        texts: list[str] = []
        for symbol in expected - {"$END"}:
            domain = self._tables.by_symbol[symbol][0].domain
            texts.extend(domain.text(i) for i in range(min(len(domain), 200)))
        near = closest(word, texts) if word else None
        if near is None and word.isdecimal():
            numbers = [self._tables.by_symbol[s][0].domain.suggest(word) for s in sorted(expected - {"$END"})]
            near = next((n for n in numbers if n is not None and n.isdecimal()), None)
        if near is not None and near != word:
            return f"did you mean `{near}`?"
        if len(texts) == 1:
            return f"write `{texts[0]}` here"
        return None


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:57]}..."
