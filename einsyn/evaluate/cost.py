"""Costs as objectives: known from types, without building a tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.evaluate.objective import Objective

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.architecture import Architecture

COSTS: Final[dict[str, Callable[[Architecture], int]]] = {
    "params": lambda architecture: architecture.params,
    "macs": lambda architecture: architecture.macs,
    "memory": lambda architecture: architecture.memory,
}


class Cost(Objective):
    """Parameters, multiply-accumulates or predicted bytes of an architecture; less is better.

    Args:
        which: a name among `COSTS`.
        maximise: for the baseline that zero-cost proxies have to beat.
    """

    better = "less"
    light = True

    def __init__(self, which: str, maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.which = which

    @property
    def name(self) -> str:
        return self.which

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        return COSTS[self.which](architecture)


def costs(architecture: Architecture) -> dict[str, Any]:
    """All costs of an architecture by name."""
    return {name: cost(architecture) for name, cost in COSTS.items()}
