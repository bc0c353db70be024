"""The built-in functions of the definition language, on values and on the types of tensors."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from einsyn.derivation.choice import Choice
from einsyn.elaborate.arithmetic import checked, is_number
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.values import Builtin, Combinator, Deferred, Loop, Sequence, Shared, Tensor, is_arrow, kind_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.ir.types import TensorType


def _number(name: str, value: Any) -> Any:
    if not is_number(value):
        raise Infeasible("V002", f"`{name}` needs a number, not {kind_name(value)}")
    return value


def _list(name: str, value: Any) -> tuple[Any, ...]:
    if value.__class__ is not tuple:
        raise Infeasible("V002", f"`{name}` needs a list, not {kind_name(value)}")
    return value


def _tensor(name: str, value: Any) -> Tensor:
    if value.__class__ is not Tensor:
        raise Infeasible("V002", f"`{name}` needs a tensor, not {kind_name(value)}")
    return value


def _real(name: str, function: Callable[[float], Any]) -> Callable[[Any], Any]:
    def apply(value: Any) -> Any:
        try:
            return checked(function(_number(name, value)))
        except (ValueError, OverflowError):
            raise Infeasible("V007", f"{name}({value}) is not a finite number") from None

    return apply


def _numbers(name: str, args: tuple[Any, ...]) -> tuple[Any, ...]:
    items = _list(name, args[0]) if len(args) == 1 else args
    if not items:
        raise Infeasible("V003", f"`{name}` of an empty list")
    for item in items:
        _number(name, item)
    return items


def _sum(items: Any) -> Any:
    total: Any = 0
    for item in _list("sum", items):
        total = checked(total + _number("sum", item))
    return total


def _div(a: Any, b: Any) -> Any:
    _number("div", a)
    if _number("div", b) == 0:
        raise Infeasible("V007", "`div` divides by zero")
    return math.floor(a / b) if isinstance(a, float) or isinstance(b, float) else a // b


def _round_to(quantum: Any, value: Any) -> int:
    """The multiple of `quantum` nearest to `value`, halves to the even multiple."""
    if quantum.__class__ is not int or quantum < 1:
        raise Infeasible("V002", "`round_to` needs a positive integer first")
    return round(_number("round_to", value) / quantum) * quantum


def _zip(*lists: Any) -> tuple[Any, ...]:
    items = [_list("zip", each) for each in lists]
    if len({len(each) for each in items}) > 1:
        raise Infeasible("V004", f"`zip` needs lists of one length, not {', '.join(str(len(i)) for i in items)}")
    return tuple(zip(*items, strict=True))


def _size_of(x: Any, axis: Any) -> int:
    if isinstance(axis, bool) or not isinstance(axis, int | str):
        raise Infeasible("V002", f"`size_of` needs an axis name or position, not {kind_name(axis)}")
    return _tensor("size_of", x).type.size(axis)


def _has_axis(x: Any, axis: Any) -> bool:
    if not isinstance(axis, str):
        raise Infeasible("V002", f"`has_axis` needs an axis name, not {kind_name(axis)}")
    return axis in _tensor("has_axis", x).type.axes


def _length(items: Any) -> int:
    return len(_list("len", items))


def _as_float(value: Any) -> float:
    return float(_number("float", value))


def _min(*args: Any) -> Any:
    return min(_numbers("min", args))


def _max(*args: Any) -> Any:
    return max(_numbers("max", args))


def _enumerate(items: Any) -> tuple[tuple[int, Any], ...]:
    return tuple(enumerate(_list("enumerate", items)))


def _channels_of(x: Any) -> int:
    return _tensor("channels_of", x).type.size("c")


def _kind_of(x: Any) -> str | None:
    return _tensor("kind_of", x).type.kind


def _axes_of(x: Any) -> tuple[str, ...]:
    return _tensor("axes_of", x).type.axes


def _type_of(x: Any) -> TensorType:
    return _tensor("type_of", x).type


BUILTINS: Final[dict[str, Builtin]] = {
    b.name: b
    for b in (
        Builtin("len", "len(list)", 1, 1, _length),
        Builtin("sum", "sum(list)", 1, 1, _sum),
        Builtin("min", "min(a, b, ...) or min(list)", 1, None, _min),
        Builtin("max", "max(a, b, ...) or max(list)", 1, None, _max),
        Builtin("zip", "zip(list, ...)", 1, None, _zip),
        Builtin("enumerate", "enumerate(list)", 1, 1, _enumerate),
        Builtin("div", "div(a, b)", 2, 2, _div),
        Builtin("abs", "abs(a)", 1, 1, _real("abs", abs)),
        Builtin("log", "log(a)", 1, 1, _real("log", math.log)),
        Builtin("exp", "exp(a)", 1, 1, _real("exp", math.exp)),
        Builtin("sqrt", "sqrt(a)", 1, 1, _real("sqrt", math.sqrt)),
        Builtin("floor", "floor(a)", 1, 1, _real("floor", math.floor)),
        Builtin("ceil", "ceil(a)", 1, 1, _real("ceil", math.ceil)),
        Builtin("round", "round(a), half to even", 1, 1, _real("round", round)),
        Builtin("round_to", "round_to(quantum, a)", 2, 2, _round_to),
        Builtin("float", "float(a)", 1, 1, _as_float),
        Builtin("channels_of", "channels_of(x)", 1, 1, _channels_of),
        Builtin("size_of", "size_of(x, axis)", 2, 2, _size_of),
        Builtin("kind_of", "kind_of(x)", 1, 1, _kind_of),
        Builtin("has_axis", "has_axis(x, axis)", 2, 2, _has_axis),
        Builtin("axes_of", "axes_of(x)", 1, 1, _axes_of),
        Builtin("type_of", "type_of(x)", 1, 1, _type_of),
    )
}


def _arrow(name: str, value: Any) -> Any:
    # A choice may still turn out to be an arrow; anything else must be one already.
    if isinstance(value, Choice | Deferred) or is_arrow(value):
        return value
    raise Infeasible("V006", f"`{name}` needs arrows, not {kind_name(value)}")


def _repeat(count: Any, arrow: Any) -> Sequence:
    if count.__class__ is not int or count < 0:
        raise Infeasible(
            "V002", f"`repeat` needs a count of 0 or more, not {count if is_number(count) else kind_name(count)}"
        )
    return Sequence((_arrow("repeat", arrow),), count)


def _seq(*arrows: Any) -> Sequence:
    return Sequence(tuple(_arrow("seq", each) for each in arrows))


def _shared(arrow: Any) -> Shared:
    return Shared(_arrow("shared", arrow))


def _scan(axis: Any, step: Any, states: Any = 1) -> Loop:
    if isinstance(axis, bool) or not isinstance(axis, int | str):
        raise Infeasible("V002", f"`scan` needs an axis name or position first, not {kind_name(axis)}")
    if states.__class__ is not int or states < 1:
        raise Infeasible(
            "V002", f"`scan` needs 1 or more states, not {states if is_number(states) else kind_name(states)}"
        )
    return Loop(axis, _arrow("scan", step), states)


COMBINATORS: Final[dict[str, Combinator]] = {
    c.name: c
    for c in (
        Combinator("seq", "seq(f, ...)", 1, None, _seq),
        Combinator("repeat", "repeat(n, f)", 2, 2, _repeat, forced=(0,)),
        Combinator("shared", "shared(f)", 1, 1, _shared),
        Combinator("scan", "scan(axis, step, states=1)", 2, 3, _scan, forced=(0, 2)),
    )
}

# Combinators that the language itself can express.
PRELUDE: Final = "define residual(f)(x) = x + f(x)\n"
