"""Markov chain Monte Carlo: chains that visit architectures as often as a stated distribution says."""

from __future__ import annotations

from array import array
from collections import Counter
from math import isnan
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Final

from einsyn.sampling import Sampler
from einsyn.search.choices import RandomChoices
from einsyn.search.kernel import Kernel, State, Step, Target, exchanged
from einsyn.search.mixing import effective_size, r_hat
from einsyn.search.moves import MOVES
from einsyn.search.moves.mixture import Mixture, Proposed, every_move
from einsyn.search.strategy import Draft, Outcome, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.elaborate.limits import Limits
    from einsyn.search.views import View, Views
    from einsyn.space import Space

# Steps of a chain without anything to evaluate after which there is taken to be nothing.
PATIENCE: Final = 10_000


class Chain:
    """One Markov chain: where it is, what it waits for, what it has done.

    Args:
        kernel: its steps.
        seed: of everything random in it, so that chains do not depend on each other's speed.
        sampler: where it begins, unless it is given a beginning.
    """

    def __init__(self, kernel: Kernel, seed: int, sampler: Sampler) -> None:
        self.kernel = kernel
        self.choices = RandomChoices(Random(seed))
        self._sampler = sampler
        self.state: State | None = None
        self.id = -1  # of the proposal that the state was
        self.beginning: View | None = None
        self.proposed: Proposed | None = None
        self.steps = 0
        self.scores = array("d")
        self.sizes = array("d")
        self.tried: Counter[str] = Counter()
        self.feasible: Counter[str] = Counter()
        self.accepted: Counter[str] = Counter()

    @property
    def waiting(self) -> bool:
        """Whether it can go on only when something has been evaluated."""
        return self.proposed is not None or self.beginning is not None

    def begin(self, views: Views, given: Architecture | None) -> View:
        """A first state: what is given, or a draw from the space."""
        self.beginning = views.met(next(self._sampler) if given is None else given)
        return self.beginning

    def take(self, score: float | None, id: int) -> None:
        """Go on with what was waited for.

        Args:
            score: of the first state or of the child; None where its evaluation failed, or the child is nothing.
            id: the number of its proposal.
        """
        if self.beginning is not None:
            if score is not None:
                self.state, self.id = State(self.beginning, score), id
            self.beginning = None
            return
        assert self.state is not None
        assert self.proposed is not None
        step = self.kernel.settle(self.state, self.proposed, self.choices, lambda _: score)
        self.proposed = None
        self._record(step)
        if step.accepted:
            self.state, self.id = step.state, id

    def _record(self, step: Step) -> None:
        self.steps += 1
        self.tried[step.move.name] += 1
        self.feasible[step.move.name] += step.feasible
        self.accepted[step.move.name] += step.accepted
        assert step.state.score is not None
        self.scores.append(step.state.score)
        self.sizes.append(step.state.view.tree.size)


class MCMC(Strategy):
    """Metropolis-Hastings on `P(tree)^power * exp(score / temperature)`, over architectures within the limits.

    Several chains, each with its own randomness. With several temperatures it is parallel tempering: each has a chain,
    all step together, and after every step two neighbours may exchange their states. The value of an architecture is
    taken to be a function of its canonical form; what is known is not proposed again.

    Args:
        space: what is searched.
        seed: of everything random.
        limits: what an architecture may cost.
        start: where the first chains begin; the others begin with draws.
        views: shared with other searches.
        chains: how many; with several temperatures as many as these.
        temperature: of the score, in its own units: a score lower by this is e times as rare.
        power: of the grammar's probability: 1 is the grammar, 0 all architectures alike.
        ladder: temperatures for parallel tempering, the first being that of what is sampled.
        burn_in: the share of every chain that reports leave out.
        moves: what changes an architecture; all shipped moves unless given.

    Raises:
        ValueError: a number is out of range, or a move is not reversible.
    """

    name: ClassVar[str] = "mcmc"
    samples: ClassVar[bool] = True

    def __init__(
        self,
        space: Space,
        seed: int = 0,
        *,
        limits: Limits | None = None,
        start: Sequence[Architecture] = (),
        views: Views | None = None,
        chains: int = 4,
        temperature: float = 1.0,
        power: float = 1.0,
        ladder: Sequence[float] = (),
        burn_in: float = 0.5,
        moves: Mixture | None = None,
    ) -> None:
        super().__init__(space, seed, limits=limits, start=start, views=views)
        if chains < 1:
            raise ValueError("there is at least one chain")
        if not 0 <= burn_in < 1:
            raise ValueError(f"burn_in is a share below 1, not {burn_in}")
        mixture = moves or every_move(self.views, MOVES)
        sampler = Sampler(space, self.random.getrandbits(64), self.limits)
        temperatures = tuple(ladder) or (temperature,) * chains
        self.chains = [
            Chain(Kernel(mixture, Target(power, t)), self.random.getrandbits(64), sampler) for t in temperatures
        ]
        # Of parallel tempering: how often all chains have stepped and exchanged.
        self._sweeps = 0 if len(ladder) > 1 else None
        self._exchanges = RandomChoices(self.random)
        self.exchanged = 0
        self._burn_in = burn_in
        # By canonical form: the score, None if the evaluation failed, and the number of the proposal.
        self._known: dict[str, tuple[float | None, int]] = {}
        # By canonical form: the chains that wait for it, the one that asked first.
        self._awaited: dict[str, list[Chain]] = {}
        self._given = list(start)
        self._missing = len(start)

    def _draft(self) -> Draft | None:
        if self._missing:
            return None
        for _ in range(PATIENCE):
            ready = [c for c in self.chains if not c.waiting and self._sweeps in (None, c.steps)]
            if ready:
                chain = min(ready, key=lambda each: each.steps)
                draft = self._advance(chain)
                if draft is not None:
                    return draft
            elif self._sweeps is not None and not self.waiting:
                self._exchange()
                self._sweeps += 1
            else:
                return None
        return None

    def _advance(self, chain: Chain) -> Draft | None:
        """What has to be evaluated for a chain's next step; None where the step could be made without."""
        if chain.state is None:
            given = self._given.pop(0) if self._given else None
            return self._unless_known(chain, chain.begin(self.views, given), (), "sample")
        chain.proposed = chain.kernel.propose(chain.state, chain.choices)
        move, edit = chain.proposed
        if edit is None or not edit.child.feasible:
            chain.take(None, -1)
            return None
        return self._unless_known(chain, edit.child, (chain.id,), move.name)

    def _unless_known(self, chain: Chain, view: View, parents: tuple[int, ...], move: str) -> Draft | None:
        form = view.form
        assert form is not None
        if form in self._known:
            chain.take(*self._known[form])
            return None
        chains = self._awaited.setdefault(form, [])
        chains.append(chain)
        architecture = view.architecture
        assert architecture is not None
        return Draft(architecture, parents, move) if len(chains) == 1 else None

    def _exchange(self) -> None:
        """Offer two neighbouring chains each other's states."""
        number = self._exchanges.choose(len(self.chains) - 1)
        a, b = self.chains[number : number + 2]
        assert a.state is not None
        assert b.state is not None
        if exchanged((a.kernel.target, b.kernel.target), (a.state, b.state), self._exchanges):
            self.exchanged += 1
            a.state, a.id, b.state, b.id = b.state, b.id, a.state, a.id

    def _learn(self, outcome: Outcome) -> None:
        proposal, values = outcome
        score = None if values is None else values[0]
        form = self.views.met(proposal.architecture).form
        assert form is not None
        self._known[form] = (score, proposal.id)
        self._missing -= self._missing > 0
        for chain in self._awaited.pop(form, ()):
            chain.take(score, proposal.id)

    def report(self) -> Mapping[str, Any]:
        names = dict.fromkeys(name for chain in self.chains for name in chain.tried)
        moves = {
            name: {what: sum(counts[name] for counts in found) for what, found in self._counts().items()}
            for name in names
        }
        # With a ladder only the first chain samples what is meant.
        sampled = self.chains if self._sweeps is None else self.chains[:1]
        traces = {"score": [c.scores for c in sampled], "size": [c.sizes for c in sampled]}
        mixed: dict[str, Any] = {}
        for name, chains in traces.items():
            kept = [chain[int(len(chain) * self._burn_in) :] for chain in chains]
            figures = {"r_hat": r_hat(kept), "effective_size": effective_size(kept)}
            mixed[name] = {what: None if isnan(figure) else figure for what, figure in figures.items()}
        found = {"steps": [c.steps for c in self.chains], "moves": moves, **mixed}
        return found if self._sweeps is None else {**found, "exchanged": self.exchanged, "offered": self._sweeps}

    def _counts(self) -> dict[str, list[Counter[str]]]:
        return {
            "tried": [c.tried for c in self.chains],
            "feasible": [c.feasible for c in self.chains],
            "accepted": [c.accepted for c in self.chains],
        }
