"""Local search: climb by small changes, and begin anew at the top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from einsyn.search.moves import SMALL_MOVES
from einsyn.search.moves.mixture import Mixture, every_move
from einsyn.search.population import Member
from einsyn.search.strategy import Draft, Outcome, Strategy
from einsyn.search.variation import Variation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.search.views import Views
    from einsyn.space import Space


class LocalSearch(Strategy):
    """First-improvement hill climbing with restarts.

    From a draw, small changes are tried in random order; the first that is better is gone to at once. Where there is no
    new one, or `patience` of them were not better, the climb ends and another begins with a new draw. Nothing is
    evaluated twice: networks with one canonical form are one.

    Args:
        space: what is searched.
        seed: of everything random.
        limits: what an architecture may cost.
        start: architectures to evaluate first; the climb begins at the best of them.
        views: shared with other searches.
        patience: how many changes of one architecture are tried.
        preserving: with which probability a change has to be able to compute what it is made of does, see
            `einsyn.transfer`; where no such change comes up it may be any.
        moves: what changes an architecture; the small ones of the shipped moves unless given.

    Raises:
        ValueError: a number is out of range.
    """

    name: ClassVar[str] = "local"

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        start: Sequence[Architecture] = (),
        views: Views | None = None,
        patience: int = 100,
        preserving: float = 0.0,
        moves: Mixture | None = None,
    ) -> None:
        super().__init__(space, seed, limits=limits, start=start, views=views)
        if patience < 1:
            raise ValueError("patience is at least 1")
        self._patience = patience
        small = moves or every_move(self.views, SMALL_MOVES)
        self._variation = Variation(self.views, small, self.random, preserving=preserving)
        self._here: Member | None = None
        self._tried = 0
        self._climbs = 0

    def _draft(self) -> Draft | None:
        if self._here is not None and self._tried + self.waiting < self._patience:
            draft = self._variation.child(self._here.view, self._here.id)
            if draft is not None:
                return draft
        # What waits may still be an improvement; and of several draws only one could be the beginning.
        if self.waiting:
            return None
        self._here = None
        self._climbs += 1
        return self._variation.fresh()

    def _learn(self, outcome: Outcome) -> None:
        proposal, values = outcome
        view = self.views.met(proposal.architecture)
        self._variation.is_new(view)
        self._tried += self._here is not None and proposal.parents == (self._here.id,)
        if values is not None and (self._here is None or values[0] > self._here.values[0]):
            self._here = Member(proposal.id, view, values)
            self._tried = 0

    @property
    def living(self) -> Collection[int]:
        return () if self._here is None else (self._here.id,)

    def report(self) -> Mapping[str, Any]:
        return {"climbs": self._climbs}
