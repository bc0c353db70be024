"""What a move is: a distribution over changes of a derivation, each with its way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import log
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from einsyn.search.choices import Choices
    from einsyn.search.views import View, Views


class Edit:
    """One way of changing a derivation.

    Two derivations may be joined by several edits. Every edit has one inverse, an edit of the same move on the child
    that leads back, and the inverse of the inverse is the edit itself; this is all that the Metropolis-Hastings ratio
    needs, however many ways there are (Green 1995; Tierney 1998).

    Args:
        child: what came of it; it may be ill typed.
        logs: gives the logarithms of two probabilities: of the move making this edit, and of its inverse, minus
            infinity where the move cannot go back. It is asked at most once, and by chains alone; it makes no choice.
    """

    __slots__ = ("_known", "_logs", "child")

    def __init__(self, child: View, logs: Callable[[], tuple[float, float]]) -> None:
        self.child = child
        self._logs = logs
        self._known: tuple[float, float] | None = None

    @property
    def logs(self) -> tuple[float, float]:
        """Both logarithms, forward and backward."""
        if self._known is None:
            self._known = self._logs()
        return self._known

    @property
    def forward(self) -> float:
        """The logarithm of the probability with which the move makes this edit."""
        return self.logs[0]

    @property
    def backward(self) -> float:
        """That of its inverse; minus infinity where the move cannot go back."""
        return self.logs[1]


class Move(ABC):
    """Proposes changes of derivations. Moves have no state: all they know comes from the view and the choices.

    A child may be ill typed or exceed a limit: whoever asked looks at `Edit.child.feasible`.
    """

    name: ClassVar[str]
    # Whether `Edit.backward` is that of an inverse; what is not reversible is not for MCMC.
    reversible: ClassVar[bool] = True

    def applies(self, views: Views) -> bool:
        """Whether any derivation of a space can be changed like this."""
        return True

    @abstractmethod
    def propose(self, view: View, choices: Choices) -> Edit | None:
        """A change, or None where there is none of this kind or it certainly exceeds a limit."""


def log_one_of(sites: Sequence[object]) -> float:
    """The logarithm of the probability of one of several equally likely sites; minus infinity if there is none."""
    return -log(len(sites)) if sites else float("-inf")
