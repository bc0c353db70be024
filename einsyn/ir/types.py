"""Tensor types: a dtype and named dimensions that may remember that they are products.

Axis names are positional roles (`c, h, w` of an image), sizes are positive integers or symbols. The
batch axis `B` comes first and has no concrete size; a tensor without it is a weight.
"""

from __future__ import annotations

from typing import Any, Final

from einsyn.ir.mismatch import Mismatch

Size = int | str
# A dimension's factorisation: the named sizes whose product it is, `(("h", 32), ("w", 32))`.
Factors = tuple[tuple[str, int], ...]

BATCH: Final = "B"
KINDS: Final[dict[tuple[str, ...], str]] = {
    ("c", "h", "w"): "image2d",
    ("c", "l"): "image1d",
    ("s", "d"): "sequence",
    ("d",): "vector",
    ("t",): "tokens",
}
AXES_OF_KIND: Final[dict[str, tuple[str, ...]]] = {kind: axes for axes, kind in KINDS.items()}
BYTES: Final[dict[str, int]] = {"f64": 8, "f32": 4, "f16": 2, "bf16": 2, "i64": 8, "i32": 4, "bool": 1}


class _Fields:
    """The attributes of a type while it is made: see `TensorType.__new__`."""

    __slots__ = ("_hash", "axes", "batched", "bytes", "dtype", "elements", "factors", "sizes")

    dtype: str
    axes: tuple[str, ...]
    sizes: tuple[Size, ...]
    factors: tuple[Factors | None, ...]
    batched: bool
    elements: int  # number of elements at batch 1; a symbol counts as 1
    bytes: int  # their size
    _hash: int


class TensorType(_Fields):
    """An immutable tensor type, `f32[B, c:3, h:32, w:32]`.

    Args:
        dtype: one of `BYTES`.
        axes: axis names in order, without the batch axis.
        sizes: a positive integer or a symbol for each axis.
        factors: for each axis its factorisation or None; the product equals the size.
        batched: whether the tensor has the leading batch axis.
    """

    __slots__ = ()

    def __new__(
        cls,
        dtype: str,
        axes: tuple[str, ...],
        sizes: tuple[Size, ...],
        factors: tuple[Factors | None, ...] | None = None,
        batched: bool = True,
    ) -> TensorType:
        # Filled in as an object that can still be changed: a third of the time of going around `__setattr__`.
        self: Any = object.__new__(_Fields)
        if factors is None:
            factors = (None,) * len(axes)
        self.dtype = dtype
        self.axes = axes
        self.sizes = sizes
        self.factors = factors
        self.batched = batched
        elements = 1
        for size in sizes:
            if isinstance(size, int):
                elements *= size
        self.elements = elements
        self.bytes = elements * BYTES[dtype]
        self._hash = hash((dtype, axes, sizes, factors, batched))
        self.__class__ = cls
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"TensorType is immutable; cannot set {name}")

    def __reduce__(self) -> tuple[object, ...]:
        return (TensorType, (self.dtype, self.axes, self.sizes, self.factors, self.batched))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            isinstance(other, TensorType)
            and hash(self) == hash(other)
            and self.sizes == other.sizes
            and self.axes == other.axes
            and self.factors == other.factors
            and self.dtype == other.dtype
            and self.batched == other.batched
        )

    def __str__(self) -> str:
        dims = [BATCH] if self.batched else []
        for axis, size, factors in zip(self.axes, self.sizes, self.factors, strict=True):
            shown = "*".join(str(n) for _, n in factors) if factors and len(factors) > 1 else str(size)
            dims.append(f"{axis}:{shown}")
        return f"{self.dtype}[{', '.join(dims)}]"

    def __repr__(self) -> str:
        return f"TensorType({self})"

    @property
    def rank(self) -> int:
        """Number of axes without the batch axis."""
        return len(self.axes)

    @property
    def kind(self) -> str | None:
        """`image2d`, `image1d`, `sequence`, `vector`, `tokens`, or None for other axes."""
        return KINDS.get(self.axes)

    @property
    def shape(self) -> list[Size]:
        """The sizes with the batch symbol first, as JSON shows them."""
        return [BATCH, *self.sizes] if self.batched else list(self.sizes)

    def axis(self, axis: int | str) -> int:
        """The 0-based index (without the batch axis) of a name or of a position.

        Positions count from 1, the first after the batch, or from -1, the last.

        Raises:
            Mismatch: T002 if the tensor has no such axis.
        """
        axes = self.axes
        if isinstance(axis, str):
            if axis in axes:
                return axes.index(axis)
        elif 0 < axis <= len(axes):
            return axis - 1
        elif -len(axes) <= axis < 0:
            return len(axes) + axis
        raise Mismatch(
            "T002",
            lambda: f"{self} has no axis {axis}",
            lambda: f"its axes are {', '.join(f'{i + 1} ({a})' for i, a in enumerate(self.axes)) or 'none'}",
        )

    def size(self, axis: int | str) -> int:
        """The concrete size of an axis given by name or position.

        Raises:
            Mismatch: T002 if there is no such axis, T003 if its size is a symbol.
        """
        return self.sized(axis)[1]

    def sized(self, axis: int | str) -> tuple[int, int]:
        """The 0-based index and the concrete size of an axis: see `axis` and `size`."""
        i = self.axis(axis)
        size = self.sizes[i]
        if isinstance(size, str):
            raise Mismatch(
                "T003",
                f"axis {self.axes[i]} of {self} needs a concrete size",
                hint=f"give the input a number in place of {size}, for example with --input",
            )
        return i, size

    def concrete(self) -> tuple[int, ...]:
        """All sizes as integers (T003 if one is a symbol)."""
        return tuple(self.size(i + 1) for i in range(len(self.sizes)))

    def resized(self, index: int, size: Size, factors: Factors | None = None) -> TensorType:
        """This type with the axis at 0-based `index` given another size; its factorisation is dropped."""
        sizes, known = list(self.sizes), list(self.factors)
        sizes[index], known[index] = size, factors
        return TensorType(self.dtype, self.axes, tuple(sizes), tuple(known), self.batched)


def merge_factors(types: tuple[TensorType, ...], index: int) -> Factors | None:
    """The factorisation of axis `index` when equal sizes of several operands unify.

    The first operand that has one decides; two different ones give a plain size.
    """
    found: Factors | None = None
    for t in types:
        factors = t.factors[index]
        if factors is None:
            continue
        if found is None:
            found = factors
        elif found != factors:
            return None
    return found
