"""Tokens of the definition language."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from einsyn.diagnostics import Diagnostic, Span, source_excerpt
from einsyn.errors import GrammarError
from einsyn.grammar.macros.slips import character_hint

KEYWORDS: Final = frozenset("define return require for in with if then else or and not true false none use".split())

_TOKEN: Final = re.compile(
    r"""(?P<space>[ \t\r\n\f]+|//[^\n]*|\#[^\n]*)
      | (?P<number>[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<string>"[^"\n]*")
      | (?P<op>\.\.|\*\*|==|!=|<=|>=|[-+*/%@<>=(){}\[\],])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A lexeme: `kind` is `number`, `name`, `string`, `end`, a keyword or an operator."""

    kind: str
    text: str
    start: int
    end: int


class Source:
    """A text with positions. `file` is what diagnostics call it."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self._lines = [0]
        self._lines.extend(m.end() for m in re.finditer("\n", text))

    def place(self, offset: int) -> tuple[int, int]:
        """1-based line and column of an offset."""
        from bisect import bisect_right

        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1

    def span(self, start: int, end: int) -> Span:
        """The place of `text[start:end]`."""
        line, column = self.place(start)
        end_line, end_column = self.place(end)
        return Span(self.file, line, column, end_line, end_column)

    def error(self, code: str, message: str, start: int, end: int, hint: str | None = None) -> GrammarError:
        """A diagnostic at `text[start:end]` as an exception to raise."""
        span = self.span(start, end)
        return GrammarError(Diagnostic(code, message, span, evidence=source_excerpt(self.text, span), hint=hint))

    def token(self, offset: int) -> Token:
        """The token at or after an offset; raises D001 for a character that starts none."""
        while True:
            match = _TOKEN.match(self.text, offset)
            if match is None:
                if offset >= len(self.text):
                    return Token("end", "", offset, offset)
                char = self.text[offset]
                hint = character_hint(self.text, offset)
                raise self.error("D001", f"unexpected character {char!r} in a definition", offset, offset + 1, hint)
            offset = match.end()
            if match.lastgroup == "space":
                continue
            text = match.group()
            kind = str(match.lastgroup)
            if kind == "op" or text in KEYWORDS:
                kind = text
            return Token(kind, text, match.start(), match.end())
