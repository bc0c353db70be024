"""What is wrong or doubtful in a space that loads: what nothing uses, what draws cannot end, what never type-checks."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

from einsyn.analysis.never import never_typed
from einsyn.analysis.runaway import runaway
from einsyn.derivation.choosers import RandomChooser
from einsyn.diagnostics import Diagnostic, Span, in_order
from einsyn.elaborate.builtins import BUILTINS, COMBINATORS
from einsyn.grammar.macros.syntax import binding_places, names_in
from einsyn.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.grammar.macros.syntax import Definition
    from einsyn.grammar.model import Grammar
    from einsyn.space import Space

_WORD = re.compile(r"[A-Za-z_]\w*")


def lint(space: Space, draws: int, seed: int = 0) -> list[Diagnostic]:
    """Everything that there is to say about a space that loads, in the order of the file.

    Args:
        space: a loaded space.
        draws: how many draws to look at for alternatives that never type-check; 0 leaves these out.
        seed: of the draws.
    """
    grammar = space.grammar
    found = [*grammar.notes, *_unused(grammar), *_shadowing(grammar), *runaway(grammar)]
    if draws:
        nothing = _nothing(space)
        found += [nothing] if nothing is not None else never_typed(space, draws, seed)
    return in_order(found)


def _note(code: str, message: str, span: Span, hint: str) -> Diagnostic:
    return Diagnostic(code, message, span, hint=hint, severity="note")


def _nothing(space: Space) -> Diagnostic | None:
    """A warning about a space whose every derivation fails in the same way, because nothing is chosen before it."""
    outcome = space.elaborate(RandomChooser(Random(0)))
    if outcome.cause is None or outcome.root.production is not None:
        return None
    cause = outcome.cause.diagnostic()
    return Diagnostic(
        "G123",
        f"the space has no architecture: {cause.message}, whatever is chosen",
        cause.span or Span(space.grammar.file, 1, 1),
        evidence=(f"{cause.code}: {cause.message}", *cause.evidence),
        hint=cause.advice,
        severity="warning",
    )


def _unused(grammar: Grammar) -> Iterator[Diagnostic]:
    """Definitions that no alternative, `main` or `require` leads to, and parameters that nothing names."""
    directives = grammar.directives
    own = {name: d for name, d in directives.definitions.items() if d.span.file == grammar.file}
    roots = {p.name for p in grammar.productions}
    outside: set[str] = set()
    for expression in [directives.main, *[r.condition for r in directives.requires]]:
        if expression is not None:
            outside |= names_in(expression)
    reached: set[Definition] = set()
    pending = [directives.definitions[n] for n in sorted(roots | outside) if n in directives.definitions]
    while pending:
        definition = pending.pop()
        if definition not in reached:
            reached.add(definition)
            pending += [definition.scope[n] for n in sorted(names_in(definition)) if n in definition.scope]
    for name, definition in own.items():
        if definition not in reached:
            yield _note(
                "D060", f"the definition `{name}` is not used", definition.span, "name it in an alternative, or drop it"
            )
    named = grammar.weighed_by | outside
    for declared in (*directives.inputs, *([directives.output] if directives.output else [])):
        named |= set(_WORD.findall(declared.type_text))
    for definition in own.values():
        named |= names_in(definition)
    for name, span in directives.param_spans.items():
        if name not in named:
            yield _note("D061", f"the parameter `{name}` is not used", span, "use it in a definition, weight or type")


def _shadowing(grammar: Grammar) -> Iterator[Diagnostic]:
    """Names of the space's own file that hide others. The order is local, parameter, definition, primitive."""
    directives = grammar.directives
    primitives = {*OPS, *COMBINATORS, *BUILTINS}

    def hidden(name: str) -> str | None:
        if name in directives.params:
            return "the parameter of the space"
        if name in directives.definitions:
            return "the definition"
        return "the primitive" if name in primitives else None

    own = {name: d for name, d in directives.definitions.items() if d.span.file == grammar.file}
    for name, definition in own.items():
        if name in primitives:
            yield _note(
                "D062",
                f"the definition `{name}` hides the primitive of that name",
                definition.span,
                "give it a name of its own, unless every use means yours",
            )
        arguments = (*definition.values, *(definition.tensors or ()))
        for parameter in arguments:
            what = hidden(parameter.name)
            if what is not None:
                message = f"the argument `{parameter.name}` of `{name}` hides {what} of that name"
                yield _note("D063", message, parameter.span, "rename the argument")
        for local, span in binding_places(definition.body).items():
            what = hidden(local)
            if what is not None and local not in {p.name for p in arguments}:
                message = f"the local name `{local}` in `{name}` hides {what} of that name"
                yield _note("D065", message, span, "rename it")
    inputs = {declared.name for declared in directives.inputs}
    for name, span in directives.param_spans.items():
        if name in directives.definitions or name in primitives:
            what = "definition" if name in directives.definitions else "primitive"
            yield _note("D064", f"the parameter `{name}` hides the {what} of that name", span, "rename one of them")
        if name in inputs:
            yield _note("D066", f"the parameter `{name}` has the name of an input", span, "rename one of them")
