"""What a search strategy is: something that proposes architectures and is told what they scored.

    strategy = Evolution(space, seed=0)
    for _ in range(100):
        proposals = strategy.ask(8)
        strategy.tell([Outcome(p, (score(p.architecture),)) for p in proposals])

Whoever evaluates owns the loop, the clock, the processes and the records. Everything a strategy decides follows from
its seed, its options, how many proposals it was asked for and what it was told in which order; so a search is
continued by telling a new strategy again what was found, and nothing of a strategy has to be stored.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from einsyn.search.views import Views

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.space import Space


class Proposal(NamedTuple):
    """An architecture to evaluate.

    Args:
        id: its number in this search; proposals are numbered from 0 in the order in which they are asked for.
        architecture: well typed and within the limits of the search.
        parents: the numbers of the proposals that it was made from; none for what was drawn or given.
        move: the name of what made it: `start`, `sample`, or a move's name.
    """

    id: int
    architecture: Architecture
    parents: tuple[int, ...]
    move: str


class Outcome(NamedTuple):
    """What came of a proposal.

    Args:
        proposal: what was evaluated.
        values: one number an objective, each to be maximised (whoever minimises negates); None where the evaluation
            failed. What is not finite counts as failed as well. An outcome may be a remembered one.
    """

    proposal: Proposal
    values: tuple[float, ...] | None


class Draft(NamedTuple):
    """A proposal before it has a number."""

    architecture: Architecture
    parents: tuple[int, ...] = ()
    move: str = "sample"


class Strategy(ABC):
    """Proposes architectures and learns from their values. Owns no clock, no thread and no global random state.

    A subclass has `_draft`, which makes the next proposal, and `_learn`, which is given every outcome.

    Args:
        space: what is searched.
        seed: of everything that is random here.
        limits: what an architecture may cost; those of the space unless given.
        start: architectures to evaluate first, before anything is drawn.
        views: what is known of the space's derivations under these limits, where several searches share it.
    """

    name: ClassVar[str]
    # Whether it makes use of more than the first value of an outcome.
    several: ClassVar[bool] = False
    # Whether it samples a stated distribution, for which a score has to belong to the architecture alone.
    samples: ClassVar[bool] = False

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        start: Sequence[Architecture] = (),
        views: Views | None = None,
    ) -> None:
        self.space = space
        self.views = Views(space, limits) if views is None else views
        self.limits = self.views.limits
        self.random = Random(seed)
        self._start = list(reversed(start))
        self._waiting: dict[int, Proposal] = {}
        self._asked = 0

    @property
    def waiting(self) -> int:
        """How many proposals have no outcome yet."""
        return len(self._waiting)

    def ask(self, n: int) -> list[Proposal]:
        """Up to n proposals to evaluate now.

        Fewer than n means that the rest depends on outcomes; none while nothing is waiting means that there is nothing
        left to propose. Whoever wants the same search with one worker and with many asks for the same numbers.
        """
        found: list[Proposal] = []
        while len(found) < n:
            draft = Draft(self._start.pop(), (), "start") if self._start else self._draft()
            if draft is None:
                break
            proposal = Proposal(self._asked, *draft)
            self._asked += 1
            self._waiting[proposal.id] = proposal
            found.append(proposal)
        return found

    def tell(self, outcomes: Sequence[Outcome]) -> None:
        """Learn what came of proposals, each once; what follows depends on their order.

        Raises:
            ValueError: an outcome of something that does not wait for one.
        """
        told = [o.proposal.id for o in outcomes]
        for proposal, _ in outcomes:
            if self._waiting.get(proposal.id) != proposal or told.count(proposal.id) > 1:
                raise ValueError(f"proposal {proposal.id} does not wait for an outcome")
        for proposal, values in outcomes:
            del self._waiting[proposal.id]
            self._learn(Outcome(proposal, _sound(values)))

    @property
    def living(self) -> Collection[int] | None:
        """The numbers of the proposals that later ones may be made from; None where that may be any.

        Asked for when all outcomes have been told. What is kept of others beside their values may go.
        """
        return None

    def report(self) -> Mapping[str, Any]:
        """What is to be said of the search itself (acceptance rates, diversity), fit for JSON."""
        return {}

    @abstractmethod
    def _draft(self) -> Draft | None:
        """The next proposal, or None while it depends on outcomes."""

    @abstractmethod
    def _learn(self, outcome: Outcome) -> None:
        """Take in an outcome; its values are finite, or None."""


def _sound(values: tuple[float, ...] | None) -> tuple[float, ...] | None:
    return None if values is None or not all(math.isfinite(v) for v in values) else values
