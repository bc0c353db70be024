"""Puts a grammar together from its file and from what it imports, by Lark's rules.

Imported names keep their name or take the one after `->`. What they need in turn comes along under the
name `grammar__name`. Aliases of alternatives are not renamed: they denote macros.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import closest
from einsyn.grammar.lark_syntax import parse_lark
from einsyn.grammar.lark_tree import (
    Alternative,
    Group,
    Import,
    Item,
    LarkFile,
    NameRef,
    Repeat,
    RuleDef,
    TemplateUse,
    TerminalDef,
    Value,
)
from einsyn.grammar.pragmas import RulePragmas, TerminalPragmas, read_pragmas

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.diagnostics import Span
    from einsyn.grammar.report import Report
    from einsyn.grammar.sources import Sources

MAX_DEPTH: Final = 20


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class RuleEntry:
    """A rule or template with its pragmas."""

    definition: RuleDef
    pragmas: RulePragmas


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class TerminalEntry:
    """A terminal with its pragmas."""

    definition: TerminalDef
    pragmas: TerminalPragmas


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Module:
    """All definitions that a file sees: imported ones first, then its own, in order."""

    tree: LarkFile
    rules: dict[str, RuleEntry]
    terminals: dict[str, TerminalEntry]


class Importer:
    """Loads `.lark` files with their imports; each file once."""

    def __init__(self, sources: Sources, report: Report) -> None:
        self._sources = sources
        self._report = report
        self._open: list[Path] = []

    def module(self, path: Path, text: str) -> Module:
        """The definitions of a file and of what it imports."""
        tree = parse_lark(text, str(path), self._report)
        pragmas = read_pragmas(tree, self._report)
        module = Module(tree, {}, {})
        self._open.append(path.resolve())
        for group in _by_path(tree.imports):
            self._import(path, group, module)
        self._open.pop()
        imported = {*module.rules, *module.terminals}
        for rule in tree.rules:
            self._define(rule, module, imported)
            module.rules[rule.name] = RuleEntry(rule, pragmas.rules.get(rule.name, RulePragmas()))
        for terminal in tree.terminals:
            self._define(terminal, module, imported)
            own = pragmas.terminals.get(terminal.name, TerminalPragmas())
            module.terminals[terminal.name] = TerminalEntry(terminal, own)
        for statement in tree.imports:
            for _, name in statement.names:  # a pragma at the end of an import is about the imported terminal
                if name in pragmas.terminals and name in module.terminals:
                    module.terminals[name].pragmas = pragmas.terminals[name]
        return module

    def _define(self, definition: RuleDef | TerminalDef, module: Module, imported: set[str]) -> None:
        name = definition.name
        earlier = module.rules.get(name) or module.terminals.get(name)
        kind = "rule" if isinstance(definition, RuleDef) else "terminal"
        if definition.override and earlier is None:
            self._report.error(
                "G023",
                f"`%override` of the {kind} `{name}`, which is not imported",
                definition.span,
                "leave `%override` out, or import the name first",
            )
        elif earlier is not None and not definition.override:
            where = earlier.definition.span
            hint = "write `%override` before it" if name in imported else "give one of them another name"
            self._report.error(
                "G021",
                f"the {kind} `{name}` is defined twice",
                definition.span,
                hint,
                evidence=(f"first defined at {where}",),
            )

    # Imports.

    def _import(self, importer: Path, statements: list[Import], module: Module) -> None:
        first = statements[0]
        path = self._locate(importer, first)
        if path.resolve() in self._open:
            self._report.fail(
                "G074",
                f"`{path.name}` imports itself, perhaps through another grammar",
                first.span,
                "move what both need into a third file",
            )
        if len(self._open) > MAX_DEPTH:
            self._report.fail("G074", f"imports nest more than {MAX_DEPTH} deep", first.span, None)
        other = self.module(path, self._sources.read(path, first.span))
        wanted: dict[str, str] = {}
        places: dict[str, Span] = {}
        for statement in statements:
            for ref, alias in statement.names:
                if ref.name not in other.rules and ref.name not in other.terminals:
                    near = closest(ref.name, (*other.rules, *other.terminals))
                    self._report.fail(
                        "G022",
                        f"`{path.name}` has no `{ref.name}`",
                        ref.span,
                        f"did you mean `{near}`?" if near else None,
                    )
                wanted[ref.name] = alias
                places[ref.name] = ref.span
        prefix = "__".join(first.path)

        def renamed(name: str) -> str:
            if name in wanted:
                return wanted[name]
            return f"_{prefix}__{name[1:]}" if name.startswith("_") else f"{prefix}__{name}"

        self._take(other, places, renamed, module)

    def _locate(self, importer: Path, statement: Import) -> Path:
        name = "/".join(statement.path) + ".lark"
        bundled = Path(_lark_folder()) / name
        if not statement.relative and bundled.is_file():
            return bundled
        return self._sources.find(name, importer, statement.span, (".lark",), "%import")

    def _take(self, other: Module, wanted: dict[str, Span], renamed: Callable[[str], str], module: Module) -> None:
        """Copy the named definitions and what they need, under their new names."""
        seen = set(wanted)
        waiting = list(wanted)
        needed: list[str] = []
        while waiting:
            name = waiting.pop()
            needed.append(name)
            entry = other.rules.get(name) or other.terminals.get(name)
            if entry is None:
                continue  # undefined there; reported where it is used
            own = {p.name for p in entry.definition.parameters} if isinstance(entry, RuleEntry) else set[str]()
            for used in _names(entry.definition.alternatives):
                if used not in own and used not in seen:
                    seen.add(used)
                    waiting.append(used)
        chosen = set(needed)
        for name, entry in (*other.rules.items(), *other.terminals.items()):
            if name not in chosen:
                continue
            new = renamed(name)
            if new in module.rules or new in module.terminals:
                self._report.fail(
                    "G021", f"`{new}` is imported twice", wanted.get(name), "rename one of them with `-> name`"
                )
            if isinstance(entry, RuleEntry):
                module.rules[new] = RuleEntry(_rename_rule(entry.definition, new, renamed), entry.pragmas)
            else:
                alternatives = _rename_all(entry.definition.alternatives, renamed)
                # An imported terminal has its place, for what concerns it as a whole, where it is imported.
                place = wanted.get(name, entry.definition.span)
                definition = replace(entry.definition, name=new, alternatives=alternatives, span=place, override=False)
                module.terminals[new] = TerminalEntry(definition, entry.pragmas)


def _by_path(statements: tuple[Import, ...]) -> list[list[Import]]:
    groups: dict[tuple[bool, tuple[str, ...]], list[Import]] = {}
    for statement in statements:
        groups.setdefault((statement.relative, statement.path), []).append(statement)
    return list(groups.values())


def _lark_folder() -> str:
    """Where Lark keeps the grammars that come with it (`common`, `unicode`)."""
    from importlib.util import find_spec

    spec = find_spec("lark")
    folder = (spec.submodule_search_locations or [""])[0] if spec else ""
    return f"{folder}/grammars"


def _names(alternatives: tuple[Alternative, ...]) -> list[str]:
    found: list[str] = []
    waiting: list[Item] = [i for a in alternatives for i in a.items]
    while waiting:
        item = waiting.pop()
        if isinstance(item, NameRef):
            found.append(item.name)
        elif isinstance(item, Group):
            waiting.extend(i for a in item.alternatives for i in a.items)
        elif isinstance(item, Repeat):
            waiting.append(item.item)
        elif isinstance(item, TemplateUse):
            found.append(item.name)
            waiting.extend(item.arguments)
    return found


def _rename_rule(rule: RuleDef, name: str, renamed: Callable[[str], str]) -> RuleDef:
    own = {p.name for p in rule.parameters}

    def inner(old: str) -> str:
        return old if old in own else renamed(old)

    return replace(rule, name=name, alternatives=_rename_all(rule.alternatives, inner), override=False)


def _rename_all(alternatives: tuple[Alternative, ...], renamed: Callable[[str], str]) -> tuple[Alternative, ...]:
    return tuple(replace(a, items=tuple(_rename(i, renamed) for i in a.items)) for a in alternatives)


def _rename(item: Item, renamed: Callable[[str], str]) -> Item:
    if isinstance(item, Group):
        return replace(item, alternatives=_rename_all(item.alternatives, renamed))
    if isinstance(item, Repeat):
        return replace(item, item=_rename(item.item, renamed))
    return _rename_value(item, renamed)


def _rename_value(value: Value, renamed: Callable[[str], str]) -> Value:
    if isinstance(value, NameRef):
        return replace(value, name=renamed(value.name))
    if isinstance(value, TemplateUse):
        arguments = tuple(_rename_value(a, renamed) for a in value.arguments)
        return TemplateUse(renamed(value.name), arguments, value.span)
    return value
