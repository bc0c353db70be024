"""Names that mean nothing where they stand, and something elsewhere: what their author was after."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final

from einsyn.errors import GrammarError
from einsyn.grammar.directives import read_directives
from einsyn.grammar.lark_syntax import parse_lark
from einsyn.grammar.macros.parser import Parser
from einsyn.grammar.report import Report
from einsyn.ir.types import KINDS
from einsyn.shipped import grammars_folder

if TYPE_CHECKING:
    from einsyn.grammar.model import Grammar

_AXIS: Final = re.compile(r"(\w+)[ \t]*:")


class Elsewhere:
    """What to tell somebody who names what a definition, or an alternative, does not see.

    Args:
        grammar: the loaded grammar; nothing of it is looked at before a name is asked about.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar

    def hint(self, name: str, file: str) -> str | None:
        """What to do about a name that is not bound in a definition or expression of a file."""
        grammar = self._grammar
        what = "rule" if name in grammar.rules else "terminal" if name in grammar.terminals else None
        if what is not None:
            return f"`{name}` is a {what}: definitions see none, what is chosen for them comes as arguments"
        if name in grammar.directives.params and file != grammar.file:
            return f"`{name}` is a parameter of the space; let the definition take it as an argument"
        return self.library_hint(name, file) or self._axis_hint(name)

    def library_hint(self, name: str, file: str) -> str | None:
        """The line that takes in the file that defines a name: one of the space, or a shipped one."""
        homes = _homes_among(self._grammar, name) or [lib for lib, names in _shipped().items() if name in names]
        if not homes:
            return None
        line = f"use {homes[0]}" if file.endswith(".ein") else f"//@ use {homes[0]}"
        return f"{homes[0]} defines `{name}`; take it in: `{line}`"

    def _axis_hint(self, name: str) -> str | None:
        axes = {axis for kind in KINDS for axis in kind}
        for declared in self._grammar.directives.inputs:
            axes.update(_AXIS.findall(declared.type_text))
        return f'axes are strings: `"{name}"`; anything else is bound, defined or an argument' if name in axes else None


def _homes_among(grammar: Grammar, name: str) -> list[str]:
    """Imported grammars that define a name: `%import` takes in their rules, and `use` their definitions."""
    homes: list[str] = []
    for file, text in grammar.files.items():
        if file.endswith(".lark") and text != grammar.source:
            homes += [file] if name in _defined_in(file, text) else []
    return homes


def _defined_in(file: str, text: str) -> set[str]:
    try:
        found = read_directives(parse_lark(text, file, Report()), Report())
    except GrammarError:  # only its rules were wanted so far
        return set()
    return {d.name for d in found.definitions}


@cache
def _shipped() -> dict[str, frozenset[str]]:
    """What each of the shipped files of definitions defines."""
    found: dict[str, frozenset[str]] = {}
    for path in sorted(grammars_folder().glob("*.ein")):
        definitions = Parser(path.read_text(encoding="utf-8"), path.name).file()[1]
        found[path.name] = frozenset([d.name for d in definitions])
    return found
