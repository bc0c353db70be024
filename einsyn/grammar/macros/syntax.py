"""The abstract syntax of definitions (LANGUAGE.md, "Definitions")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from fractions import Fraction

    from einsyn.diagnostics import Span


class Literal(NamedTuple):
    """A number, string, boolean or `none`. `exact` is a decimal's value as written, for probabilities."""

    value: int | float | bool | str | None
    span: Span
    exact: Fraction | None = None


class Name(NamedTuple):
    """A local, parameter, macro or primitive."""

    name: str
    span: Span


class Spread(NamedTuple):
    """`*expr` in a call or a list."""

    value: Expression
    span: Span


class Call(NamedTuple):
    """`function(positional, ..., name=value, ...)`."""

    function: Expression
    positional: tuple[Expression | Spread, ...]
    named: tuple[tuple[str, Expression], ...]
    span: Span


class Index(NamedTuple):
    """`items[place]`."""

    items: Expression
    place: Expression
    span: Span


class Unary(NamedTuple):
    """`-x` or `not x`."""

    operator: str
    operand: Expression
    span: Span


class Binary(NamedTuple):
    """Arithmetic, a comparison, a range `a..b` or `a @ b`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


class Logical(NamedTuple):
    """`and` or `or`; the right operand is evaluated only where it matters."""

    operator: str
    left: Expression
    right: Expression
    span: Span


class Conditional(NamedTuple):
    """`if condition then a else b`."""

    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span


class ListOf(NamedTuple):
    """`[a, *b, c]`."""

    items: tuple[Expression | Spread, ...]
    span: Span


class Comprehension(NamedTuple):
    """`[element for names in items if condition]`."""

    element: Expression
    names: tuple[str, ...]
    items: Expression
    condition: Expression | None
    span: Span


Expression = Literal | Name | Call | Index | Unary | Binary | Logical | Conditional | ListOf | Comprehension


class Assign(NamedTuple):
    """`a = e` or `a, b = e`."""

    names: tuple[str, ...]
    value: Expression
    span: Span


class Require(NamedTuple):
    """`require condition, "message"`."""

    condition: Expression
    message: str | None
    span: Span


class Fold(NamedTuple):
    """`for names in items with bindings { body }`."""

    names: tuple[str, ...]
    items: Expression
    bindings: tuple[tuple[str, Expression], ...]
    body: tuple[Statement, ...]
    span: Span


Statement = Assign | Require | Fold


class Block(NamedTuple):
    """`{ statements return a, b }`; several results make a list."""

    statements: tuple[Statement, ...]
    results: tuple[Expression, ...]
    span: Span


class Parameter(NamedTuple):
    """A parameter of a definition; `rest` takes all that remain."""

    name: str
    default: Expression | None
    rest: bool
    span: Span


@dataclass(eq=False, slots=True)
class Definition:
    """`define name(values)(tensors) = expr` or with a block.

    `tensors` is None for a definition without a second list. `scope` maps the names that its body sees to
    definitions: those of its own file and of what that file uses.
    """

    name: str
    values: tuple[Parameter, ...]
    tensors: tuple[Parameter, ...] | None
    body: Expression | Block
    span: Span
    scope: dict[str, Definition] = field(default_factory=dict[str, "Definition"], repr=False)


class UseStatement(NamedTuple):
    """`use FILE` in a `.ein` file."""

    file: str
    span: Span


def names_in(syntax: Definition | Block | Expression) -> set[str]:
    """All names that a definition, block or expression uses, locals included."""
    found: set[str] = set()
    pending: list[object] = [syntax]
    while pending:
        item = pending.pop()
        if isinstance(item, Definition):
            pending += [item.values, item.tensors, item.body]
        elif isinstance(item, Name):
            found.add(item.name)
        elif isinstance(item, tuple):
            pending.extend(cast("tuple[object, ...]", item))  # every node of the syntax is a tuple
    return found


def bound_in(syntax: Block | Expression) -> set[str]:
    """All names that a block or expression binds, in loops and comprehensions as well."""
    return set(binding_places(syntax))


def binding_places(syntax: Block | Expression) -> dict[str, Span]:
    """Names that a block or expression binds, with the statement or comprehension that does so first."""
    found: dict[str, Span] = {}
    pending: list[object] = [syntax]
    while pending:
        item = pending.pop()
        if isinstance(item, Assign | Fold | Comprehension):
            names = [*item.names, *([name for name, _ in item.bindings] if isinstance(item, Fold) else [])]
            for name in names:
                earlier = found.get(name, item.span)
                found[name] = min(earlier, item.span, key=lambda span: (span.line, span.column))
        if isinstance(item, tuple):
            pending.extend(cast("tuple[object, ...]", item))
    return found
