"""What the operators of the language mean on tensors, as primitives to emit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate.arithmetic import is_number
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.values import Tensor, kind_name
from einsyn.ops import OPS
from einsyn.ops.arithmetic import (
    Add,
    Divide,
    Maximum,
    Minimum,
    Minus,
    Negate,
    Plus,
    Reciprocal,
    Times,
)
from einsyn.ops.product import DotProduct
from einsyn.ops.scalars import Affine, AtLeast, AtMost

if TYPE_CHECKING:
    from einsyn.elaborate.values import Builtin
    from einsyn.ops.op import Op

# Every operator broadcasts; a sum of equal shapes is the n-ary `add`.
_BROADCAST: Final[dict[str, type[Op]]] = {"+": Plus, "-": Minus, "*": Times, "/": Divide, "@": DotProduct}

_BOUNDED: Final[dict[type[Op], type[Op]]] = {Maximum: AtLeast, Minimum: AtMost}


def tensor_binary(symbol: str, a: Any, b: Any) -> tuple[list[Op], tuple[Tensor, ...]]:
    """The operations for `a symbol b`: the first takes the operands, each other what came before."""
    cls = _BROADCAST.get(symbol)
    if cls is not None and a.__class__ is Tensor and b.__class__ is Tensor:
        if symbol == "+" and a.type.sizes == b.type.sizes and a.type.batched == b.type.batched:
            cls = Add
        return [cls.configure()], (a, b)
    if symbol in ("+", "-", "*", "/"):
        if a.__class__ is Tensor and is_number(b):
            return [_with_number(symbol, b)], (a,)
        if is_number(a) and b.__class__ is Tensor:
            if symbol == "/":
                return [Reciprocal.configure(), Affine.configure(a, 0.0)], (b,)
            if symbol == "-":
                return [Affine.configure(-1.0, a)], (b,)
            return [_with_number(symbol, a)], (b,)
    raise Infeasible("V002", f"`{symbol}` does not work on {kind_name(a)} and {kind_name(b)}")


def _with_number(symbol: str, number: Any) -> Op:
    """`x symbol number` as scale and shift."""
    if symbol == "+":
        return Affine.configure(1.0, number)
    if symbol == "-":
        return Affine.configure(1.0, -number)
    if symbol == "*":
        return Affine.configure(number, 0.0)
    if number == 0:
        raise Infeasible("V007", "`/` divides by zero")
    return Affine.configure(1.0 / number, 0.0)


def with_number(primitive: Any, args: list[Any]) -> tuple[Op, Tensor] | None:
    """A primitive of two tensors where one is a number, as a primitive of the other; None where there is none."""
    bounded = _BOUNDED.get(primitive)
    if bounded is None or len(args) != 2:
        return None
    tensor, number = args if args[0].__class__ is Tensor else args[::-1]
    return (bounded.configure(number), tensor) if tensor.__class__ is Tensor and is_number(number) else None


def tensor_unary(symbol: str) -> Op:
    """The operation for `symbol x`."""
    if symbol != "-":
        raise Infeasible("V002", f"`{symbol}` does not work on a tensor")
    return Negate.configure()


def tensor_function(builtin: Builtin, args: Any) -> Any:
    """The primitive that a function's name means for these arguments, or None for the function itself.

    `sqrt`, `exp`, `max` and others are both: on tensors, or configured with axis names, they are primitives.
    """
    twin = OPS.get(builtin.name)
    if twin is None:
        return None
    for arg in args:
        if arg.__class__ is Tensor or isinstance(arg, str):
            return twin
        if arg.__class__ is tuple and arg and all(isinstance(item, str) for item in arg):
            return twin
    return None
