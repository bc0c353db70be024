"""The best of a search: what nothing else beats in every objective."""

from __future__ import annotations

from typing import Generic, TypeVar

Item = TypeVar("Item")


def no_worse(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether a is nowhere below b."""
    return all(x >= y for x, y in zip(a, b, strict=True))


def dominates(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether a is nowhere below b and somewhere above."""
    return a != b and no_worse(a, b)


class Front(Generic[Item]):
    """The items that no other item dominates; with one objective, the best one.

    An item dominates another if it is at least as good in every score and better in one. Of items with equal scores the
    first is kept.
    """

    def __init__(self) -> None:
        self._items: list[tuple[tuple[float, ...], Item]] = []

    def add(self, scores: tuple[float, ...], item: Item) -> bool:
        """Take an item in, unless something is as good in everything; whether it was taken.

        Args:
            scores: more is better, each.
            item: what has them.
        """
        if any(no_worse(other, scores) for other, _ in self._items):
            return False
        self._items = [(other, kept) for other, kept in self._items if not no_worse(scores, other)]
        self._items.append((scores, item))
        return True

    def items(self) -> list[Item]:
        """The items, by falling scores."""
        return [item for _, item in sorted(self._items, key=lambda pair: pair[0], reverse=True)]
