"""The terminals of a grammar: named ones and the anonymous literals of rules, with their domains."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.grammar.domain_pragmas import DomainBuilder
from einsyn.grammar.domains import ListDomain
from einsyn.grammar.lark_tree import CharRange, NameRef, RegexLiteral, StringLiteral
from einsyn.grammar.model import Terminal
from einsyn.grammar.pragmas import TerminalPragmas
from einsyn.grammar.references import literal_name, shown
from einsyn.grammar.shapes import Shape, Shapes, references

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.arithmetic import Arithmetic
    from einsyn.grammar.imports import TerminalEntry
    from einsyn.grammar.lark_tree import Alternative
    from einsyn.grammar.report import Report

_NO_DOMAIN = ListDomain(())


class Terminals:
    """Gives each terminal of the grammar, the same object every time.

    As in Lark, an anonymous literal equal to a named terminal is that terminal in the parser's tables
    (`symbol`); it still binds no argument.
    """

    def __init__(self, entries: Mapping[str, TerminalEntry], arithmetic: Arithmetic, report: Report) -> None:
        self._entries = entries
        self._report = report
        self._shapes = Shapes({name: e.definition for name, e in entries.items()}, report)
        self._domains = DomainBuilder(arithmetic, report)
        self._found: dict[str, Terminal] = {}
        self._shape_of: dict[str, Shape] = {}
        self._anonymous = 0
        self._by_literal: dict[tuple[str, bool], str] = {}
        for name in entries:
            shape = self._shapes.of(name) if self._is_sound(name) else None
            if shape is not None and shape.literal is not None:
                self._by_literal[shape.literal, shape.ignore_case] = name

    def _is_sound(self, name: str) -> bool:
        definition = self._entries[name].definition
        if any(a.items for a in definition.alternatives):
            return True
        self._report.fail("G033", f"the terminal `{name}` is empty", definition.span, "a terminal needs a text")

    def named(self, name: str) -> Terminal:
        """A defined terminal."""
        if name not in self._found:
            self._add(name, name, self._shapes.of(name), not name.startswith("_"), self._entries[name].definition.span)
        return self._found[name]

    def anonymous(self, value: StringLiteral | RegexLiteral | CharRange) -> Terminal:
        """A literal, pattern or range that stands in a rule."""
        if isinstance(value, StringLiteral):
            name = literal_name(value.text, value.ignore_case)
        else:
            name = shown(value)
        if name not in self._found:
            shape = self._shapes.of_value(value)
            symbol = self._by_literal.get((shape.literal, shape.ignore_case)) if shape.literal is not None else None
            self._add(name, symbol or self._fresh(), shape, False, value.span)
        return self._found[name]

    def ignored(self, alternatives: Sequence[Alternative], span: Span) -> Terminal:
        """The terminal that `%ignore` names or describes."""
        items = alternatives[0].items if len(alternatives) == 1 else ()
        shape = self._shapes.of_alternatives(alternatives, span)
        if len(items) == 1 and isinstance(items[0], NameRef):
            return self.named(items[0].name)
        name = " | ".join(" ".join(shown(i) for i in a.items) for a in alternatives)
        if name not in self._found:
            symbol = self._by_literal.get((shape.literal, shape.ignore_case)) if shape.literal is not None else None
            self._add(name, symbol or self._fresh(), shape, False, span)
        return self._found[name]

    def _fresh(self) -> str:
        self._anonymous += 1
        return f"__ANON_{self._anonymous - 1}"

    def _add(self, name: str, symbol: str, shape: Shape, binds: bool, span: Span) -> None:
        literal = shape.literal
        self._found[name] = Terminal(name, symbol, shape.pattern, literal, _NO_DOMAIN, binds, span)
        self._shape_of[name] = shape

    def shape(self, terminal: Terminal) -> Shape:
        """What a terminal matches."""
        return self._shape_of[terminal.name]

    def needed_by(self, names: Iterable[str]) -> set[str]:
        """Named terminals that the given ones are built of, themselves included."""
        needed: set[str] = set()
        waiting = [n for n in names if n in self._entries]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed.add(name)
                waiting.extend(r.name for r in references(self._entries[name].definition.alternatives))
        return needed

    def finish(self, terminal: Terminal, used_in: Span) -> None:
        """Work out the domain of a terminal that a rule uses."""
        if len(terminal.domain):
            return
        entry = self._entries.get(terminal.name)
        pragmas = entry.pragmas if entry is not None else TerminalPragmas()
        shape = self._shape_of[terminal.name]
        domain = self._domains.build(terminal, shape, pragmas, used_in, named=entry is not None)
        if domain is not None:
            terminal.domain = domain
            if len(domain) == 1:
                terminal.literal = domain.text(0)
