"""Lines of torch source as ruff's formatter leaves them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH: Final = 88
_INDENT: Final = "    "
_OPENING: Final = {"(": ")", "[": "]", "{": "}"}


def definition(name: str, parameters: Sequence[str], returned: str) -> list[str]:
    """The first line of a method, or several where it is long."""
    line = f"    def {name}({', '.join(['self', *parameters])}) -> {returned}:"
    if len(line) <= WIDTH:
        return [line]
    given = [f"        {parameter}," for parameter in ("self", *parameters)]
    return [f"    def {name}(", *given, f"    ) -> {returned}:"]


def commented(level: int, code: str, comment: str) -> list[str]:
    """A statement and its comment, which has a line of its own where both are too long for one."""
    line = f"{_INDENT * level}{code}  # {comment}" if comment else f"{_INDENT * level}{code}"
    if len(line) <= WIDTH:
        return [line]
    above = [f"{_INDENT * level}# {comment}"] if comment else []
    while len(line) > WIDTH and (steps := _steps(code)) is not None:
        first, code = steps
        above += commented(level, first, "")
        line = f"{_INDENT * level}{code}"
    targets, assigned, value = code.partition(" = ")
    if len(line) > WIDTH and assigned and ", " in targets and "(" not in targets:
        indent = _INDENT * level
        names = [f"{indent}{_INDENT}{name}," for name in targets.split(", ")]
        return [*above, f"{indent}(", *names, *_broken(level, f") = {value}", "")]
    return above + assignment(level, "", code)


def assignment(level: int, target: str, value: str) -> list[str]:
    """A statement, broken at the commas of its last bracket where it is too long."""
    line = f"{_INDENT * level}{target} = {value}" if target else f"{_INDENT * level}{value}"
    return [line] if len(line) <= WIDTH else _broken(level, line.strip(), "")


def deletion(level: int, names: Sequence[str]) -> list[str]:
    """Statements that delete local variables, as many in each as fit."""
    lines: list[str] = []
    for name in names:
        if lines and len(lines[-1]) + len(name) + 2 <= WIDTH:
            lines[-1] += f", {name}"
        else:
            lines.append(f"{_INDENT * level}del {name}")
    return lines


def row(level: int, target: str, made: str, count: str) -> list[str]:
    """What makes a sequence of `count` equal modules; `made` is the expression that makes one."""
    line = f"*({made} for _ in range({count}))"
    if len(line) + len(_INDENT) * (level + 1) < WIDTH:
        return assignment(level, target, f"nn.Sequential({line})")
    lines = [f"{target} = nn.Sequential()", f"for _ in range({count}):"]
    return [*[f"{_INDENT * level}{each}" for each in lines], *assignment(level + 1, "", f"{target}.append({made})")]


def _broken(level: int, code: str, end: str) -> list[str]:
    """Code in several lines; `end` follows it."""
    indent = _INDENT * level
    if len(indent) + len(code) + len(end) <= WIDTH:
        return [f"{indent}{code}{end}"]
    start = _last_bracket(code)
    if start is None:
        return [f"{indent}{code}{end}"]
    lines = [f"{indent}{code[: start + 1]}"]
    for argument in _arguments(code[start + 1 : -1]):
        lines += _broken(level + 1, argument, ",")
    return [*lines, f"{indent}{code[-1]}{end}"]


def _last_bracket(code: str) -> int | None:
    """Where the bracket opens that ends the code, if one does and it is not empty."""
    stack: list[int] = []
    closed: int | None = None
    for at, character in _outside_strings(code):
        if character in _OPENING:
            stack.append(at)
        elif character in ")]}" and stack:  # what comes after several targets begins with the bracket that ends them
            closed = stack.pop()
    return closed if closed is not None and code[-1] in ")]}" and closed < len(code) - 2 else None


def _steps(code: str) -> tuple[str, str] | None:
    """`x = f(...).g(...)` as `x = f(...)` and `x = x.g(...)`, where nothing in `g(...)` is the old x; `[...]` alike."""
    target, _, value = code.partition(" = ")
    start = _last_bracket(value)
    if not target.isidentifier() or start is None:
        return None
    dot = start if value[start] == "[" else value.rfind(".", 0, start)
    if dot < 1 or value[dot - 1] != ")" or re.search(rf"\b{target}\b", value[dot:]):
        return None
    return f"{target} = {value[:dot]}", f"{target} = {target}{value[dot:]}"


def _arguments(code: str) -> list[str]:
    """What the commas outside all brackets part."""
    found: list[str] = []
    depth = start = 0
    for at, character in _outside_strings(code):
        if character in _OPENING:
            depth += 1
        elif character in ")]}":
            depth -= 1
        elif character == "," and depth == 0:
            found.append(code[start:at].strip())
            start = at + 1
    return [*found, code[start:].strip()]


def _outside_strings(code: str) -> list[tuple[int, str]]:
    """The characters that belong to no string, with their positions."""
    found: list[tuple[int, str]] = []
    quote = ""
    for at, character in enumerate(code):
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        else:
            found.append((at, character))
    return found
