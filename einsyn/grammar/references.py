"""Checks that every name in a grammar means something, before anything is expanded."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from einsyn.diagnostics import closest, counted
from einsyn.grammar.lark_tree import CharRange, Group, NameRef, RegexLiteral, Repeat, StringLiteral, TemplateUse

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.grammar.imports import RuleEntry
    from einsyn.grammar.lark_tree import Item, RuleDef, TerminalDef
    from einsyn.grammar.report import Report


def shown(item: Item) -> str:
    """A part of a rule as people write it; for a template's instance this is its name."""
    match item:
        case NameRef():
            return item.name
        case StringLiteral():
            return literal_name(item.text, item.ignore_case)
        case RegexLiteral():
            return item.raw
        case CharRange():
            return f"{literal_name(item.first)}..{literal_name(item.last)}"
        case TemplateUse():
            return f"{item.name}{{{','.join(shown(a) for a in item.arguments)}}}"
        case Group():
            inner = " | ".join(" ".join(shown(i) for i in a.items) for a in item.alternatives)
            return f"[{inner}]" if item.optional else f"({inner})"
        case Repeat():
            bounds = f" ~ {item.low}..{item.high}" if item.operator == "~" else item.operator
            return f"{shown(item.item)}{bounds}"


def literal_name(text: str, ignore_case: bool = False) -> str:
    """An anonymous literal as diagnostics call it: with quotes, control characters escaped."""
    return json.dumps(text, ensure_ascii=False) + ("i" if ignore_case else "")


def check_references(rules: Mapping[str, RuleEntry], terminals: Mapping[str, TerminalDef], report: Report) -> None:
    """Undefined names, wrong numbers of template arguments, clashing template parameters."""
    for entry in rules.values():
        definition = entry.definition
        parameters = [p.name for p in definition.parameters]
        for number, parameter in enumerate(definition.parameters):
            if parameter.name in rules or parameter.name in terminals:
                report.error(
                    "G024",
                    f"the template parameter `{parameter.name}` is also the name of a rule",
                    parameter.span,
                    "give the parameter another name",
                )
            if parameter.name in parameters[:number]:
                report.error(
                    "G024",
                    f"the template parameter `{parameter.name}` is given twice",
                    parameter.span,
                    "give each parameter its own name",
                )
        _check_body(definition, set(parameters), rules, terminals, report)


def _check_body(
    definition: RuleDef,
    parameters: set[str],
    rules: Mapping[str, RuleEntry],
    terminals: Mapping[str, TerminalDef],
    report: Report,
) -> None:
    waiting: list[Item] = [i for a in reversed(definition.alternatives) for i in reversed(a.items)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, Group):
            waiting.extend(i for a in reversed(item.alternatives) for i in reversed(a.items))
        elif isinstance(item, Repeat):
            waiting.append(item.item)
        elif isinstance(item, TemplateUse):
            waiting.extend(reversed(item.arguments))
            if item.name not in parameters:
                _check_template(item, rules, report)
        elif isinstance(item, NameRef) and item.name not in parameters:
            _check_name(item, definition.name, rules, terminals, report)


def _check_template(use: TemplateUse, rules: Mapping[str, RuleEntry], report: Report) -> None:
    entry = rules.get(use.name)
    if entry is None:
        near = closest(use.name, (n for n, e in rules.items() if e.definition.parameters))
        report.error(
            "G020",
            f"the template `{use.name}` is not defined",
            use.span,
            f"did you mean `{near}`?" if near else f"define it: `{use.name}{{x}}: ...`",
        )
        return
    wanted, given = len(entry.definition.parameters), len(use.arguments)
    if not wanted:
        report.error("G025", f"the rule `{use.name}` is not a template", use.span, f"write `{use.name}` without braces")
    elif wanted != given:
        parameters = ", ".join(p.name for p in entry.definition.parameters)
        report.error(
            "G025",
            f"the template `{use.name}` takes {counted(wanted, 'argument')}, and {given} are given",
            use.span,
            f"its parameters are {parameters}",
        )


def _check_name(
    ref: NameRef,
    inside: str,
    rules: Mapping[str, RuleEntry],
    terminals: Mapping[str, TerminalDef],
    report: Report,
) -> None:
    known: Mapping[str, object] = terminals if ref.is_terminal else rules
    kind = "terminal" if ref.is_terminal else "rule"
    if ref.name not in known:
        near = closest(ref.name, known)
        hint = f"did you mean `{near}`?" if near else f"define it: `{ref.name}: ...`"
        report.error("G020", f"the {kind} `{ref.name}`, used in `{inside}`, is not defined", ref.span, hint)
    elif not ref.is_terminal and rules[ref.name].definition.parameters:
        parameters = ", ".join(p.name for p in rules[ref.name].definition.parameters)
        report.error(
            "G025",
            f"the template `{ref.name}` is used without arguments",
            ref.span,
            f"write `{ref.name}{{{parameters}}}`",
        )
