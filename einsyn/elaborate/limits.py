"""Bounds on what an architecture may cost."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

MEBI: Final = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What an architecture may cost; None is no limit. The defaults hold for every space.

    Args:
        max_ops: operations in the graph.
        max_params: learned scalars.
        max_memory: predicted peak of activations at batch 1 plus weights, in bytes.
        max_macs: multiply-accumulates at batch 1.
        max_depth: productions on the longest path of the derivation.
        max_size: productions in the derivation.
    """

    max_ops: int | None = 5_000
    max_params: int | None = 200_000_000
    max_memory: int | None = 2048 * MEBI
    max_macs: int | None = None
    max_depth: int | None = None
    max_size: int | None = None

    def merged(self, changes: Mapping[str, int | None]) -> Limits:
        """These limits with some replaced."""
        return replace(self, **changes)

    @property
    def fuel(self) -> int:
        """Evaluation steps allowed, so that loops that emit nothing end too."""
        return 200_000 + 100 * (self.max_ops if self.max_ops is not None else 10_000_000)

    @property
    def nodes(self) -> int:
        """Productions allowed in a derivation where no `max_size` is set: a guard against endless recursion."""
        if self.max_size is not None:
            return self.max_size
        return 100_000 + 20 * (self.max_ops if self.max_ops is not None else 10_000_000)


NO_LIMITS: Final = Limits(None, None, None, None, None, None)
LIMIT_NAMES: Final = tuple(f.name for f in fields(Limits))
