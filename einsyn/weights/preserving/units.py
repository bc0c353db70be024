"""Which units of a parent's axis the units of a child's axis are."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class Units:
    """For every unit of a child's axis the unit of a parent's axis that it is; open until somebody needs to know.

    A layer that is made for the child may give any units that its parent gave: what follows decides which. Where all
    units are the parent's in the same order there is None in place of an instance.

    Args:
        size: how many the child has.
        of: how many the parent has.
        index: which; open unless given.
    """

    def __init__(self, size: int, of: int, index: Sequence[int] | None = None) -> None:
        self.size = size
        self.of = of
        self._index = None if index is None else tuple(index)
        self._same: Units | None = None

    def _last(self) -> Units:
        units = self
        while units._same is not None:
            units = units._same
        return units

    @property
    def open(self) -> bool:
        """Whether nobody has decided yet."""
        return self._last()._index is None

    @property
    def index(self) -> tuple[int, ...]:
        """Which they are. Where nobody has decided, units are repeated evenly, copies side by side."""
        last = self._last()
        if last._index is None:
            last._index = spread(last.size, last.of)
        return last._index

    def bind(self, index: Sequence[int]) -> None:
        """Decide."""
        assert self.open
        self._last()._index = tuple(index)

    def agrees(self, other: Units | None) -> bool:
        """Whether both are the same units. What is open becomes what the other is."""
        if other is None:
            return self.size == self.of and self.index == tuple(range(self.of))
        a, b = self._last(), other._last()
        if a is b:
            return True
        if (a.size, a.of) != (b.size, b.of):
            return False
        if a._index is None:
            a._same = b
        elif b._index is None:
            b._same = a
        return a.index == b.index

    @property
    def even(self) -> bool:
        """Whether every unit of the parent is there, and each as often."""
        counts = Counter(self.index)
        return len(counts) == self.of and len(set(counts.values())) == 1

    @property
    def whole(self) -> bool:
        """Whether every unit of the parent is there."""
        return len(set(self.index)) == self.of


def spread(size: int, of: int) -> tuple[int, ...]:
    """Units repeated about evenly, copies side by side; the first ones where there are too few places for all."""
    return tuple(range(size)) if size < of else tuple([i * of // size for i in range(size)])


def units(index: Sequence[int], of: int) -> Units | None:
    """These units; None if they are all in their order."""
    return None if len(index) == of and all(i == k for k, i in enumerate(index)) else Units(len(index), of, index)


def agree(a: Units | None, b: Units | None) -> bool:
    """Whether both are the same units."""
    if a is None:
        return b is None or b.agrees(None)
    return a.agrees(b)


def shares(index: Sequence[int]) -> list[float]:
    """What part of its unit's weight each copy of a unit has; those of the copies of a unit add to 1.

    They are not alike: with equal weights before and behind them copies would have equal gradients, and stay one unit
    for ever.
    """
    counts = Counter(index)
    seen: Counter[int] = Counter()
    found: list[float] = []
    for unit in index:
        seen[unit] += 1
        found.append(share(seen[unit] - 1, counts[unit]))
    return found


def share(number: int, count: int) -> float:
    """The share of one of several copies, the first having the least."""
    return 2 * (number + 1) / (count * (count + 1))
