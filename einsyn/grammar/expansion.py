"""Expands groups, options, bounded repetitions and templates into plain alternatives.

Every written alternative becomes one or more expansions: a row of symbols, and the arguments that it binds.
No helper rules are made, so that an option or a count is part of the production that was chosen.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Final, NoReturn

from einsyn.diagnostics import counted
from einsyn.grammar.lark_tree import Group, NameRef, Repeat, TemplateUse
from einsyn.grammar.model import Rule, Terminal
from einsyn.grammar.references import shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.grammar.imports import RuleEntry
    from einsyn.grammar.lark_tree import Item, RuleDef, Value
    from einsyn.grammar.report import Report
    from einsyn.grammar.terminals import Terminals

MAX_PER_RULE: Final = 4_000
MAX_PER_GRAMMAR: Final = 20_000
MAX_SYMBOLS_PER_RULE: Final = 40_000
MAX_SYMBOLS: Final = 200_000
MAX_INSTANCES: Final = 1_000
_MAX_INSTANCE_NAME: Final = 400

Symbol = Rule | Terminal
Bindings = dict[str, "Value"]


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Absent:
    """The arguments of an option that is not there: as many `none` as one of its expansions would bind."""

    would_be: tuple[Expansion, ...]


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Listed:
    """The argument of `x ~ n..m`: what each repetition binds; `sample` is one repetition, for the empty list."""

    repetitions: tuple[tuple[Pending, ...], ...]
    sample: Expansion


# An argument before slots are numbered: a position among the symbols, an absent option, or a list.
Pending = int | Absent | Listed


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Expansion:
    """A row of symbols and what they bind."""

    symbols: tuple[Symbol, ...]
    args: tuple[Pending, ...]


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class RuleBody:
    """A rule with the expansions of each written alternative.

    `base` is the name that unnamed productions are called by: the template's for an instance of one.
    """

    rule: Rule
    entry: RuleEntry
    base: str
    bindings: Bindings
    expansions: list[list[Expansion]] = field(default_factory=list["list[Expansion]"])

    @property
    def definition(self) -> RuleDef:
        return self.entry.definition


class Expander:
    """Expands all rules of a grammar.

    Args:
        rules: rules and templates by name; their references were checked before.
        terminals: gives the terminal of a name or literal.
    """

    def __init__(self, rules: Mapping[str, RuleEntry], terminals: Terminals, report: Report) -> None:
        self._rules = rules
        self._terminals = terminals
        self._report = report
        self.bodies: dict[str, RuleBody] = {}
        self._instances = 0
        self._count = 0
        self._symbols = 0

    def expand(self) -> dict[str, RuleBody]:
        """All rules that are not templates, and every instance of a template that they use."""
        for entry in self._rules.values():
            if not entry.definition.parameters:
                self._body(entry.definition.name, entry, entry.definition.name, {})
        done: set[str] = set()
        while len(done) < len(self.bodies):
            for name, body in list(self.bodies.items()):
                if name not in done:
                    done.add(name)
                    self._expand_rule(body)
        return self.bodies

    def _body(self, name: str, entry: RuleEntry, base: str, bindings: Bindings) -> RuleBody:
        rule = Rule(name, name, entry.definition.span, splices=base.startswith("_"))
        body = self.bodies[name] = RuleBody(rule, entry, base, bindings)
        return body

    def _expand_rule(self, body: RuleBody) -> None:
        definition = body.definition
        sizes = [self._measure_items(a.items) for a in definition.alternatives]
        count, symbols = sum(c for c, _ in sizes), sum(s for _, s in sizes)
        self._count += count
        self._symbols += symbols
        hint = "write the repetition or the options as a recursive rule of its own"
        if count > MAX_PER_RULE or symbols > MAX_SYMBOLS_PER_RULE:
            limit = f"{MAX_PER_RULE:,} alternatives" if count > MAX_PER_RULE else f"{MAX_SYMBOLS_PER_RULE:,} symbols"
            self._report.fail("G036", f"`{body.rule.name}` expands to more than {limit}", definition.span, hint)
        if self._count > MAX_PER_GRAMMAR or self._symbols > MAX_SYMBOLS:
            limit = f"{MAX_PER_GRAMMAR:,} alternatives or {MAX_SYMBOLS:,} symbols"
            self._report.fail("G036", f"the grammar expands to more than {limit}", definition.span, hint)
        body.expansions = [self._sequence(a.items, body.bindings) for a in definition.alternatives]

    # How many expansions, and how many symbols in all of them.

    def _measure_items(self, items: Sequence[Item]) -> tuple[int, int]:
        count, symbols = 1, 0
        for item in items:
            c, s = self._measure(item)
            count, symbols = count * c, symbols * c + s * count
        return count, symbols

    def _measure(self, item: Item) -> tuple[int, int]:
        if isinstance(item, Group):
            sizes = [self._measure_items(a.items) for a in item.alternatives]
            return sum(c for c, _ in sizes) + item.optional, sum(s for _, s in sizes)
        if isinstance(item, Repeat):
            high = item.high
            if high is None:
                self._refuse_star(item)
            c, s = self._measure(item.item)
            count = symbols = 0
            for n in range(item.low, high + 1):
                count += c**n
                symbols += n * s * c ** (n - 1) if n else 0
                if count > MAX_PER_RULE or symbols > MAX_SYMBOLS_PER_RULE:
                    break  # the exact number does not matter any more
            return count, symbols
        return 1, 1

    def _refuse_star(self, item: Repeat) -> NoReturn:
        written = shown(item.item)
        name = f"{item.item.name}s" if isinstance(item.item, NameRef) and not item.item.is_terminal else "more"
        ends = "-> identity" if item.operator == "*" else written
        width = max(len(ends), len(f"{written} {name} -> seq"))
        self._report.fail(
            "G037",
            f"`{written}{item.operator}` has no probability for its length",
            item.span,
            f"write a rule whose weights say when it ends, and use `{name}` here; or a bounded count, `~ 1..8`",
            evidence=(
                "for example, where they run one after the other:",
                f"  {name}: {ends:{width}}   //@ p 0.5",
                f"  {' ' * len(name)}| {f'{written} {name} -> seq':{width}}   //@ p 0.5",
            ),
        )

    # Expansion.

    def _sequence(self, items: Sequence[Item], bindings: Bindings) -> list[Expansion]:
        if not items:
            return [Expansion((), ())]
        return [_join(parts) for parts in product(*(self._item(i, bindings) for i in items))]

    def _item(self, item: Item, bindings: Bindings) -> list[Expansion]:
        if isinstance(item, Group):
            inner = [e for a in item.alternatives for e in self._sequence(a.items, bindings)]
            if item.optional:
                inner.append(Expansion((), (Absent(tuple(inner)),)))
            return inner
        if isinstance(item, Repeat):
            inner = self._item(item.item, bindings)
            if item.operator == "?":
                return [*inner, Expansion((), (Absent(tuple(inner)),))]
            assert item.high is not None
            return [
                _repeated(parts, inner[0]) for n in range(item.low, item.high + 1) for parts in product(inner, repeat=n)
            ]
        symbol = self._symbol(item, bindings)
        binds = isinstance(symbol, Rule) or symbol.binds
        return [Expansion((symbol,), (0,) if binds else ())]

    def _symbol(self, value: Value, bindings: Bindings) -> Symbol:
        value = _substitute(value, bindings)
        if isinstance(value, TemplateUse):
            return self._instance(value)
        if not isinstance(value, NameRef):
            return self._terminals.anonymous(value)
        if value.is_terminal:
            return self._terminals.named(value.name)
        body = self.bodies.get(value.name)
        if body is None:  # a parameter that stands for a template without its arguments
            self._report.fail(
                "G025",
                f"the template `{value.name}` is used without arguments",
                value.span,
                f"write `{value.name}{{...}}`",
            )
        return body.rule

    def _instance(self, use: TemplateUse) -> Rule:
        name = shown(use)
        body = self.bodies.get(name)
        if body is not None:
            return body.rule
        entry = self._rules.get(use.name)
        if entry is None or len(entry.definition.parameters) != len(use.arguments):
            wanted = len(entry.definition.parameters) if entry else 0
            self._report.fail(
                "G025",
                f"`{name}` gives {counted(len(use.arguments), 'argument')} to `{use.name}`, which takes {wanted}",
                use.span,
                None,
            )
        self._instances += 1
        if self._instances > MAX_INSTANCES or len(name) > _MAX_INSTANCE_NAME:
            self._report.fail(
                "G026",
                f"the template `{use.name}` is instantiated without end, or more than {MAX_INSTANCES:,} times",
                entry.definition.span,
                "a template may use itself only with the same arguments",
            )
        bindings = {p.name: a for p, a in zip(entry.definition.parameters, use.arguments, strict=True)}
        return self._body(name, entry, use.name, bindings).rule


def _substitute(value: Value, bindings: Bindings) -> Value:
    if isinstance(value, NameRef):
        return bindings.get(value.name, value)
    if isinstance(value, TemplateUse):
        target = bindings.get(value.name)
        name = target.name if isinstance(target, NameRef) else value.name
        return TemplateUse(name, tuple(_substitute(a, bindings) for a in value.arguments), value.span)
    return value


def _shift(arg: Pending, by: int) -> Pending:
    if isinstance(arg, int):
        return arg + by
    if isinstance(arg, Listed):
        return Listed(tuple(tuple(_shift(a, by) for a in r) for r in arg.repetitions), arg.sample)
    return arg


def _join(parts: Sequence[Expansion]) -> Expansion:
    if len(parts) == 1:
        return parts[0]
    symbols: list[Symbol] = []
    args: list[Pending] = []
    for part in parts:
        by = len(symbols)
        args.extend(_shift(a, by) for a in part.args)
        symbols.extend(part.symbols)
    return Expansion(tuple(symbols), tuple(args))


def _repeated(parts: Sequence[Expansion], sample: Expansion) -> Expansion:
    symbols: list[Symbol] = []
    repetitions: list[tuple[Pending, ...]] = []
    for part in parts:
        by = len(symbols)
        repetitions.append(tuple(_shift(a, by) for a in part.args))
        symbols.extend(part.symbols)
    return Expansion(tuple(symbols), (Listed(tuple(repetitions), sample),))
