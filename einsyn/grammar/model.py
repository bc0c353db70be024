"""The grammar of a search space after loading: rules, productions, terminals, weights, places.

Everything is expanded here: no groups, options, repetitions or templates are left. A production's
`slots` are the places where something is chosen (a nonterminal, or a terminal with several values), in
text order; they are the children of a derivation node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from fractions import Fraction

    from einsyn.diagnostics import Diagnostic, Span
    from einsyn.grammar.canonical import Spacing
    from einsyn.grammar.domains import Domain
    from einsyn.grammar.macros.syntax import Definition, Expression, Require
    from einsyn.grammar.tables import Tables

# A token's value: what its text means.
Scalar = int | float | bool | str


@dataclass(eq=False, slots=True)
class Terminal:
    """A terminal symbol.

    Args:
        name: as people see it: `WIDTH`, or `"branch"` with its quotes for an anonymous literal.
        symbol: its unique name in the parser tables.
        pattern: the regular expression that the lexer uses (Python `re` syntax, flags inline).
        literal: the only text it matches, where there is only one.
        domain: the finite set of texts that belong to the language, with values and weights.
        binds: whether it gives its value to the production (named, and not starting with `_`).
        span: its definition, or the first use of an anonymous one.
    """

    name: str
    symbol: str
    pattern: str
    literal: str | None
    domain: Domain
    binds: bool
    span: Span

    def __repr__(self) -> str:
        return f"<Terminal {self.name}>"


@dataclass(frozen=True, slots=True)
class SlotArg:
    """An argument that is the child in slot `index`."""

    index: int


@dataclass(frozen=True, slots=True)
class ConstArg:
    """An argument that is fixed: the value of a terminal with one text, or None for an absent option."""

    value: Scalar | None


@dataclass(frozen=True, slots=True)
class ListArg:
    """An argument that is a list: `x ~ n..m`."""

    items: tuple[Arg, ...]


@dataclass(frozen=True, slots=True)
class SpliceArg:
    """All arguments of the child in slot `index`, whose rule's name starts with `_`."""

    index: int


Arg = SlotArg | ConstArg | ListArg | SpliceArg


@dataclass(eq=False, slots=True)
class Production:
    """One alternative of a rule, fully expanded.

    Args:
        index: its number in the grammar.
        rule: the rule that it belongs to.
        position: its number in the rule, after expansion.
        name: its alias, or `rule_k` where it has none (k counts written alternatives from 0).
        alias: the alias as written, or None.
        symbols: right-hand side, rules and terminals.
        slots: those symbols that are chosen below this node: every rule, and every terminal whose domain
            has more than one value.
        tokens: the right-hand side as the printer needs it: a terminal with its only text, or a slot number.
        args: what it passes to the macro or primitive that `name` denotes, in order.
        probability: exact; the probabilities of a rule add to 1. Zero means parsed but never drawn.
        log_prob: natural logarithm of `probability` (minus infinity for zero).
        span: the written alternative.
    """

    index: int
    rule: Rule
    position: int
    name: str
    alias: str | None
    symbols: tuple[Rule | Terminal, ...]
    slots: tuple[Rule | Terminal, ...]
    tokens: tuple[tuple[Terminal, str] | int, ...]
    args: tuple[Arg, ...]
    probability: Fraction
    log_prob: float
    span: Span

    def __repr__(self) -> str:
        return f"<Production {self.rule.name}: {self.describe()}>"

    def describe(self) -> str:
        """The right-hand side as people see it."""
        return " ".join(s.name for s in self.symbols) or "(empty)"


@dataclass(eq=False, slots=True)
class Rule:
    """A nonterminal with its alternatives.

    `drawable` holds the productions of non-zero probability and `cumulative` their cumulative
    probabilities as floats, the last exactly 1.0. `splices` marks rules whose name starts with `_`. `spacing` is how
    the grammar joins tokens, `grammar` names its text and parameters, once it is loaded.
    """

    name: str
    symbol: str
    span: Span
    productions: tuple[Production, ...] = ()
    drawable: tuple[Production, ...] = ()
    cumulative: tuple[float, ...] = ()
    splices: bool = False
    spacing: Spacing | None = None
    grammar: str = ""

    def __repr__(self) -> str:
        return f"<Rule {self.name}>"


class InputDecl(NamedTuple):
    """`//@ input NAME TYPE`: the type stays text until parameters are known."""

    name: str
    type_text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Directives:
    """What `//@` lines say beside productions and weights.

    Args:
        version: the language version, always 1.
        inputs: declared inputs, in order.
        output: the declared output type, or None.
        params: default values by name, in order, overridden by `--set`.
        main: the expression that wraps the arrow of `start`, or None.
        definitions: macros by name, from the file and from what it uses; each knows its own scope.
        requires: `require EXPR [, "message"]` at space level.
        limits: `max_ops`, `max_params`, `max_memory`, `max_depth`, `max_size` where given.
        profiles: profile name -> {"input": text | {name: text}, parameter: value}.
        title, cite: free text.
    """

    version: int = 1
    inputs: tuple[InputDecl, ...] = ()
    output: InputDecl | None = None
    params: Mapping[str, Scalar] = field(default_factory=dict[str, "Scalar"])
    param_spans: Mapping[str, Span] = field(default_factory=dict[str, "Span"])
    main: Expression | None = None
    definitions: Mapping[str, Definition] = field(default_factory=dict[str, "Definition"])
    requires: tuple[Require, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict[str, int])
    profiles: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, "Mapping[str, str]"])
    title: str | None = None
    cite: tuple[str, ...] = ()


@dataclass(eq=False, slots=True)
class Grammar:
    """A loaded grammar.

    Args:
        file: the path it was read from, as given.
        source: its text.
        digest: the first 16 hex digits of the SHA-256 of the source and of everything it imports or uses.
        start: the start rule.
        rules: reachable rules by name, in order of definition.
        terminals: terminals by name.
        productions: all productions, by index.
        ignored: terminals of `%ignore`.
        tables: the LALR(1) parser.
        spacing: how tokens are joined into canonical text.
        directives: everything else.
        notes: findings that are not errors (shadowed names, unreachable rules).
        weighed_by: parameters that weights and domains name.
        files: texts of the space and of what it imports or uses, by their path beside it.
    """

    file: str
    source: str
    digest: str
    start: Rule
    rules: Mapping[str, Rule]
    terminals: Mapping[str, Terminal]
    productions: tuple[Production, ...]
    ignored: tuple[Terminal, ...]
    tables: Tables
    spacing: Spacing
    directives: Directives
    notes: tuple[Diagnostic, ...] = ()
    weighed_by: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=dict[str, str])
