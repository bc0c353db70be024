"""The kinds that the values of definitions have to be of, as far as their bodies say before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.elaborate.values import Macro
from einsyn.grammar.macros.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Comprehension,
    Conditional,
    Fold,
    Index,
    ListOf,
    Logical,
    Name,
    Require,
    Spread,
    Unary,
    bound_in,
)
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from einsyn.elaborate.code import Code
    from einsyn.elaborate.scope import Scope
    from einsyn.grammar.macros.syntax import Definition

_ARROW: Final = frozenset({"an arrow"})
_LIST: Final = frozenset({"a list"})
_BOOLEAN: Final = frozenset({"true or false"})
_INTEGER: Final = frozenset({"an integer"})
_NUMBER: Final = frozenset({"an integer", "a number"})
# Tensors take part in arithmetic; a value is none, but a definition without a list of tensors may be given one.
_ARITHMETIC: Final = _NUMBER | {"a tensor"}


class Body(NamedTuple):
    """A definition as it is looked at here.

    Args:
        definition: its syntax.
        scope: what the names in it mean.
        uses: the definitions that it refers to.
    """

    definition: Definition
    scope: Scope
    uses: Iterable[Code]


class Kinds:
    """For definitions, the kinds that their values may be of.

    Counted is what happens whenever a definition is applied: nothing in branches, loops, or behind `and` and `or`. A
    name that is bound again stands for something else, and is left out.

    Args:
        bodies: of definitions, none of which leads back to itself; asked for those that somebody wants to know of.
    """

    def __init__(self, bodies: Callable[[Code], Body | None]) -> None:
        self._bodies = bodies
        self._known: dict[Code, list[frozenset[str] | None]] = {}

    def of(self, code: Code) -> list[frozenset[str] | None]:
        """For every value of a definition the kinds that it may be of; None where the body does not say."""
        pending = [(code, False)]
        while pending:
            here, leaving = pending.pop()
            body = self._bodies(here)
            if leaving and body is not None:
                self._known[here] = self._found(body)
            elif here not in self._known:
                self._known[here] = []
                if body is not None:
                    pending += [(here, True), *[(used, False) for used in body.uses]]
        return self._known[code]

    def _found(self, body: Body) -> list[frozenset[str] | None]:
        own = body.definition.values
        bound = bound_in(body.definition.body)
        local = bound | {p.name for p in (*own, *(body.definition.tensors or ()))}
        wanted: dict[str, frozenset[str]] = {}
        for name, kinds in _demands(body, local, self._known):
            wanted[name] = wanted.get(name, kinds) & kinds
        # What has to be two things at once is another mistake, found where it is made.
        return [None if p.rest or p.name in bound else wanted.get(p.name) or None for p in own]


def _demands(
    body: Body, local: set[str], known: Mapping[Code, list[frozenset[str] | None]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """Names, and the kinds that what they stand for may be of, for everything that a body certainly does."""
    pending: list[object] = [body.definition.body]
    while pending:
        item = pending.pop()
        wanted: list[tuple[object, frozenset[str] | None]] = []
        match item:
            case Block():
                pending += [*item.statements, *item.results]
            case Assign():
                pending.append(item.value)
            case Require():
                wanted = [(item.condition, _BOOLEAN)]
            case Fold():
                wanted = [(item.items, _LIST), *[(value, None) for _, value in item.bindings]]
            case Call():
                wanted = [(item.function, _ARROW), *_arguments(item, body.scope, local, known)]
            case Index():
                wanted = [(item.items, _LIST), (item.place, _INTEGER)]
            case Unary():
                wanted = [(item.operand, _BOOLEAN if item.operator == "not" else _ARITHMETIC)]
            case Binary():
                kinds = _OPERANDS.get(item.operator)
                wanted = [(item.left, kinds), (item.right, kinds)]
            case Logical():
                wanted = [(item.left, _BOOLEAN)]
            case Conditional():
                wanted = [(item.condition, _BOOLEAN)]
            case ListOf():
                wanted = [(part, None) for part in item.items]
            case Comprehension():
                wanted = [(item.items, _LIST)]
            case Spread():
                wanted = [(item.value, _LIST)]
            case _:
                pass
        for part, kinds in wanted:
            if isinstance(part, Name) and kinds is not None:
                yield part.name, kinds
            pending.append(part)


_OPERANDS: Final = {
    "..": _INTEGER,
    **dict.fromkeys(("-", "*", "/", "%", "**"), _ARITHMETIC),
    **dict.fromkeys(("<", "<=", ">", ">="), _NUMBER),
}


def _arguments(
    call: Call, scope: Scope, local: set[str], known: Mapping[Code, list[frozenset[str] | None]]
) -> Iterator[tuple[object, frozenset[str] | None]]:
    """The arguments of a call with the kinds that what is called takes."""
    function = call.function
    callee = scope.lookup(function.name) if isinstance(function, Name) and function.name not in local else None
    places: list[frozenset[str] | None] = []
    names: dict[str, frozenset[str] | None] = {}
    if isinstance(callee, Macro):
        places = known.get(callee.code, [])
        names = dict(zip(callee.code.values, places, strict=False))
    elif isinstance(callee, type) and issubclass(callee, Op):
        names = {name: attribute.accepts or None for name, attribute in callee.attributes.items()}
        places = [*names.values()]
    spread = next((i for i, a in enumerate(call.positional) if isinstance(a, Spread)), len(call.positional))
    for place, argument in enumerate(call.positional):
        yield argument, places[place] if place < min(spread, len(places)) else None
    for name, argument in call.named:
        yield argument, names.get(name)
