"""Names in written torch source: of arguments and of local variables."""

from __future__ import annotations

import heapq
import keyword
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection

CLASS_NAME: Final = "Net"
TAKEN: Final = frozenset({"self", "torch", "nn", CLASS_NAME})
# Classes of torch that written source names: another of the same name would confuse people.
_OF_TORCH: Final = frozenset({"Module", "Parameter", "Sequential"})


class LocalNames:
    """Names of local variables: the smallest that is free.

    Args:
        reserved: names that are none of them.
    """

    def __init__(self, reserved: Collection[str]) -> None:
        self.reserved = reserved
        self.free: list[int] = []
        self.count = 0

    def take(self) -> str:
        """A name that nothing else has."""
        if self.free:
            return self._name(heapq.heappop(self.free))
        while True:
            name = self._name(self.count)
            self.count += 1
            if name not in self.reserved:
                return name

    def give_back(self, name: str) -> None:
        """Say that what has the name is not needed any more."""
        heapq.heappush(self.free, int(name[1:] or 0))

    @staticmethod
    def _name(number: int) -> str:
        return f"x{number}" if number else "x"


def argument_names(names: list[str], taken: frozenset[str] = TAKEN) -> list[str]:
    """Python names for the inputs of a graph: their own where those are valid, distinct and not taken."""
    found: list[str] = []
    for i, name in enumerate(names):
        valid = name.isascii() and name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("__")
        chosen = name if valid and name not in taken else f"input{i + 1}"
        while chosen in found or (chosen != name and chosen in names):
            chosen += "_"
        found.append(chosen)
    return found


def class_name(name: str) -> str:
    """The name of a rule or a definition as that of a class: `conv_bn` is `ConvBn`."""
    found = "".join([word[0].upper() + word[1:] for word in _words(name)])
    return f"{found}Block" if keyword.iskeyword(found) or found in _OF_TORCH else found


def attribute_name(name: str) -> str:
    """The same as that of an attribute, before it gets a number."""
    return "_".join(_words(name)).lower()


def _words(name: str) -> list[str]:
    words = re.findall(r"[A-Za-z0-9]+", name)
    return words if words and not words[0][0].isdigit() else ["block", *words]
