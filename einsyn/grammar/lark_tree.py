"""The tree of a `.lark` file as written, before templates and groups are expanded.

Nodes are never changed. The dataclasses generate no more than `__init__`: what they do not generate does
not cost start-up time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from einsyn.diagnostics import Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class NameRef:
    """A rule, terminal or template parameter."""

    name: str
    span: Span

    @property
    def is_terminal(self) -> bool:
        """Terminals are written in capitals; imported ones after the name of their grammar (`other__KERNEL`)."""
        own = self.name.rpartition("__")[2].strip("_") or self.name.strip("_")
        return own[:1].isupper()


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class StringLiteral:
    """`"text"` or `"text"i`; `text` is what it matches."""

    text: str
    ignore_case: bool
    raw: str
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class RegexLiteral:
    """`/pattern/flags`."""

    pattern: str
    flags: str
    raw: str
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class CharRange:
    """`"a".."z"`."""

    first: str
    last: str
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class TemplateUse:
    """`name{argument, ...}`."""

    name: str
    arguments: tuple[Value, ...]
    span: Span


Value = NameRef | StringLiteral | RegexLiteral | CharRange | TemplateUse


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Group:
    """`( ... | ... )`, or `[ ... | ... ]` where `optional`."""

    alternatives: tuple[Alternative, ...]
    optional: bool
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Repeat:
    """`x?`, `x*`, `x+`, `x ~ low..high`; `high` is None where there is no bound."""

    item: Item
    low: int
    high: int | None
    operator: str
    span: Span


Item = Value | Group | Repeat


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Alternative:
    """One alternative as written; `end_line` is where a trailing pragma must stand."""

    items: tuple[Item, ...]
    alias: str | None
    span: Span
    end_line: int


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class RuleDef:
    """A rule or, with parameters, a template."""

    name: str
    parameters: tuple[NameRef, ...]
    alternatives: tuple[Alternative, ...]
    span: Span
    last_line: int
    override: bool


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class TerminalDef:
    """A terminal."""

    name: str
    alternatives: tuple[Alternative, ...]
    span: Span
    last_line: int
    override: bool


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Import:
    """`%import path.name -> alias` or `%import path (name, name)`."""

    path: tuple[str, ...]
    relative: bool
    names: tuple[tuple[NameRef, str], ...]
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Ignore:
    """`%ignore ...`."""

    alternatives: tuple[Alternative, ...]
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Comment:
    """A comment: offsets of its first character and its end, and whether its line holds nothing else."""

    start: int
    end: int
    line: int
    alone: bool


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class LarkFile:
    """A parsed `.lark` file; `alike` are comments that look much like the `//@` ones in `comments`."""

    file: str
    text: str
    rules: tuple[RuleDef, ...]
    terminals: tuple[TerminalDef, ...]
    imports: tuple[Import, ...]
    ignores: tuple[Ignore, ...]
    comments: tuple[Comment, ...]
    alike: tuple[Comment, ...]
