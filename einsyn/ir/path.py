"""Where in a derivation something came from: the child numbers from the root."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

# Deep paths are shown by their ends, so that printing all of a deep net stays linear.
_SHOWN: Final = 20


class Path:
    """A path from the root of a derivation, shared with the paths above it.

    Args:
        parent: the path of the parent node, or None for the root.
        index: the child's number in the parent; 0 for the root.
    """

    __slots__ = ("depth", "index", "parent")

    def __init__(self, parent: Path | None = None, index: int = 0) -> None:
        self.parent = parent
        self.index = index
        self.depth: int = 0 if parent is None else parent.depth + 1

    @classmethod
    def of(cls, *indexes: int) -> Path:
        """The path with these child numbers."""
        path = cls()
        for index in indexes:
            path = cls(path, index)
        return path

    @classmethod
    def parse(cls, text: str) -> Path:
        """The path that prints as `text` (ValueError for an abbreviated or malformed one)."""
        if not text.startswith("/"):
            raise ValueError(f"a path starts with /, not {text!r}")
        return cls.of(*(int(part) for part in text.split("/")[1:] if part))

    def __len__(self) -> int:
        return self.depth

    def __iter__(self) -> Iterator[int]:
        return iter(self._last(self.depth))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Path) or self.depth != other.depth:
            return False
        a: Path | None = self
        b: Path | None = other
        while a is not b:
            if a is None or b is None or a.index != b.index:
                return False
            a, b = a.parent, b.parent
        return True

    def __hash__(self) -> int:
        return hash((self.depth, self.index))

    def _last(self, count: int) -> list[int]:
        """The last `count` child numbers, in order from the root."""
        found: list[int] = []
        node: Path = self
        while len(found) < count and node.parent is not None:
            found.append(node.index)
            node = node.parent
        found.reverse()
        return found

    def __str__(self) -> str:
        if self.depth <= _SHOWN:
            return "/" + "/".join(map(str, self))
        return f"/...{self.depth - _SHOWN}.../" + "/".join(map(str, self._last(_SHOWN)))

    def __repr__(self) -> str:
        return f"Path({self})"
