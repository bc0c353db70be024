"""What the values of a rule's alternatives still await: the same for all of them (LANGUAGE.md, "Definitions")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Diagnostic, counted
from einsyn.elaborate import plan as plans
from einsyn.elaborate.code import Code
from einsyn.elaborate.values import Bound, Macro
from einsyn.grammar.model import SpliceArg, Terminal
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from einsyn.elaborate.kinds import Kinds
    from einsyn.elaborate.plan import Plan
    from einsyn.grammar.model import Production, Rule


@dataclass(frozen=True, slots=True)
class Awaits:
    """What the value of a rule still needs: between `least` and `most` values (None: any number), then tensors.

    Args:
        least: None where it is not known before something runs.
        most: see above.
        tensors: None where any number will do.
        macro: the definition or primitive that takes them, if that is known.
        given: how many values it has already.
    """

    least: int | None
    most: int | None
    tensors: int | None
    macro: Code | type[Op] | None = None
    given: int = 0


_ALIKE: Final = "give all of them the same parameters after their children, even unused ones"


def check_alternatives(rules: Iterable[Rule], meanings: Sequence[Plan], kinds: Kinds) -> list[Diagnostic]:
    """What is wrong with alternatives that await something else than the first of their rule.

    Args:
        rules: of the grammar.
        meanings: what each production denotes, by its index.
        kinds: of the values of definitions.
    """
    problems: list[Diagnostic] = []
    for rule in rules:
        first: tuple[Production, Awaits] | None = None
        for production in rule.productions:
            awaits = _awaits(meanings[production.index], meanings)
            if awaits is None:
                continue
            if first is None:
                first = (production, awaits)
                continue
            told = _difference(first[1], awaits, kinds)
            if told is not None:
                said = f"`{_name(first[0])}` {told[0]}, `{_name(production)}` {told[1]}"
                hint = _tensors_as_values(first[1], awaits) or _tensors_as_values(awaits, first[1]) or _ALIKE
                problem = f"alternatives of `{rule.name}` await different things: {said}"
                problems.append(Diagnostic("D034", problem, production.span, hint=hint))
                break
    return problems


def _awaits(plan: Plan, meanings: Sequence[Plan]) -> Awaits | None:
    # Follow unnamed alternatives with one child down to something named.
    seen: set[Rule] = set()
    while plan.kind == plans.CHILD:
        symbol = plan.production.slots[plan.child]
        if isinstance(symbol, Terminal) or symbol in seen or not symbol.productions:
            return None
        seen.add(symbol)
        plan = meanings[symbol.productions[0].index]
    given = len(plan.production.args)
    if any(isinstance(a, SpliceArg) for a in plan.production.args):
        return None
    if plan.kind == plans.VALUE:
        return _of_value(plan.target)
    if plan.kind == plans.SEQUENCE:
        return Awaits(0, 0, None)
    target = Macro(plan.code) if plan.code is not None else plan.target
    if isinstance(target, Macro):
        return _of_definition(target.code, given)
    if isinstance(target, type) and issubclass(target, Op):
        declared = target.attributes
        most = None if any(a.variadic for a in declared.values()) else len(declared) - given
        return Awaits(max(0, target.required() - given), most, target.arity, target, given)
    return None


def _of_definition(code: Code, given: int) -> Awaits | None:
    least = max(0, code.required - given)
    most = None if code.rest else max(0, len(code.values) - given)
    if code.tensors is None and not least:
        return None
    tensors = None if code.tensors is None or code.tensor_rest else len(code.tensors)
    return Awaits(least, most, tensors, code, given)


def _of_value(value: object) -> Awaits | None:
    if isinstance(value, Op):
        return Awaits(0, 0, value.arity)
    if isinstance(value, Bound) and value.code.tensors is not None:
        return Awaits(0, 0, None if value.code.tensor_rest else len(value.code.tensors))
    return None


def _difference(a: Awaits, b: Awaits, kinds: Kinds) -> tuple[str, str] | None:
    """What is to be said of each of two alternatives where no call can suit both."""
    if a.tensors is not None and b.tensors is not None and a.tensors != b.tensors:
        return _count(a), _count(b)
    if a.least is None or b.least is None:
        return None
    if (b.most is not None and a.least > b.most) or (a.most is not None and b.least > a.most):
        return _count(a), _count(b)
    if a.least and b.least:
        # Values that either may go without are given by name, or to neither.
        mine, other = _values(a, kinds)[: a.least], _values(b, kinds)[: b.least]
        for (name, wanted), (called, needed) in zip(mine, other, strict=False):
            if wanted is not None and needed is not None and not wanted & needed:
                return f"{_kind(wanted)} as `{name}`", f"{_kind(needed)} as `{called}`"
    return None


def _tensors_as_values(a: Awaits, b: Awaits) -> str | None:
    """The hint where the second is no arrow because its tensors stand where values do: `define f(x) = ...`."""
    code = b.macro
    if not isinstance(code, Code) or code.tensors is not None or a.least != 0 or not a.tensors or b.least != a.tensors:
        return None
    return code.tensors_apart(b.given)


def _values(awaits: Awaits, kinds: Kinds) -> list[tuple[str, frozenset[str] | None]]:
    """The names of what is awaited, and the kinds that it may be of."""
    macro = awaits.macro
    if macro is None:
        return []
    if isinstance(macro, type):
        found = [(name, attribute.accepts or None) for name, attribute in macro.attributes.items()]
    else:
        found = [*zip(macro.values, kinds.of(macro), strict=False)]
    return found[awaits.given :]


def _kind(kinds: frozenset[str]) -> str:
    return f"awaits {' or '.join(sorted(kinds))}"


def _count(awaits: Awaits) -> str:
    values = f"awaits {counted(awaits.least or 0, 'value')}"
    return values if awaits.tensors is None else f"{values} and {counted(awaits.tensors, 'tensor')}"


def _name(production: Production) -> str:
    return production.alias or production.describe()
