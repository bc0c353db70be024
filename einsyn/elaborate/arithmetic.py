"""Operators on values. Each takes forced operands; a wrong kind or a remainder makes the draw infeasible."""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.values import kind_name
from einsyn.ir.types import TensorType

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_LIST: Final = 100_000
MAX_NESTING: Final = 50
_SHORTER: Final = "use shorter lists; `repeat` needs none"
_MAX_BITS: Final = 4096


def is_number(value: object) -> bool:
    """Whether a value is an integer or a float (booleans are not numbers here)."""
    cls = value.__class__
    return cls is int or cls is float


def checked(value: Any) -> Any:
    """A number that is neither infinite, NaN, complex nor absurdly long."""
    if value.__class__ is int:
        if value.bit_length() > _MAX_BITS:
            raise Infeasible("V007", f"an integer has more than {_MAX_BITS} bits")
    elif value.__class__ is not float or not math.isfinite(value):
        raise Infeasible("V007", "the result of an arithmetic operation is not a finite number")
    return value


def _wrong(symbol: str, a: object, b: object) -> Infeasible:
    return Infeasible("V002", f"`{symbol}` does not work on {kind_name(a)} and {kind_name(b)}")


def _numeric(symbol: str, function: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def apply(a: Any, b: Any) -> Any:
        if not is_number(a) or not is_number(b):
            raise _wrong(symbol, a, b)
        try:
            return checked(function(a, b))
        except ZeroDivisionError:
            raise Infeasible("V007", f"`{symbol}` divides by zero") from None
        except OverflowError:
            raise Infeasible("V007", f"`{symbol}` overflows") from None

    return apply


def _add(a: Any, b: Any) -> Any:
    if a.__class__ is tuple and b.__class__ is tuple:
        if len(a) + len(b) > MAX_LIST:
            raise Infeasible("L008", f"a list has more than {MAX_LIST} elements", _SHORTER)
        return a + b
    return _plus(a, b)


def divide(a: Any, b: Any) -> Any:
    """Exact division: a remainder between integers makes the draw infeasible."""
    if a.__class__ is int and b.__class__ is int:
        quotient, remainder = divmod(a, b)
        if remainder:
            raise Infeasible("V001", f"{a} / {b} leaves a remainder", "use div(a, b) to round down, or other sizes")
        return quotient
    return a / b


def _power(a: Any, b: Any) -> Any:
    if a.__class__ is int and b.__class__ is int and abs(a) > 1 and b * a.bit_length() > _MAX_BITS:
        raise Infeasible("V007", f"{a} ** {b} has more than {_MAX_BITS} bits")
    return a**b


def _comparable(value: object) -> bool:
    """Whether a value can be compared; lists that are too much to go through make the draw infeasible."""
    pending = [(value, 0)]
    seen = 0
    while pending:
        item, depth = pending.pop()
        if isinstance(item, tuple):
            items = cast("tuple[object, ...]", item)
            seen += len(items)
            if seen > MAX_LIST or depth == MAX_NESTING:
                raise too_much()
            pending.extend([(each, depth + 1) for each in items])
        elif item is not None and not isinstance(item, int | float | str | TensorType):
            return False
    return True


def too_much() -> Infeasible:
    """The refusal of a list of lists that nobody could go through."""
    message = f"a list holds more than {MAX_LIST} elements in all or nests over {MAX_NESTING} deep"
    return Infeasible("L008", message, _SHORTER)


def _equal(symbol: str, a: Any, b: Any) -> bool:
    if a.__class__ is b.__class__ and a.__class__ in (str, int):
        return bool(a == b)
    if a is None or b is None:
        return a is b  # whether an option is absent can be asked of anything
    if not _comparable(a) or not _comparable(b):
        odd = b if _comparable(a) else a
        raise Infeasible(
            "V002",
            f"`{symbol}` cannot compare {kind_name(odd)}",
            "let the production denote a value, and compare that",
        )
    # 1 == 1.0 holds, true == 1 does not.
    return bool(a == b) and (isinstance(a, bool) == isinstance(b, bool))


def _ordered(symbol: str, function: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def apply(a: Any, b: Any) -> bool:
        if not is_number(a) or not is_number(b):
            raise _wrong(symbol, a, b)
        return function(a, b)

    return apply


def _range(a: Any, b: Any) -> tuple[int, ...]:
    if a.__class__ is not int or b.__class__ is not int:
        raise _wrong("..", a, b)
    if b - a > MAX_LIST:
        raise Infeasible("L008", f"the range {a}..{b} has more than {MAX_LIST} elements", _SHORTER)
    return tuple(range(a, b))


def _no_numbers(symbol: str) -> Callable[[Any, Any], Any]:
    def apply(a: Any, b: Any) -> Any:
        raise _wrong(symbol, a, b)

    return apply


_plus = _numeric("+", operator.add)

BINARY: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "+": _add,
    "-": _numeric("-", operator.sub),
    "*": _numeric("*", operator.mul),
    "/": _numeric("/", divide),
    "%": _numeric("%", operator.mod),
    "**": _numeric("**", _power),
    "@": _no_numbers("@"),
    "==": lambda a, b: _equal("==", a, b),
    "!=": lambda a, b: not _equal("!=", a, b),
    "<": _ordered("<", operator.lt),
    "<=": _ordered("<=", operator.le),
    ">": _ordered(">", operator.gt),
    ">=": _ordered(">=", operator.ge),
    "..": _range,
}


def _negate(a: Any) -> Any:
    if not is_number(a):
        raise Infeasible("V002", f"`-` does not work on {kind_name(a)}")
    return -a


def _not(a: Any) -> bool:
    if not isinstance(a, bool):
        raise Infeasible("V002", f"`not` needs a boolean, not {kind_name(a)}")
    return not a


UNARY: Final[dict[str, Callable[[Any], Any]]] = {"-": _negate, "not": _not}
