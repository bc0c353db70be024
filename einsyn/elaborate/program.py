"""A loaded grammar made ready to run: definitions compiled, every production's meaning found and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic, Span, closest, counted, in_order
from einsyn.elaborate import plan as plans
from einsyn.elaborate.awaits import check_alternatives
from einsyn.elaborate.builtins import COMBINATORS, PRELUDE
from einsyn.elaborate.code import Code
from einsyn.elaborate.compile import compile_body, compile_expression, head
from einsyn.elaborate.elsewhere import Elsewhere
from einsyn.elaborate.infeasible import LANGUAGE
from einsyn.elaborate.kinds import Body, Kinds
from einsyn.elaborate.plan import Plan
from einsyn.elaborate.scope import Scope
from einsyn.elaborate.values import Bound, Combinator, Macro
from einsyn.errors import GrammarError
from einsyn.grammar.macros.parser import Parser
from einsyn.grammar.macros.syntax import Name
from einsyn.grammar.model import ConstArg, Production, Rule, SlotArg, SpliceArg, Terminal
from einsyn.ir.mismatch import Mismatch
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.grammar.macros.syntax import Definition, Expression, Require
    from einsyn.grammar.model import Arg, Grammar

# Costs that a `require` of the space may name.
COSTS = ("params", "macs", "memory", "ops", "depth", "size")


class Program:
    """What elaboration needs of a grammar.

    Args:
        grammar: the loaded grammar.

    Raises:
        GrammarError: D0xx, with every mistake that can be found before anything is chosen.
    """

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        directives = grammar.directives
        self._codes: dict[Definition, Code] = {}
        self._definitions: dict[Code, Definition] = {}
        self._references: dict[Code, set[Code]] = {}
        self._scopes: dict[Code, Scope] = {}
        self._problems: list[Diagnostic] = []
        prelude = Parser(PRELUDE, LANGUAGE).file()[1]
        self._prelude = {d.name: d for d in prelude}
        self._elsewhere = Elsewhere(grammar)
        self.scope = Scope(self._visible(directives.definitions), directives.params, self._elsewhere)
        self._compile(list(directives.definitions.values()))
        self._refuse_recursion()
        self.main = None if directives.main is None else self._main()
        # The commonest form, the name of a definition that takes the body: nothing has to run to get its arrow.
        self.wrapper: Code | None = None
        if isinstance(directives.main, Name):
            code = self.scope.macros.get(directives.main.name)
            if code is not None and len(code.values) == 1 and not code.rest and code.tensors is not None:
                self.wrapper = code
        self.requires = self._requires()
        self.plans = [self._plan(p) for p in grammar.productions]
        self._problems += check_alternatives(grammar.rules.values(), self.plans, Kinds(self._body))
        if self._problems:
            raise GrammarError(in_order(self._problems))

    # Definitions.

    def _visible(self, definitions: Mapping[str, Definition]) -> dict[str, Code]:
        """The code of every definition that a file sees, the prelude's below its own."""
        named: dict[str, Definition] = {**self._prelude, **definitions}
        return {name: self._head(d) for name, d in named.items()}

    def _head(self, definition: Definition) -> Code:
        code = self._codes.get(definition)
        if code is None:
            code = self._codes[definition] = head(definition)
            self._definitions[code] = definition
        return code

    def _compile(self, definitions: list[Definition]) -> None:
        """Compile definitions and whatever they refer to; each sees the names of its own file."""
        scopes: dict[int, Scope] = {}
        own = self.grammar.directives.definitions
        pending = [*definitions, *self._prelude.values()]
        while pending:
            definition = pending.pop()
            code = self._head(definition)
            if code in self._references:
                continue
            if own.get(definition.name) is definition and definition.span.file == self.grammar.file:
                scope = self.scope
            else:
                # A `.ein` file sees its own names; parameters reach it as arguments.
                key = id(definition.scope)
                if key not in scopes:
                    scopes[key] = Scope(self._visible(definition.scope), {}, self._elsewhere)
                scope = scopes[key]
            self._scopes[code] = scope
            try:
                references = compile_body(code, definition, scope)
            except GrammarError as error:
                self._problems.extend(error.diagnostics)
                references = set[Code]()
            self._references[code] = references
            pending.extend(self._definitions[r] for r in references if r not in self._references)

    def _body(self, code: Code) -> Body | None:
        """A definition as it was written, and what it refers to."""
        scope = self._scopes.get(code)
        return None if scope is None else Body(self._definitions[code], scope, self._references[code])

    def _refuse_recursion(self) -> None:
        """Definitions that lead back to themselves would never end."""
        done: set[Code] = set()
        for start in self._references:
            path: list[Code] = []
            pending: list[tuple[Code, bool]] = [(start, False)]
            while pending:
                code, leaving = pending.pop()
                if leaving:
                    path.pop()
                    done.add(code)
                    continue
                if code in path:
                    cycle = [*path[path.index(code) :], code]
                    self._problems.append(
                        Diagnostic(
                            "D020",
                            f"definitions call each other: {' -> '.join(c.name for c in cycle)}",
                            code.span,
                            hint="recursion belongs in the grammar, where a derivation bounds it; use repeat or a fold",
                        )
                    )
                    raise GrammarError(in_order(self._problems))
                if code in done:
                    continue
                path.append(code)
                pending.append((code, True))
                pending.extend((r, False) for r in self._references.get(code, ()))

    def _main(self) -> Code | None:
        expression = self.grammar.directives.main
        assert expression is not None
        return self._compiled("main", expression)

    def _requires(self) -> list[tuple[Code, Require]]:
        """What an architecture has to fulfil, with the code that finds out."""
        directives = self.grammar.directives
        costs = tuple(c for c in COSTS if c not in directives.params)
        compiled = [(self._compiled("require", r.condition, costs), r) for r in directives.requires]
        return [(code, r) for code, r in compiled if code is not None]

    def _compiled(self, name: str, expression: Expression, locals_: tuple[str, ...] = ()) -> Code | None:
        """The code of an expression; None where it is wrong, which is noted."""
        try:
            return compile_expression(name, expression, self.scope, locals_)
        except GrammarError as error:
            self._problems.extend(error.diagnostics)
            return None

    # Productions.

    def _problem(self, code: str, message: str, span: Span, hint: str | None = None) -> None:
        self._problems.append(Diagnostic(code, message, span, hint=hint))

    def _plan(self, production: Production) -> Plan:
        args = production.args
        if production.alias is None:
            target = self.scope.macros.get(production.name)
            if target is None:
                if production.rule.splices:
                    return Plan(production, plans.VALUE)  # its children are arguments of the one above
                if len(args) == 1:
                    return _value_of(production)
                self._problem(
                    "D030",
                    f"alternative {production.position} of `{production.rule.name}` has {_count(args)} and no name",
                    production.span,
                    f"name what it denotes, `-> seq`, or define `{production.name}`",
                )
                return Plan(production, plans.VALUE)
            return self._plan_macro(production, Macro(target))
        target = self.scope.lookup(production.alias)
        if isinstance(target, Macro):
            return self._plan_macro(production, target)
        if isinstance(target, Combinator):
            return self._plan_combinator(production, target)
        if isinstance(target, type) and issubclass(target, Op):
            return self._plan_primitive(production, target)
        self._problem(
            "D031",
            f"`{production.alias}` is neither a definition nor a primitive",
            production.span,
            self._missing(production.alias),
        )
        return Plan(production, plans.VALUE)

    def _missing(self, alias: str) -> str:
        """What to do about an alias that denotes nothing."""
        if alias in self.scope.params:
            return f"the parameter `{alias}` hides what has that name; give the parameter another"
        # Definitions belong to the file of the space, also for alternatives that it imports.
        home = self._elsewhere.library_hint(alias, self.grammar.file)
        if home is not None:
            return home
        near = closest(alias, self.scope.names())
        return f"did you mean `{near}`?" if near else f"add `//@ define {alias}(...)(x) = ...`"

    def _plan_macro(self, production: Production, target: Macro) -> Plan:
        code, given = target.code, len(production.args)
        most = len(code.values)
        if not code.rest and given > most and not _splices(production.args):
            self._problem(
                "D032",
                f"`{code.name}` takes {counted(most, 'value')}, this alternative gives {given}",
                production.span,
                code.usage(),
            )
        elif code.tensors is not None and not code.rest and not _splices(production.args) and given >= code.required:
            if given == most:
                if not production.slots and all(isinstance(a, ConstArg) for a in production.args):
                    values = tuple(a.value for a in production.args if isinstance(a, ConstArg))
                    return Plan(production, plans.VALUE, Bound(code, values))
                return Plan(production, plans.ARROW, None, code)
        return Plan(production, plans.CALL, target)

    def _plan_combinator(self, production: Production, target: Combinator) -> Plan:
        given = len(production.args)
        if given < target.minimum or (target.maximum is not None and given > target.maximum):
            self._problem(
                "D032", f"`{target.name}` is given {counted(given, 'argument')}", production.span, target.usage
            )
        plan = Plan(production, plans.CALL, target)
        if target is COMBINATORS["seq"] and plan.plain and all(isinstance(s, Rule) for s in production.slots):
            plan.kind = plans.SEQUENCE
        return plan

    def _plan_primitive(self, production: Production, target: type[Op]) -> Plan:
        args = production.args
        declared = target.attributes
        variadic = any(a.variadic for a in declared.values())
        if len(args) > len(declared) and not variadic and not _splices(args):
            rules = [s.name for s in production.slots if isinstance(s, Rule)]
            hint = f"its signature is {target.usage()}"
            if rules:
                names = ", ".join("abcdefgh"[: len(rules)])
                calls = ", ".join(f"{n}(x)" for n in names.split(", "))
                hint = (
                    f"children are arrows, not tensors: write `//@ define both({names})(x) = "
                    f"{target.name}({calls})` and name the alternative `-> both`"
                )
            self._problem(
                "D032",
                f"`{target.name}` takes {counted(len(declared), 'attribute')}, this alternative gives {len(args)}",
                production.span,
                hint,
            )
            return Plan(production, plans.VALUE)
        if all(isinstance(a, ConstArg) for a in args):
            values = [a.value for a in args if isinstance(a, ConstArg)]
            if len(values) < target.required():
                return Plan(production, plans.CALL, target)
            try:
                return Plan(production, plans.VALUE, target.configure(*values))
            except Mismatch as m:
                self._problem("D033", m.message, production.span, m.hint)
                return Plan(production, plans.VALUE)
        if all(isinstance(s, Terminal) for s in production.slots) and len(args) >= target.required():
            return Plan(production, plans.PRIMITIVE, target)
        return Plan(production, plans.CALL, target)


def _value_of(production: Production) -> Plan:
    """An unnamed alternative with one argument means that argument."""
    arg = production.args[0]
    if isinstance(arg, ConstArg):
        return Plan(production, plans.VALUE, arg.value)
    return Plan(production, plans.CHILD if isinstance(arg, SlotArg) else plans.ARGUMENT)


def _count(args: tuple[Arg, ...]) -> str:
    return f"{len(args)} children" if args else "no children"


def _splices(args: tuple[Arg, ...]) -> bool:
    return any(isinstance(a, SpliceArg) for a in args)
