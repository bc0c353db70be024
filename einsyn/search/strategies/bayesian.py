"""Bayesian optimisation: a model of the scores so far decides what is evaluated next."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple

from einsyn.search.features import features, kinds
from einsyn.search.moves import MOVES
from einsyn.search.moves.crossover import Crossover
from einsyn.search.moves.mixture import Mixture, every_move
from einsyn.search.population import Member, tournament
from einsyn.search.strategy import Draft, Outcome, Strategy
from einsyn.search.surrogate import Surrogate, check_numpy, normal_scores, spread
from einsyn.search.variation import TRIES, Variation

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence
    from typing import Any

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.search.views import View, Views
    from einsyn.space import Space

# For each architecture to begin with there are so many draws to choose from.
_DRAWS: Final = 20
# The share of parents that are chosen among the best of each kind, and between how many of these.
_BY_KIND: Final = 0.5
_KINDS: Final = 2
# After a change another one follows with this probability.
_ANOTHER: Final = 0.5
# One of so many proposals is of another kind than so many before it.
_OTHER: Final = 3
_LATELY: Final = 8
# The model knows so many of the best and so many of the latest; its time grows with the cube of their number.
_BEST: Final = 200
_LATEST: Final = 200


class Candidate(NamedTuple):
    """What may be proposed: a feasible derivation, the proposals that it was made from, and the first change."""

    view: View
    parents: tuple[int, ...] = ()
    move: str = "sample"


class Bayesian(Strategy):
    """Bayesian optimisation over networks.

    Begins with draws that are unlike each other. From then on a model is fitted to all scores (`Surrogate`), candidates
    are made, and the one of which the greatest improvement is expected is evaluated. Candidates are draws, and
    descendants of what was evaluated: one or more changes away, perhaps with a subtree of a second parent. Half of the
    parents are the best of those with the same kinds of operations, whatever others score, and every third proposal has
    other kinds of operations than those just before it: what pays only after several changes is not crowded out by what
    pays at once.

    Nothing is proposed twice: networks with one canonical form are one. A failed evaluation is as bad as the worst.

    Sources: Kandasamy et al. 2018 (arXiv:1802.07191) and Ru et al. 2021 (arXiv:2006.07556) for models of networks and
    descendants as candidates, Stanley and Miikkulainen 2002 for competition within kinds.

    Args:
        space: what is searched.
        seed: of everything random.
        limits: what an architecture may cost.
        start: architectures to evaluate first; they count towards `initial`.
        views: shared with other searches.
        initial: evaluations that have a value before there is a model.
        pool: candidates to choose from after each outcome.
        fresh: the share of draws among them.
        crossover: with which probability a descendant has a second parent.
        tournament: of how many evaluated ones, drawn at random, the best is a parent.
        moves: what changes an architecture; all shipped moves unless given.

    Raises:
        ValueError: a number is out of range.
        UsageError: Q017 numpy is not installed.
    """

    name: ClassVar[str] = "bayesian"

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        start: Sequence[Architecture] = (),
        views: Views | None = None,
        initial: int = 16,
        pool: int = 500,
        fresh: float = 0.2,
        crossover: float = 0.2,
        tournament: int = 5,
        moves: Mixture | None = None,
    ) -> None:
        super().__init__(space, seed, limits=limits, start=start, views=views)
        if min(initial, pool, tournament) < 1:
            raise ValueError("a beginning, a pool and a tournament have at least one member")
        for option, share in (("fresh", fresh), ("crossover", crossover)):
            if not 0 <= share <= 1:
                raise ValueError(f"{option} is a probability, not {share}")
        check_numpy()
        self._initial = initial
        self._size = pool
        self._fresh = fresh
        self._crossover = crossover
        self._tournament = tournament
        self._variation = Variation(self.views, moves or every_move(self.views, MOVES), self.random)
        self._beginning: list[View] | None = None
        self._members: list[Member] = []
        self._failed: list[View] = []
        self._latest: deque[frozenset[Hashable]] = deque(maxlen=_LATELY)
        # Made anew after every outcome.
        self._pool: list[Candidate] = []
        self._surrogate: Surrogate | None = None

    def _draft(self) -> Draft | None:
        if len(self._members) + self.waiting < self._initial:
            return self._first()
        if not self._members:
            return None
        if self._surrogate is None:
            self._surrogate = self._model()
        among = None
        if self._asked % _OTHER == 0:
            among = [self._kind(candidate.view) not in self._latest for candidate in self._pool]
        for _ in self._pool:
            view, parents, move = self._pool[self._surrogate.choose(among)]
            architecture = view.architecture
            if architecture is not None and self._variation.is_new(view):
                self._latest.append(self._kind(view))
                return Draft(architecture, parents, move)
        return None if self.waiting else self._variation.fresh()

    def _learn(self, outcome: Outcome) -> None:
        proposal, values = outcome
        view = self.views.met(proposal.architecture)
        self._variation.is_new(view)
        self._surrogate = None
        if values is None:
            self._failed.append(view)
        else:
            self._members.append(Member(proposal.id, view, values))

    def report(self) -> Mapping[str, Any]:
        return {"kinds": len(self._best_of_kinds())}

    @staticmethod
    def _kind(view: View) -> frozenset[Hashable]:
        return kinds(features(view))

    # The beginning.

    def _first(self) -> Draft | None:
        """The next one to begin with."""
        if self._beginning is None:
            self._beginning = self._unlike()
        while self._beginning:
            view = self._beginning.pop()
            architecture = view.architecture
            if architecture is not None and self._variation.is_new(view):
                return Draft(architecture)
        return self._variation.fresh()

    def _unlike(self) -> list[View]:
        """Draws that are unlike each other, the first one last."""
        found: dict[str, View] = {}
        for _ in range(_DRAWS * self._initial):
            view = self._variation.drawn()
            if view.form is not None:
                found.setdefault(view.form, view)
        views = list(found.values())
        return [views[place] for place in reversed(spread([features(view) for view in views], self._initial))]

    # The model and what it chooses from.

    def _model(self) -> Surrogate:
        """Make candidates, and a model of what is known."""
        self._pool = self._candidates()
        best = sorted(self._members, key=lambda m: -m.values[0])[:_BEST]
        latest = [m for m in self._members[-_LATEST:] if m not in best]
        known = [*best, *latest]
        failed = self._failed[-_LATEST:]
        worst = min(m.values[0] for m in self._members)
        return Surrogate(
            [features(view) for view in (*[m.view for m in known], *failed)],
            normal_scores([*[m.values[0] for m in known], *[worst] * len(failed)]),
            [features(self.views.met(p.architecture)) for p in self._waiting.values()],
            [features(candidate.view) for candidate in self._pool],
            self.random.getrandbits(64),
        )

    def _candidates(self) -> list[Candidate]:
        """What is feasible and new, each once."""
        found: dict[str, Candidate] = {}
        kinds_ = self._best_of_kinds()
        missed = 0
        while len(found) < self._size and missed < TRIES:
            candidate = self._candidate(kinds_)
            form = None if candidate is None else candidate.view.form
            if candidate is None or form is None or form in found or self._variation.knows(form):
                missed += 1
            else:
                missed = 0
                found[form] = candidate
        return list(found.values())

    def _candidate(self, best: Sequence[Member]) -> Candidate | None:
        """A draw or a descendant; None where what was tried first is not feasible."""
        choices = self._variation.choices
        if choices.happens(self._fresh):
            return Candidate(self._variation.drawn())
        mother = self._parent(best)
        found: Candidate | None = None
        if choices.happens(self._crossover):
            father = self._parent(best)
            edit = Crossover(father.view).propose(mother.view, choices)
            if edit is None or not edit.child.feasible:
                return None
            found = Candidate(edit.child, (mother.id, father.id), Crossover.name)
        while found is None or choices.happens(_ANOTHER):
            move, edit = self._variation.moves.propose(mother.view if found is None else found.view, choices)
            feasible = edit is not None and edit.child.feasible
            if found is None:
                if edit is None or not feasible:
                    return None
                found = Candidate(edit.child, (mother.id,), move.name)
            elif edit is not None and feasible:
                found = found._replace(view=edit.child)
        return found

    def _parent(self, best: Sequence[Member]) -> Member:
        """One of the best of each kind, or of all."""
        choices = self._variation.choices
        by_kind = choices.happens(_BY_KIND)
        members, size = (best, _KINDS) if by_kind else (self._members, self._tournament)
        return tournament(members, size, lambda m: m.values[:1], choices)

    def _best_of_kinds(self) -> list[Member]:
        """Of those with the same kinds of operations the best, of equal ones the first."""
        found: dict[frozenset[Hashable], Member] = {}
        for member in self._members:
            known = found.setdefault(self._kind(member.view), member)
            if member.values[0] > known.values[0]:
                found[self._kind(member.view)] = member
        return list(found.values())
