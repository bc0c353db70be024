"""Typed attributes of operations: each kind checks a value, gives its canonical form and prints it."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from einsyn.ir.types import TensorType

from einsyn.ir.mismatch import Mismatch

MISSING: Final = object()


class Attribute:
    """One attribute of an operation.

    Args:
        default: the value it takes when not given; without one it is required.
        same_as: the attribute whose value is the default.
        ge, gt, le: bounds, where the kind is ordered.
        one_of: the only values allowed.
        doc: one line for the reference.
    """

    kind = "value"
    # The kinds of values of the language that may do; empty where any may.
    accepts: frozenset[str] = frozenset()
    variadic = False

    def __init__(
        self,
        default: object = MISSING,
        *,
        same_as: str | None = None,
        ge: float | None = None,
        gt: float | None = None,
        le: float | None = None,
        one_of: tuple[object, ...] | None = None,
        doc: str = "",
    ) -> None:
        self.default = default
        self.same_as = same_as
        self.ge = ge
        self.gt = gt
        self.le = le
        self.one_of = one_of
        self.doc = doc

    @property
    def required(self) -> bool:
        """Whether a value must be given."""
        return self.default is MISSING and self.same_as is None and not self.variadic

    def convert(self, value: Any) -> Any:
        """The canonical form of a value of this kind; MISSING if it is of another."""
        return value

    def check(self, op: str, name: str, value: object) -> Any:
        """The canonical form of `value`, or Mismatch T004."""
        converted = self.convert(value)
        if converted is MISSING:
            raise Mismatch("T004", f"{name} of `{op}` must be {self.kind}, not {shown(value)}")
        for part in items_of(converted, (converted,)):
            self._check_bounds(op, name, part)
        return converted

    def _check_bounds(self, op: str, name: str, value: Any) -> None:
        problem = None
        if self.one_of is not None and value not in self.one_of:
            problem = f"one of {', '.join(map(shown, self.one_of))}"
        elif self.ge is not None and not isinstance(value, str) and value < self.ge:
            problem = f"at least {self.ge}"
        elif self.gt is not None and not isinstance(value, str) and value <= self.gt:
            problem = f"above {self.gt}"
        elif self.le is not None and not isinstance(value, str) and value > self.le:
            problem = f"at most {self.le}"
        if problem:
            raise Mismatch("T004", f"{name} of `{op}` must be {problem}, not {shown(value)}")

    def show(self, value: object) -> str:
        """The value as the language writes it."""
        return shown(value)

    def meaning(self, value: Any, x: TensorType) -> Any:
        """One form for values that mean the same on a first input of this type."""
        return value

    def usage(self, name: str) -> str:
        """How a signature shows this attribute."""
        if self.variadic:
            return f"{name}, ..."
        if self.same_as is not None:
            return f"{name}={self.same_as}"
        return name if self.default is MISSING else f"{name}={self.show(self.default)}"


def shown(value: object) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None:
        return "none"
    if isinstance(value, int | float):
        return repr(value)
    items = items_of(value, (MISSING,))
    return "a value of another kind" if MISSING in items else f"[{', '.join(map(shown, items))}]"


def items_of(value: object, otherwise: tuple[Any, ...] = ()) -> tuple[Any, ...]:
    """The items of a list or tuple, else `otherwise`."""
    return tuple(cast("tuple[Any, ...]", value)) if isinstance(value, tuple | list) else otherwise


def _is_int(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


class Integer(Attribute):
    """A whole number."""

    kind = "an integer"
    accepts = frozenset({"an integer"})

    def convert(self, value: Any) -> Any:
        return value if _is_int(value) else MISSING


class Real(Attribute):
    """A finite number; integers widen."""

    kind = "a finite number"
    accepts = frozenset({"an integer", "a number"})

    def convert(self, value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float):
            return MISSING
        return float(value) if math.isfinite(value) else MISSING


class Boolean(Attribute):
    """true or false."""

    kind = "true or false"
    accepts = frozenset({"true or false"})

    def convert(self, value: Any) -> Any:
        return value if isinstance(value, bool) else MISSING


class Text(Attribute):
    """A string."""

    kind = "a string"
    accepts = frozenset({"a string"})

    def convert(self, value: Any) -> Any:
        return value if isinstance(value, str) else MISSING


class Axis(Attribute):
    """An axis: a name, or a position counted from 1 or from -1, of the first input unless `of_first` is false."""

    kind = "an axis name or a position"
    accepts = frozenset({"an integer", "a string"})

    def __init__(self, default: object = MISSING, *, of_first: bool = True, **options: Any) -> None:
        super().__init__(default, **options)
        self.of_first = of_first

    def convert(self, value: Any) -> Any:
        return value if isinstance(value, str) or (_is_int(value) and value != 0) else MISSING

    def meaning(self, value: Any, x: TensorType) -> Any:
        return x.axis(value) if self.of_first else value


class Axes(Attribute):
    """A list of axes; one axis alone will do."""

    kind = "a list of axis names or positions"
    accepts = frozenset({"an integer", "a string", "a list"})

    def convert(self, value: Any) -> Any:
        items = items_of(value, (value,))
        one = Axis()
        return MISSING if not items or any(one.convert(item) is MISSING for item in items) else items

    def meaning(self, value: Any, x: TensorType) -> Any:
        return tuple(x.axis(axis) for axis in value)


class Extent(Attribute):
    """A size for each spatial axis: one integer for all, or a list of them; some take a word as well."""

    kind = "an integer or a list of integers"
    accepts = frozenset({"an integer", "a list"})

    def __init__(self, default: object = MISSING, *, words: tuple[str, ...] = (), **bounds: Any) -> None:
        super().__init__(default, **bounds)
        self.words = words
        if words:
            self.kind = f"{self.kind}, or {' or '.join(shown(w) for w in words)}"
            self.accepts = self.accepts | {"a string"}

    def convert(self, value: Any) -> Any:
        items = items_of(value)
        if items:
            return items if all(_is_int(v) for v in items) else MISSING
        if isinstance(value, str):
            return value if value in self.words else MISSING
        return value if _is_int(value) else MISSING

    def meaning(self, value: Any, x: TensorType) -> Any:
        sizes = items_of(value)
        return sizes[0] if len(set(sizes)) == 1 else value


class Names(Attribute):
    """A list of names."""

    kind = "a list of names"
    accepts = frozenset({"a string", "a list"})

    def convert(self, value: Any) -> Any:
        items = items_of(value, (value,))
        return items if all(isinstance(item, str) and item.isidentifier() for item in items) else MISSING


class Sizes(Attribute):
    """A list of whole numbers, possibly empty."""

    kind = "a list of integers"
    accepts = frozenset({"an integer", "a list"})

    def convert(self, value: Any) -> Any:
        items = items_of(value, (value,))
        return items if all(_is_int(item) for item in items) else MISSING


class Reals(Attribute):
    """A list of finite numbers, one at least; one alone will do."""

    kind = "a list of finite numbers"
    accepts = frozenset({"an integer", "a number", "a list"})

    def convert(self, value: Any) -> Any:
        items = items_of(value, (value,))
        one = Real()
        found = tuple(one.convert(item) for item in items)
        return MISSING if not found or MISSING in found else found


class Init(Attribute):
    """How a learned tensor starts: a number for a constant, or `zeros`, `ones`, `normal STD`, `constant V`."""

    kind = 'a number, "zeros", "ones", "normal STD" or "constant V"'
    accepts = frozenset({"an integer", "a number", "a string"})

    def convert(self, value: Any) -> Any:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return f"constant {float(value)!r}" if math.isfinite(value) else MISSING
        words = value.split() if isinstance(value, str) else []
        if words in (["zeros"], ["ones"]):
            return words[0]
        if len(words) != 2 or words[0] not in ("normal", "constant"):
            return MISSING
        try:
            number = float(words[1])
        except ValueError:
            return MISSING
        if not math.isfinite(number) or (words[0] == "normal" and number < 0):
            return MISSING
        return f"{words[0]} {number!r}"


class Positions(Attribute):
    """All remaining positional integers: `permute(2, 1)`."""

    kind = "integers"
    accepts = frozenset({"an integer"})
    variadic = True

    def convert(self, value: Any) -> Any:
        items = items_of(value)
        return items if items and all(_is_int(v) for v in items) else MISSING

    def show(self, value: object) -> str:
        return ", ".join(map(shown, items_of(value, (value,))))


def integer(default: object = MISSING, **options: Any) -> Any:
    """Declare a whole-number attribute."""
    return Integer(default, **options)


def real(default: object = MISSING, **options: Any) -> Any:
    """Declare a finite-number attribute."""
    return Real(default, **options)


def boolean(default: object = MISSING, **options: Any) -> Any:
    """Declare a true-or-false attribute."""
    return Boolean(default, **options)


def text(default: object = MISSING, **options: Any) -> Any:
    """Declare a string attribute."""
    return Text(default, **options)


def axis(default: object = MISSING, **options: Any) -> Any:
    """Declare an axis attribute."""
    return Axis(default, **options)


def axes(default: object = MISSING, **options: Any) -> Any:
    """Declare a list-of-axes attribute."""
    return Axes(default, **options)


def extent(default: object = MISSING, **options: Any) -> Any:
    """Declare a size-per-spatial-axis attribute."""
    return Extent(default, **options)


def names(default: object = MISSING, **options: Any) -> Any:
    """Declare a list-of-names attribute."""
    return Names(default, **options)


def sizes(default: object = MISSING, **options: Any) -> Any:
    """Declare a list-of-integers attribute."""
    return Sizes(default, **options)


def reals(default: object = MISSING, **options: Any) -> Any:
    """Declare a list-of-numbers attribute."""
    return Reals(default, **options)


def init(default: object = MISSING, **options: Any) -> Any:
    """Declare an attribute that says how a learned tensor starts."""
    return Init(default, **options)


def positions(**options: Any) -> Any:
    """Declare an attribute that takes all positional integers."""
    return Positions(**options)
