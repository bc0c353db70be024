"""Example inputs of an operation that shows none: usual types and small values, as far as its type rule admits them."""

from __future__ import annotations

from itertools import islice, product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.errors import OpError
from einsyn.ir.mismatch import Mismatch
from einsyn.ops import attributes as attr
from einsyn.testing.closure import INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op

# Values of each kind of attribute, the likeliest first.
_VALUES: Final[dict[type[attr.Attribute], tuple[Any, ...]]] = {
    attr.Integer: (2, 3, 1, 4, 8, 0, -1),
    attr.Real: (0.5, 2.0, 1.0, 0.0, -1.0),
    attr.Boolean: (False, True),
    attr.Text: ("a",),
    attr.Axis: (-1, 1),
    attr.Axes: ((-1,), (1,)),
    attr.Extent: (3, 2, 1),
    attr.Names: (("a",), ("a", "b")),
    attr.Sizes: ((2,), (4,), (2, 2)),
    attr.Reals: ((0.5,), (2.0, 1.0)),
    attr.Init: ("ones", 0.5),
    attr.Positions: ((1,), (2, 1), (2, 3, 1)),
}
_VALUES_EACH: Final = 4
_SETTINGS: Final = 64
# Examples with the first setting that is admitted, one for each kind of tensor.
_KINDS: Final = 3


class Derived(NamedTuple):
    """What was found.

    Args:
        examples: operations with types that their rule admits.
        refusals: what the rule said of the first types that it did not admit.
    """

    examples: list[tuple[Op, tuple[TensorType, ...]]]
    refusals: list[str]


def derived_examples(cls: type[Op]) -> Derived:
    """The first setting that some types fit, at several kinds of tensors, and each attribute once at another value."""
    refusals: dict[str, None] = {}
    for values in islice(_settings(cls), _SETTINGS):
        fitting = list(islice(_fitting(cls, values, refusals), _KINDS))
        if fitting:
            others = [found for name in values for found in _varied(cls, values, name, [t for _, t in fitting])]
            return Derived([*fitting, *others], list(refusals))
    return Derived([], list(refusals))


def _settings(cls: type[Op]) -> Iterator[dict[str, Any]]:
    """Values for the attributes that need one; the others are at their defaults."""
    needed = [name for name, attribute in cls.attributes.items() if attribute.required or attribute.variadic]
    rows = [_values(cls, name) for name in needed]
    for row in product(*rows):
        yield {**dict.fromkeys(cls.attributes), **dict(zip(needed, row, strict=True))}


def _values(cls: type[Op], name: str) -> list[Any]:
    """Values that the attribute admits by itself."""
    attribute = cls.attributes[name]
    kind = next((kind for kind in type(attribute).__mro__ if kind in _VALUES), None)
    found: list[Any] = []
    for value in attribute.one_of or (_VALUES[kind] if kind else ()):
        try:
            found.append(attribute.check(cls.name, name, value))
        except Mismatch:
            continue
    return found[:_VALUES_EACH]


def _fitting(
    cls: type[Op], values: dict[str, Any], refusals: dict[str, None]
) -> Iterator[tuple[Op, tuple[TensorType, ...]]]:
    """The usual types that the operation admits with these values."""
    op = _configured(cls, values)
    if op is None:
        return
    count = 2 if cls.arity is None else cls.arity
    alike = [(t,) * count for t in INPUTS.values()] if count else [()]
    mixed = product(INPUTS.values(), repeat=count) if 1 < count <= 3 else ()
    for types in dict.fromkeys([*alike, *mixed]):
        refusal = _refusal(op, types)
        if refusal is None:
            yield op, types
        else:
            refusals[f"{op} on {', '.join(map(str, types)) or 'nothing'}: {refusal}"] = None


def _varied(
    cls: type[Op], values: dict[str, Any], name: str, kinds: list[tuple[TensorType, ...]]
) -> Iterator[tuple[Op, tuple[TensorType, ...]]]:
    """The operation with another value of one attribute, where some types fit it."""
    before = _configured(cls, values)
    for value in _values(cls, name):
        op = _configured(cls, {**values, name: value})
        types = next((t for t in kinds if op is not None and op != before and _refusal(op, t) is None), None)
        if op is not None and types is not None:
            yield op, types
            return


def _configured(cls: type[Op], values: dict[str, Any]) -> Op | None:
    try:
        return cls.configure(**{name: value for name, value in values.items() if value is not None})
    except Mismatch:
        return None


def _refusal(op: Op, types: tuple[TensorType, ...]) -> str | None:
    """Why the type rule does not admit types."""
    try:
        found = op.known(types)
    except OpError as error:
        found = error.diagnostics[0]
        return f"{found.message} ({found.evidence[0]})" if found.evidence else found.message
    return f"{found.code} {found.message}" if isinstance(found, Mismatch) else None
