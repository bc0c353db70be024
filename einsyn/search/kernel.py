"""Metropolis-Hastings on derivations, with exact ratios.

What is sampled: well-typed derivations within the limits, each with probability proportional to
`P(tree)^power * exp(score / temperature)`, P being its probability under the grammar. A derivation of probability 0,
one whose evaluation failed, and one that is no architecture have density 0. A chain may begin at the first kind; from
there every feasible proposal is accepted.
"""

from __future__ import annotations

from math import exp, inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.search.choices import Choices
    from einsyn.search.moves.mixture import Mixture, Proposed
    from einsyn.search.moves.move import Edit, Move
    from einsyn.search.views import View


class Target(NamedTuple):
    """The distribution that is sampled, up to a factor.

    Args:
        power: of the grammar's probability: 1 is the grammar, 0 all architectures alike.
        temperature: of the score: `inf` leaves the score out, towards 0 only the best remain.
    """

    power: float = 1.0
    temperature: float = 1.0

    def log_density(self, view: View, score: float | None) -> float:
        """The logarithm of the density of an architecture with a score; None is a failed evaluation."""
        if score is None or view.log_prob == -inf:
            return -inf
        return self.power * view.log_prob + score / self.temperature


class State(NamedTuple):
    """Where a chain is: an architecture and its score."""

    view: View
    score: float | None


class Step(NamedTuple):
    """One step of a chain.

    Args:
        state: where the chain is after it.
        move: what was tried.
        feasible: whether that gave an architecture.
        accepted: whether the chain went there.
    """

    state: State
    move: Move
    feasible: bool
    accepted: bool


class Kernel:
    """Proposes by a mixture of moves and accepts so that the target stays as it is.

    Each move's own proposal ratio is used, not that of the mixture: the mixture draws its move independently of the
    derivation, so each move may balance by itself.

    Args:
        moves: what proposes; every move must be reversible.
        target: what is sampled.

    Raises:
        ValueError: a move is not reversible, or the temperature is not above 0.
    """

    def __init__(self, moves: Mixture, target: Target) -> None:
        for move in moves.moves:
            if not move.reversible:
                raise ValueError(f"the move `{move.name}` is not reversible and cannot be used here")
        if not target.temperature > 0:
            raise ValueError(f"a temperature is above 0, not {target.temperature}")
        self.moves = moves
        self.target = target

    def propose(self, state: State, choices: Choices) -> Proposed:
        """What to try next. Without an edit, or with one whose child is no architecture, the chain stays."""
        return self.moves.propose(state.view, choices)

    def accepts(self, state: State, edit: Edit, score: float | None, choices: Choices) -> bool:
        """Whether the chain goes to a child that is an architecture with this score."""
        here = self.target.log_density(state.view, state.score)
        there = self.target.log_density(edit.child, score)
        if there == -inf:
            return False
        if here == -inf:
            return True
        ratio = there - here + edit.backward - edit.forward
        return ratio >= 0 or choices.happens(exp(ratio))

    def step(self, state: State, choices: Choices, score: Callable[[View], float | None]) -> Step:
        """A whole step, where scores can be had at once."""
        return self.settle(state, self.propose(state, choices), choices, score)

    def settle(self, state: State, proposed: Proposed, choices: Choices, score: Callable[[View], float | None]) -> Step:
        """What a proposal leads to."""
        move, edit = proposed
        if edit is None or not edit.child.feasible:
            return Step(state, move, False, False)
        found = score(edit.child)
        if self.accepts(state, edit, found, choices):
            return Step(State(edit.child, found), move, True, True)
        return Step(state, move, True, False)


def exchanged(targets: tuple[Target, Target], states: tuple[State, State], choices: Choices) -> bool:
    """Whether two chains exchange their states (parallel tempering, Geyer 1991): it leaves both targets as they are."""
    (first, second), (a, b) = targets, states
    here = first.log_density(*a) + second.log_density(*b)
    there = first.log_density(*b) + second.log_density(*a)
    if there == -inf or here == -inf:
        return False
    return there >= here or choices.happens(exp(there - here))
