"""Loads a search space: from the text of a `.lark` file to its grammar, or to diagnostics."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic, Span, closest
from einsyn.errors import UsageError
from einsyn.files import read_text
from einsyn.grammar.arithmetic import Arithmetic
from einsyn.grammar.build import Builder
from einsyn.grammar.canonical import SpacingBuilder
from einsyn.grammar.conflicts import report_conflicts
from einsyn.grammar.definitions import Definitions
from einsyn.grammar.directives import FileDirectives, read_directives
from einsyn.grammar.expansion import Expander
from einsyn.grammar.imports import Importer, Module
from einsyn.grammar.model import Directives, Grammar, Rule, Scalar, Terminal
from einsyn.grammar.references import check_references
from einsyn.grammar.report import Report
from einsyn.grammar.sources import Sources
from einsyn.grammar.tables import Tables
from einsyn.grammar.terminals import Terminals

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.grammar.macros.syntax import Definition
    from einsyn.grammar.model import Production


def load_grammar(
    path: Path | str,
    *,
    text: str | None = None,
    params: Mapping[str, Scalar] | None = None,
    search: Sequence[Path] = (),
) -> Grammar:
    """Load the grammar and the directives of a search space.

    Args:
        path: the `.lark` file; with `text`, what diagnostics call it and where imports are looked for.
        text: its contents, where they are not to be read from the file.
        params: values that replace the defaults of `//@ param` lines.
        search: folders of shipped `.lark` and `.ein` files.

    Raises:
        GrammarError: the space is wrong.
        FileError: a file cannot be read.
        UsageError: a parameter does not exist or has another kind.
    """
    main = Path(path)
    report = Report()
    sources = Sources(main, search, report)
    text = read_text(main, "a space") if text is None else text
    sources.add(main, text)
    if not text.strip():
        report.fail(
            "G001", f"{main} is empty", Span(str(main), 1, 1), "a space has at least `//@ einsyn 1` and a rule `start`"
        )
    module = Importer(sources, report).module(main, text)
    written = read_directives(module.tree, report)
    _check_version(module, written, report)
    definitions = Definitions(sources, report).visible(main, written.uses, written.definitions)
    values = _parameters(written, params or {})
    directives = _directives(written, values, definitions, report)
    report.check()

    arithmetic = Arithmetic(values, report)
    terminal_definitions = {name: entry.definition for name, entry in module.terminals.items()}
    check_references(module.rules, terminal_definitions, report)
    _check_start(module, report)
    report.check()
    terminals = Terminals(module.terminals, arithmetic, report)
    ignored = [terminals.ignored(i.alternatives, i.span) for i in module.tree.ignores]
    bodies = Expander(module.rules, terminals, report).expand()
    start = bodies["start"].rule
    rules, productions = Builder(bodies, terminals, arithmetic, report).build(start)
    used = _used_terminals(productions, ignored, report)
    _note_unused(module, rules, used, terminals, report)

    tables = Tables(start, productions, used, ignored)
    report_conflicts(tables, report)
    shapes = {t.symbol: terminals.shape(t) for t in used}
    spacing = SpacingBuilder(tables, shapes, ignored, report).build()
    named = f"{sources.digest} {sorted(values.items())}"
    for rule in rules:
        rule.spacing = spacing
        rule.grammar = named
    return Grammar(
        file=str(main),
        source=text,
        digest=sources.digest,
        start=start,
        rules={r.name: r for r in rules},
        terminals={t.name: t for t in used},
        productions=tuple(productions),
        ignored=tuple(ignored),
        tables=tables,
        spacing=spacing,
        directives=directives,
        notes=tuple(report.notes),
        weighed_by=frozenset(arithmetic.used),
        files=sources.files(),
    )


def _check_version(module: Module, written: FileDirectives, report: Report) -> None:
    if written.version is None:
        report.error(
            "G060",
            "the space does not say its language version",
            Span(module.tree.file, 1, 1),
            "begin it with `//@ einsyn 1`",
        )


def _check_start(module: Module, report: Report) -> None:
    entry = module.rules.get("start")
    if entry is None:
        near = closest("start", module.rules)
        report.error(
            "G105",
            "there is no rule `start`",
            Span(module.tree.file, 1, 1),
            f"rename `{near}`" if near else "every sentence is derived from `start`",
        )
    elif entry.definition.parameters:
        report.error("G105", "the rule `start` is a template", entry.definition.span, "`start` has no parameters")


def _parameters(written: FileDirectives, given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    values = {name: value for name, (value, _) in written.params.items()}
    for name, value in given.items():
        if name not in values:
            near = closest(name, values)
            known = f"its parameters are {', '.join(values)}" if values else "it has no parameters"
            hint = f"did you mean `{near}`?" if near else known
            raise UsageError(Diagnostic("U010", f"the space has no parameter `{name}`", hint=hint))
        values[name] = _converted(name, value, *written.params[name])
    return values


def _converted(name: str, value: Scalar, default: Scalar, span: Span) -> Scalar:
    if type(value) is type(default) and not (isinstance(value, float) and not math.isfinite(value)):
        return value
    if isinstance(default, float) and type(value) is int and abs(value) < 1e300:
        return float(value)
    kinds = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a string"}
    message = f"the parameter `{name}` is {kinds[type(default)]}, and {value!r} is not"
    raise UsageError(Diagnostic("U011", message, span, hint=f"its default is {default!r}"))


def _directives(
    written: FileDirectives, values: dict[str, Scalar], definitions: Mapping[str, Definition], report: Report
) -> Directives:
    inputs = {i.name for i in written.inputs}
    for name, settings in written.profiles.items():
        for key in settings:
            if key != "input" and key not in inputs and key not in values:
                near = closest(key, ("input", *inputs, *values))
                report.error(
                    "G065",
                    f"the profile `{name}` sets `{key}`, which is no parameter or input",
                    written.profile_spans[name],
                    f"did you mean `{near}`?" if near else None,
                )
    return Directives(
        inputs=tuple(written.inputs),
        output=written.output,
        params=values,
        param_spans={name: span for name, (_, span) in written.params.items()},
        main=written.main,
        definitions=definitions,
        requires=tuple(written.requires),
        limits=written.limits,
        profiles=written.profiles,
        title=written.title,
        cite=tuple(written.cite),
    )


def _used_terminals(productions: Sequence[Production], ignored: Sequence[Terminal], report: Report) -> list[Terminal]:
    used: dict[str, Terminal] = {}
    dropped = {t.symbol for t in ignored}
    for production in productions:
        for symbol in production.symbols:
            if isinstance(symbol, Rule) or symbol.name in used:
                continue
            used[symbol.name] = symbol
            if symbol.symbol in dropped:
                report.error(
                    "G101",
                    f"`{symbol.name}` is used in `{production.rule.name}` and ignored everywhere",
                    production.span,
                    "a token is either part of the sentence or ignored",
                )
    report.check()
    for terminal in ignored:
        used.setdefault(terminal.name, terminal)
    return list(used.values())


def _note_unused(
    module: Module, rules: Sequence[Rule], used: Sequence[Terminal], terminals: Terminals, report: Report
) -> None:
    file = module.tree.file
    names = {r.name.partition("{")[0] for r in rules}
    for rule in module.tree.rules:
        first = rule.alternatives[0]
        if (
            len(rule.alternatives) > 1
            and not first.items
            and not first.alias
            and rule.alternatives[1].span.line > first.end_line
        ):
            report.note(
                "G112",
                f"the first alternative of `{rule.name}` is empty: it ends with its line",
                first.span,
                "begin the first alternative on the line of the colon, or give the empty one an alias",
            )
    for name, entry in module.rules.items():
        if name not in names and entry.definition.span.file == file:
            report.note(
                "G110",
                f"the rule `{name}` is not reachable from `start`",
                entry.definition.span,
                "use it or leave it out",
            )
    needed = terminals.needed_by(t.name for t in used)
    for name, entry in module.terminals.items():
        if name not in needed and entry.definition.span.file == file:
            report.note("G111", f"the terminal `{name}` is not used", entry.definition.span, "use it or leave it out")
