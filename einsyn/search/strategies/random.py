"""Random search: the baseline that every other strategy has to beat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from einsyn.sampling import Sampler
from einsyn.search.strategy import Draft, Outcome, Strategy

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.search.views import Views
    from einsyn.space import Space


class RandomSearch(Strategy):
    """Draws by the grammar's distribution, conditioned on types and limits; what it is told changes nothing.

    Args:
        space: what is searched.
        seed: of the draws.
        limits: what an architecture may cost.
        start: architectures to evaluate first.
        views: shared with other searches.
    """

    name: ClassVar[str] = "random"

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        start: Sequence[Architecture] = (),
        views: Views | None = None,
    ) -> None:
        super().__init__(space, seed, limits=limits, start=start, views=views)
        self._sampler = Sampler(space, self.random.getrandbits(64), self.limits)

    @property
    def living(self) -> Collection[int]:
        return ()

    def _draft(self) -> Draft:
        return Draft(next(self._sampler))

    def _learn(self, outcome: Outcome) -> None:
        pass
