"""Which values a network may overwrite while it computes, as an expert writes `inplace=True`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from einsyn.ir.graph import Operation
    from einsyn.ir.types import TensorType


def overwritable(
    operations: Iterable[Operation], types: Sequence[TensorType], uses: Mapping[int, int]
) -> frozenset[int]:
    """Values that one operation alone uses, once, and that backward does not need.

    What operations are given from outside is not among them, nor what is another name for it.

    Args:
        operations: those of a graph, or of a part of it that is a class.
        types: of the values of the graph, by number.
        uses: how often each value is used there, as a result as well; none where it is missing.
    """
    found: set[int] = set()
    for operation in operations:
        # A sum of one term hands it on.
        if operation.op.overwritable and operation.op.passes(*[types[v] for v in operation.inputs]) is None:
            found.update(value for value in operation.outputs if uses.get(value) == 1)
    return frozenset(found)
