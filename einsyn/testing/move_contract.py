"""`check_move`: does a move, or a mixture of moves, sample what it is meant to sample? Proved by enumeration."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.search.choices import outcomes
from einsyn.search.kernel import Kernel, State, Target
from einsyn.search.moves.mixture import Mixture
from einsyn.search.moves.move import Move
from einsyn.search.views import Views
from einsyn.testing.contract import ContractError, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from einsyn.search.moves.mixture import Proposed
    from einsyn.search.views import View
    from einsyn.space import Space

    Matrix = NDArray[np.float64]

TARGETS: Final = (Target(1.0, 1.0), Target(0.5, 0.3), Target(0.0, 5.0), Target(1.0, inf))
TOLERANCE: Final = 1e-12


class Balance(NamedTuple):
    """How far the transitions of a kernel are from leaving its target as it is.

    Args:
        rows: how far the probabilities of leaving any state are from adding to 1.
        stationary: the largest difference between the target before and after a step.
        detailed: the largest difference between the flows in both directions of two states.
        moved: the probability that a step from the target ends elsewhere.
    """

    rows: float
    stationary: float
    detailed: float
    moved: float

    @property
    def exact(self) -> bool:
        """Whether all of it is rounding."""
        return max(self.rows, self.stationary, self.detailed) <= TOLERANCE


class EveryWay:
    """All that a mixture can propose from any architecture of a small space, each way with its probability.

    Args:
        moves: the mixture.
        space: a space.
        limits: they must leave finitely many architectures, few enough to enumerate.
    """

    def __init__(self, moves: Mixture, space: Space, **limits: int | None) -> None:
        self.moves = moves
        views = Views(space, space.bounds(limits))
        self.views: list[View] = [views.of(a.derivation) for a in space.enumerate(**limits)]
        self._ways: list[list[tuple[Proposed, float]]] = [
            list(outcomes(lambda choices, view=view: moves.propose(view, choices))) for view in self.views
        ]

    def score(self, view: View) -> float:
        """A score without any meaning, from 0 to 3, different for different architectures."""
        assert view.architecture is not None
        return int(view.architecture.hash, 16) % 3001 / 1000

    def transitions(self, kernel: Kernel) -> Matrix:
        """The probabilities of every step from every architecture to every other."""
        import numpy as np

        numbers = {view: number for number, view in enumerate(self.views)}
        matrix = np.zeros((len(numbers), len(numbers)))
        for view, ways in zip(self.views, self._ways, strict=True):
            state = State(view, self.score(view))
            for proposed, probability in ways:
                for step, chance in outcomes(
                    lambda choices, state=state, proposed=proposed: kernel.settle(state, proposed, choices, self.score)
                ):
                    matrix[numbers[view], numbers[step.state.view]] += probability * chance
        return matrix

    def target(self, target: Target) -> Matrix:
        """The distribution that is meant to be sampled."""
        import numpy as np

        logs = np.array([target.log_density(view, self.score(view)) for view in self.views])
        density: Matrix = np.exp(logs - logs.max())
        return density / density.sum()

    def balance(self, kernel: Kernel) -> Balance:
        """What its transitions do to its target."""
        import numpy as np

        matrix, target = self.transitions(kernel), self.target(kernel.target)
        flows = target[:, None] * matrix
        return Balance(
            float(np.abs(matrix.sum(axis=1) - 1).max()),
            float(np.abs(target @ matrix - target).max()),
            float(np.abs(flows - flows.T).max()),
            float(flows.sum() - np.trace(flows)),
        )


def check_move(
    moves: Move | Mixture, space: Space, targets: Sequence[Target] = TARGETS, **limits: int | None
) -> list[Balance]:
    """Prove on a small space that a move samples exactly what Metropolis-Hastings is meant to sample with it.

    The move's own code is run over every choice that it can make, from every architecture; so the space and the limits
    must leave few of them, a few hundred. The transition matrix must leave each target as it is, and balance it.

    Args:
        moves: a move or a mixture of moves.
        space: a small space.
        targets: what is to be sampled; scores are made up.
        **limits: `max_size` and the like, as for `Space.sample`.

    Returns:
        For each target how exact it is, and how much the move does.

    Raises:
        ContractError: with all targets that are not sampled.
        ValueError: the move declares that it is not reversible.
    """
    mixed = Mixture({moves: 1.0}) if isinstance(moves, Move) else moves
    kernels = [Kernel(mixed, target) for target in targets]
    every = EveryWay(mixed, space, **limits)
    found = [every.balance(kernel) for kernel in kernels]
    shown = " or ".join(move.name for move in mixed.moves)
    wrong = [
        Finding("Metropolis-Hastings leaves its target as it is", f"{space.name}, {target}", str(balance))
        for target, balance in zip(targets, found, strict=True)
        if not balance.exact
    ]
    if wrong:
        raise ContractError(f"move `{shown}`", wrong)
    return found
