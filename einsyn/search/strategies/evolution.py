"""Evolution: populations of evaluated architectures whose fittest members have children."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

from einsyn.search.moves import MOVES
from einsyn.search.moves.mixture import Mixture, every_move
from einsyn.search.population import Member, crowding, fronts, tournament
from einsyn.search.strategy import Draft, Outcome, Strategy
from einsyn.search.variation import Variation

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.search.views import Views
    from einsyn.space import Space


class PopulationStrategy(Strategy):
    """What populations have in common: they begin with draws, and then fittest members have children.

    Nothing is proposed twice: networks with one canonical form are one. Failed evaluations have no children.

    Args:
        space: what is searched.
        seed: of everything random.
        limits: what an architecture may cost.
        start: architectures to evaluate first; they count towards the population.
        views: shared with other searches.
        population: how many members there are.
        tournament: of how many members, drawn at random, the fittest has a child.
        crossover: with which probability a change takes a subtree from a second parent.
        preserving: with which probability a child has to be able to compute what its parent does, see
            `einsyn.transfer`; where no such change comes up it may be any.
        moves: what changes an architecture; all shipped moves unless given.

    Raises:
        ValueError: a number is out of range.
    """

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        start: Sequence[Architecture] = (),
        views: Views | None = None,
        population: int = 20,
        tournament: int = 5,
        crossover: float = 0.2,
        preserving: float = 0.0,
        moves: Mixture | None = None,
    ) -> None:
        super().__init__(space, seed, limits=limits, start=start, views=views)
        if population < 1 or tournament < 1:
            raise ValueError("a population and a tournament have at least one member")
        if not 0 <= crossover <= 1:
            raise ValueError(f"crossover is a probability, not {crossover}")
        self._size = population
        self._tournament = tournament
        self._variation = Variation(
            self.views, moves or every_move(self.views, MOVES), self.random, crossover, preserving
        )
        self._beginners = 0  # evaluations until the first population is complete
        self._members: deque[Member] = deque()

    def _draft(self) -> Draft | None:
        if self._beginners + self.waiting < self._size:
            return self._variation.fresh()
        if not self._members or self._complete():
            return None
        mother, father = [
            tournament(self._members, self._tournament, self._fitness, self._variation.choices) for _ in range(2)
        ]
        mate = (father.view, father.id) if father is not mother else None
        return self._variation.child(mother.view, mother.id, mate) or self._variation.fresh()

    def _learn(self, outcome: Outcome) -> None:
        proposal, values = outcome
        view = self.views.met(proposal.architecture)
        self._variation.is_new(view)
        if values is not None:
            self._beginners += 1
            self._join(Member(proposal.id, view, values))

    @property
    def living(self) -> Collection[int]:
        return {m.id for m in self._members}

    def report(self) -> Mapping[str, Any]:
        return {"population": [m.id for m in self._members]}

    def _fitness(self, member: Member) -> tuple[float, ...]:
        """What tournaments compare."""
        return member.values[:1]

    def _complete(self) -> bool:
        """Whether everything that the present members may have as children has been asked for."""
        return False

    @abstractmethod
    def _join(self, member: Member) -> None:
        """Take in a new member."""


class Evolution(PopulationStrategy):
    """Regularised evolution: every child enters, the oldest member leaves.

    Source: Real et al. 2019 (arXiv:1802.01548).
    """

    name: ClassVar[str] = "evolution"

    def _join(self, member: Member) -> None:
        self._members.append(member)
        if len(self._members) > self._size:
            self._members.popleft()


class GenerationStrategy(PopulationStrategy):
    """Populations that change a generation at a time: as many children as members, then the fittest of both stay."""

    def __init__(self, space: Space, seed: int = 0, **options: Any) -> None:
        super().__init__(space, seed, **options)
        self._children: list[Member] = []
        self._brood = 0  # proposals of this generation that have an outcome, failures included

    @property
    def living(self) -> Collection[int]:
        return {m.id for m in (*self._members, *self._children)}

    def _complete(self) -> bool:
        return self._brood + self.waiting >= self._size

    def _learn(self, outcome: Outcome) -> None:
        super()._learn(outcome)
        self._brood += 1
        if self._beginners >= self._size and self._brood >= self._size and not self.waiting:
            self._members = deque(self._survivors([*self._members, *self._children]))
            self._children.clear()
            self._brood = 0

    def _join(self, member: Member) -> None:
        self._children.append(member)

    @abstractmethod
    def _survivors(self, members: list[Member]) -> list[Member]:
        """Those that stay, at most as many as the population has."""


class MuPlusLambda(GenerationStrategy):
    """The best of parents and children stay, of equals the older: (mu + lambda), with as many children as parents."""

    name: ClassVar[str] = "mu+lambda"

    def _survivors(self, members: list[Member]) -> list[Member]:
        return sorted(members, key=lambda member: -member.values[0])[: self._size]


class NSGA2(GenerationStrategy):
    """Several objectives at once: who is dominated by none stays, and of a front too large those far from others.

    Source: Deb et al. 2002, A fast and elitist multiobjective genetic algorithm: NSGA-II.
    """

    name: ClassVar[str] = "nsga2"
    several: ClassVar[bool] = True

    def __init__(self, space: Space, seed: int = 0, *, tournament: int = 2, **options: Any) -> None:
        super().__init__(space, seed, tournament=tournament, **options)
        self._ranks: dict[int, tuple[float, float]] = {}

    def _fitness(self, member: Member) -> tuple[float, ...]:
        return self._ranks[member.id]

    def _survivors(self, members: list[Member]) -> list[Member]:
        self._ranks = {}
        staying: list[Member] = []
        for rank, front in enumerate(fronts([m.values for m in members])):
            distances = crowding([members[i].values for i in front])
            ordered = sorted(zip(front, distances, strict=True), key=lambda each: -each[1])
            for i, distance in ordered[: self._size - len(staying)]:
                staying.append(members[i])
                self._ranks[members[i].id] = (-rank, distance)
        return staying

    def report(self) -> Mapping[str, Any]:
        return {**super().report(), "front": [m.id for m in self._members if self._ranks[m.id][0] == 0]}
