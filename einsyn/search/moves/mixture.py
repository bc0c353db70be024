"""Mixtures of moves."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.search.choices import Choices
    from einsyn.search.moves.move import Edit, Move
    from einsyn.search.views import View, Views


class Proposed(NamedTuple):
    """What a mixture proposed: by which move, and what; None where that move had nothing to propose."""

    move: Move
    edit: Edit | None


class Mixture:
    """Several moves, one of which is drawn each time, with probabilities that do not depend on the derivation.

    An edit's inverse is one of the same move, so the probabilities of the moves cancel in the Metropolis-Hastings
    ratio, and a mixture of kernels that each leave a distribution as it is leaves it as it is.

    Args:
        weights: the moves with their weights, of any sum.
    """

    def __init__(self, weights: Mapping[Move, float]) -> None:
        if not weights or min(weights.values()) <= 0:
            raise ValueError("a mixture needs moves with weights above 0")
        self.moves = tuple(weights)
        total = sum(weights.values())
        self._cumulative = (*[s / total for s in accumulate(weights.values())][:-1], 1.0)

    def propose(self, view: View, choices: Choices) -> Proposed:
        """A change by one of the moves."""
        move = self.moves[choices.choose(len(self.moves), self._cumulative)]
        return Proposed(move, move.propose(view, choices))


def every_move(views: Views, moves: tuple[type[Move], ...]) -> Mixture:
    """Those of several moves that can change anything in a space, each as likely."""
    return Mixture({move: 1.0 for move in [each() for each in moves] if move.applies(views)})
