"""What a weight set of a child is to be, and what a value of it is known to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from einsyn.weights.preserving.units import agree

if TYPE_CHECKING:
    from einsyn.ir.graph import Operation
    from einsyn.weights.preserving.units import Units

# The weight sets that multiply a value together: one, or those of all terms of a sum.
Knob = int | tuple["Knob", ...]


class Fact(NamedTuple):
    """A value of the child is one of the parent's: `child[i, ...] = scale * parent[units[i], ...]`.

    Args:
        value: the parent's.
        units: for each axis, None for all of it.
        scale: above 0.
    """

    value: int
    units: tuple[Units | None, ...]
    scale: float = 1.0


@dataclass(frozen=True)
class Role:
    """What a weight set does in the child.

    Args:
        operation: the child's, where it is used first.
        source: the operation of the parent that it copies; None where it hands its input on.
        units: for each axis of its first input which units of the parent's these are.
        after: for a weighted sum, which units of the parent's the units behind it are.
        scale: what its input is multiplied with.
    """

    operation: Operation
    source: Operation | None
    units: tuple[Units | None, ...]
    after: Units | None = None
    scale: float = 1.0

    def agrees(self, other: Role) -> bool:
        """Whether both want the same weights; what is open is decided for both."""
        theirs = None if other.source is None else other.source.owner
        return (
            (None if self.source is None else self.source.owner) == theirs
            and self.scale == other.scale
            and len(self.units) == len(other.units)
            and all([agree(a, b) for a, b in zip(self.units, other.units, strict=True)])
            and agree(self.after, other.after)
        )


def knob_sets(knob: Knob) -> list[int]:
    """The weight sets of a knob."""
    found: list[int] = []
    pending = [knob]
    while pending:
        each = pending.pop()
        if isinstance(each, int):
            found.append(each)
        else:
            pending += each
    return found
