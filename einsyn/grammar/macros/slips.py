"""What to do about text that breaks the syntax of definitions: hints for what other languages write differently."""

from __future__ import annotations

import re
from typing import Final

_SIGNS: Final = {
    "&": "`and` joins two conditions",
    "|": "`or` joins two conditions",
    "!": "`not` turns a condition round; `!=` compares",
    ";": "statements stand one after another, with a new line or nothing between them",
    "'": 'strings stand in double quotes: "text"',
    "?": "a choice by a condition is written `if c then a else b`",
    ":": "a value follows `=`, and a block stands in braces: `{ ... return y }`",
    "^": "a power is written `a ** b`",
}
_DEFINITION: Final = (
    "definitions are written `define NAME(values)(tensors) = EXPRESSION`, or with a block, "
    "`{ NAME = EXPRESSION ... return EXPRESSION }`"
)
_EXPRESSION: Final = "an expression is a number, a name, a string, a list `[a, b]`, a call `f(a)(x)`, or joins such"
_BRACKETS: Final = "every bracket is closed again, and what stands in it is separated by commas"
_CONDITIONAL: Final = "`if` is an expression with two branches: `y = if c then a else b`"
_RETURN: Final = "a block ends with its result: `{ ... return y }`"
_STATEMENT: Final = f"a statement is `NAME = EXPRESSION`, `for`, `require`; {_RETURN}"
_METHOD: Final = re.compile(r"([A-Za-z_]\w*)[ \t]*\.[ \t]*([A-Za-z_]\w*)")
_PERCENT: Final = re.compile(r"([0-9]+)[ \t]*%\s*\Z")


def character_hint(text: str, offset: int) -> str:
    """What to do about a character that starts no token."""
    char = text[offset]
    if char == '"':
        return "strings end on the line where they start"
    if char != ".":
        return _SIGNS.get(char, _EXPRESSION)
    start = text.rfind("\n", 0, offset) + 1
    method = next((m for m in _METHOD.finditer(text, start) if m.start() < offset < m.end()), None)
    if method is not None:
        return f"there are no methods; functions are applied: `{method[2]}({method[1]})`"
    return "a number begins with a digit: `0.5`"


def token_hint(wanted: str, kind: str, before: str) -> str:
    """What to do about a token that does not belong where it stands.

    Args:
        wanted: the kind of token that belongs there, `expression` or `statement`.
        kind: of the token.
        before: the text before it.
    """
    if wanted == "name" and kind.isalpha() and kind not in ("name", "number", "string", "end"):
        return f"`{kind}` is a word of the language; choose another name"
    if kind == "=" and wanted in ("expression", "then", "else"):
        return "leave `=` out, or compare with `==`"
    if kind == "if" or wanted in ("then", "else"):
        return _CONDITIONAL
    if wanted == "expression":
        if kind == "{":
            return "a block stands right after the brackets, without `=`: `define NAME(values)(tensors) { ... }`"
        if kind == "return":
            return _RETURN
        return (percent_hint(before) if kind == "end" else None) or _EXPRESSION
    if wanted in ("statement", "return"):
        return _RETURN if kind in ("}", "end") else _STATEMENT
    if wanted in (")", "]", ","):
        return _BRACKETS
    return _DEFINITION


def following_hint(text: str) -> str:
    """What to do about text that follows a whole definition or expression."""
    return _CONDITIONAL if re.match(r"(?:if|then|else)\b", text) else "start a remark with `//`"


def percent_hint(before: str) -> str | None:
    """What to do about a percentage, if some text ends with one."""
    percent = _PERCENT.search(before)
    if percent is None:
        return None
    return f"`%` is the remainder of a division; {percent[1]} per cent are written {int(percent[1]) / 100:g}"
