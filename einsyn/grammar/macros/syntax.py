"""The abstract syntax of definitions (LANGUAGE.md, "Definitions")."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from einsyn.diagnostics import Span


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, string, boolean or `none`. `exact` is a decimal's value as written, for probabilities."""

    value: int | float | bool | str | None
    span: Span
    exact: Fraction | None = None


@dataclass(frozen=True, slots=True)
class Name:
    """A local, parameter, macro or primitive."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Spread:
    """`*expr` in a call or a list."""

    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Call:
    """`function(positional, ..., name=value, ...)`."""

    function: Expression
    positional: tuple[Expression | Spread, ...]
    named: tuple[tuple[str, Expression], ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Index:
    """`items[index]`."""

    items: Expression
    index: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """`-x` or `not x`."""

    operator: str
    operand: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic, a comparison, a range `a..b` or `a @ b`."""

    operator: str
    left: Expression
    right: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Logical:
    """`and` or `or`; the right operand is evaluated only where it matters."""

    operator: str
    left: Expression
    right: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Conditional:
    """`if condition then a else b`."""

    condition: Expression
    then: Expression
    otherwise: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, *b, c]`."""

    items: tuple[Expression | Spread, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Comprehension:
    """`[element for names in items if condition]`."""

    element: Expression
    names: tuple[str, ...]
    items: Expression
    condition: Expression | None
    span: Span


Expression = Literal | Name | Call | Index | Unary | Binary | Logical | Conditional | ListOf | Comprehension


@dataclass(frozen=True, slots=True)
class Assign:
    """`a = e` or `a, b = e`."""

    names: tuple[str, ...]
    value: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Require:
    """`require condition, "message"`."""

    condition: Expression
    message: str | None
    span: Span


@dataclass(frozen=True, slots=True)
class Fold:
    """`for names in items with bindings { body }`."""

    names: tuple[str, ...]
    items: Expression
    bindings: tuple[tuple[str, Expression], ...]
    body: tuple[Statement, ...]
    span: Span


Statement = Assign | Require | Fold


@dataclass(frozen=True, slots=True)
class Block:
    """`{ statements return a, b }`; several results make a list."""

    statements: tuple[Statement, ...]
    results: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Parameter:
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


@dataclass(frozen=True, slots=True)
class UseStatement:
    """`use FILE` in a `.ein` file."""

    file: str
    span: Span
