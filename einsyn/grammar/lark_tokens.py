"""Tokens of the `.lark` syntax, with places; `//@` comments are kept apart."""

from __future__ import annotations

import re
from ast import literal_eval
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Span
from einsyn.grammar.lark_tree import Comment

if TYPE_CHECKING:
    from einsyn.grammar.report import Report

_TOKEN: Final = re.compile(
    r"""(?P<newline>\r?\n)
      | (?P<space>[ \t\f]+|\\[ ]*\r?\n)
      | (?P<comment>//[^\n]*|\#[^\n]*)
      | (?P<string>"(?:\\[^\n]|[^"\\\n])*"i?)
      | (?P<regexp>/(?!/)(?:\\[\s\S]|[^/\\])*/[imslux]*)
      | (?P<number>[+-]?[0-9]+)
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<directive>%[A-Za-z_]*)
      | (?P<op>->|\.\.|[:|()\[\]{},~.+*?!])
    """,
    re.VERBOSE,
)


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Token:
    """A lexeme. `kind` is `newline`, `string`, `regexp`, `number`, `name`, `directive`, `end` or an operator."""

    kind: str
    text: str
    start: int
    end: int
    line: int
    column: int


def tokenize(text: str, file: str, report: Report) -> tuple[list[Token], list[Comment], list[Comment]]:
    """The tokens of a `.lark` file, newlines included, its `//@` comments, and others that look much like these."""
    tokens: list[Token] = []
    comments: list[Comment] = []
    alike: list[Comment] = []
    line, line_start, offset = 1, 0, 0
    blank = True  # nothing but white space so far on this line
    while offset < len(text):
        match = _TOKEN.match(text, offset)
        if match is None:
            span = Span(file, line, offset - line_start + 1)
            report.fail("G002", f"unexpected character {text[offset]!r}", span, _stray_hint(text[offset]))
        kind = str(match.lastgroup)
        lexeme = match.group()
        end = match.end()
        if kind == "comment":
            if lexeme.startswith("//@") or lexeme.lstrip("/# \t").startswith("@"):
                found = Comment(offset, offset + len(lexeme.rstrip("\r")), line, blank)
                (comments if lexeme.startswith("//@") else alike).append(found)
        elif kind != "space":
            tokens.append(Token(lexeme if kind == "op" else kind, lexeme, offset, end, line, offset - line_start + 1))
            blank = False
        newlines = lexeme.count("\n")
        if newlines:
            line += newlines
            line_start = offset + lexeme.rindex("\n") + 1
        blank = blank or kind == "newline"
        offset = end
    tokens.append(Token("newline", "", offset, offset, line, offset - line_start + 1))
    tokens.append(Token("end", "", offset, offset, line, offset - line_start + 1))
    return tokens, comments, alike


def _stray_hint(char: str) -> str:
    if char == '"':
        return 'strings end on the line where they start; write a quote as \\"'
    if char == "/":
        return "a regular expression stands between two slashes; write a slash in it as \\/"
    if char == "'":
        return 'strings stand in double quotes: "text"'
    if char in "=;":
        return "a rule is written `name: alternative | alternative`"
    return 'a grammar consists of names, "strings", /patterns/, the signs : | ( ) [ ] ? ~ -> and // comments'


def unescape(body: str) -> str | None:
    """What a string or regular expression denotes, by Lark's rules; None where an escape is broken.

    Lark understands the escapes n, t, r, f, x, u and U, and keeps every other backslash.
    """
    if "\\" not in body:
        return body
    out: list[str] = []
    chars = iter(body)
    for char in chars:
        if char != "\\":
            out.append(char)
            continue
        following = next(chars, "")
        if following == "\\":
            out.append("\\\\\\\\")
        elif following and following in "Uuxnftr":
            out.append("\\" + following)
        else:
            out.append("\\\\" + following)
    quoted = "".join(out).replace('\\"', '"').replace("'", "\\'")
    try:
        return str(literal_eval(f"'''{quoted}'''"))
    except (SyntaxError, ValueError):
        return None
