"""The values of the definition language. Scalars, strings, `None` and tuples (lists) are Python's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from einsyn.derivation.choice import UNSET, Choice
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.elaborate.code import Code
    from einsyn.elaborate.tape import Tape
    from einsyn.ir.types import TensorType


# Any value of the language. Its kind is known when something runs: see `kind_name`.
Value = Any


class Tensor:
    """A value of the graph under construction."""

    __slots__ = ("index", "type")

    def __init__(self, index: int, type_: TensorType) -> None:
        self.index = index
        self.type = type_


# Values that are the same wherever they are equal.
_PLAIN = frozenset((int, float, str, bool, type(None), object))


def is_plain(value: Value) -> bool:
    """Whether a value is its own key: a scalar, nothing, an operation or a primitive, or a list of integers."""
    kind = value.__class__
    return (
        kind in _PLAIN
        or isinstance(value, Op | type)
        or (kind is tuple and all([item.__class__ is int for item in value]))
    )


class Macro:
    """A definition as a first-class value, with leading arguments that are already there.

    Awaits the other values; an argument that is left out and has a default is filled in when it runs.
    """

    __slots__ = ("args", "code")

    def __init__(self, code: Code, args: tuple[object, ...] = ()) -> None:
        self.code = code
        self.args = args


class Bound:
    """An arrow: a definition that has all its values and waits for tensors."""

    __slots__ = ("args", "code", "key")

    def __init__(self, code: Code, args: tuple[Value, ...]) -> None:
        self.code = code
        self.args = args
        # What tells its applications apart, beside the types, if nothing in it is chosen; else None.
        self.key: tuple[Value, ...] | None = (
            tuple([(a.__class__, a) for a in args]) if all([a.__class__ in _PLAIN for a in args]) else None
        )


class Open:
    """A primitive with its leading attributes, that awaits others."""

    __slots__ = ("args", "primitive")

    def __init__(self, primitive: type[Op], args: tuple[Value, ...]) -> None:
        self.primitive = primitive
        self.args = args


class Deferred:
    """Values applied to something that is not chosen yet; worked out when applied or inspected."""

    __slots__ = ("args", "denotation", "function", "named", "tapes")

    def __init__(self, function: Value, args: list[Value], named: dict[str, Value]) -> None:
        self.function = function
        self.args = args
        self.named = named
        self.denotation: Value = UNSET
        self.tapes: tuple[Tape, ...] = ()

    @property
    def repeatable(self) -> bool:
        """Whether nothing but the types it is applied to can change what it emits."""
        return all(isinstance(a, int | float | str | Op | Choice | None) for a in (*self.args, *self.named.values()))


class Sequence:
    """The arrow `seq(f, ...)`, or `repeat(n, f)` as one item n times.

    `name` is that of the definition or the rule that it is what it denotes, if any.
    """

    __slots__ = ("count", "items", "name")

    def __init__(self, items: tuple[object, ...], count: int = 1, name: str | None = None) -> None:
        self.items = items
        self.count = count
        self.name = name


class Shared:
    """The arrow `shared(f)`: its applications use one weight set, recorded by the first of them.

    `region` is the step of a loop that it was first applied in, if any: weight sets are numbered anew in each.
    """

    __slots__ = ("arrow", "region", "sites")

    def __init__(self, arrow: object) -> None:
        self.arrow = arrow
        self.sites: list[int] = []
        self.region: object = None


class Loop:
    """The arrow `scan(axis, step, states)`."""

    __slots__ = ("arrow", "axis", "states")

    def __init__(self, axis: int | str, arrow: object, states: int) -> None:
        self.axis = axis
        self.arrow = arrow
        self.states = states


class Operator(NamedTuple):
    """An operator of the language as an arrow: on two tensors, or on one where the other side is a number.

    A side is None for a tensor, else the number with its class: 1 and 1.0 are equal.
    """

    symbol: str
    left: tuple[type, object] | None
    right: tuple[type, object] | None

    def sides(self, tensors: tuple[Tensor, ...]) -> list[Any]:
        """Both operands, given those that are tensors."""
        remaining = iter(tensors)
        return [next(remaining) if side is None else side[1] for side in (self.left, self.right)]


class Builtin:
    """A function of the language that is written in Python: values to a value, no tensors emitted."""

    __slots__ = ("call", "maximum", "minimum", "name", "usage")

    def __init__(self, name: str, usage: str, minimum: int, maximum: int | None, call: Callable[..., object]) -> None:
        self.name = name
        self.usage = usage
        self.minimum = minimum
        self.maximum = maximum
        self.call = call


class Combinator(Builtin):
    """A built-in that makes arrows of arrows; its arguments stay unchosen, but for those at the places `forced`."""

    __slots__ = ("forced",)

    def __init__(
        self,
        name: str,
        usage: str,
        minimum: int,
        maximum: int | None,
        call: Callable[..., object],
        forced: tuple[int, ...] = (),
    ) -> None:
        super().__init__(name, usage, minimum, maximum, call)
        self.forced = forced


def kind_name(value: object) -> str:
    """What a value is called in messages."""
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {
        int: "an integer",
        float: "a float",
        str: "a string",
        tuple: "a list",
        Tensor: "a tensor",
        Builtin: "a function",
        Combinator: "a function",
        Choice: "a choice of the grammar",
        Deferred: "a choice of the grammar",
    }
    if value is None:
        return "none"
    found = names.get(type(value))
    if found is not None:
        return found
    if isinstance(value, Macro):
        return f"the macro `{value.code.name}`"
    if isinstance(value, Open):
        return f"the primitive `{value.primitive.name}`"
    if isinstance(value, type) and issubclass(value, Op):
        return f"the primitive `{value.name}`"
    if isinstance(value, Op):
        return f"the arrow `{value}`"
    if isinstance(value, Bound):
        return f"the arrow `{value.code.name}`"
    return "an arrow"


def is_arrow(value: object) -> bool:
    """Whether a value can be applied to tensors."""
    return isinstance(value, Op | Bound | Sequence | Shared | Loop | Macro) or (
        isinstance(value, type) and issubclass(value, Op)
    )
