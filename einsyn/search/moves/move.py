"""What a move is: a distribution over changes of a derivation, each with its way back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from math import log
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.search.choices import Choices
    from einsyn.search.views import View, Views


class Edit(NamedTuple):
    """One way of changing a derivation.

    Two derivations may be joined by several edits. Every edit has one inverse, an edit of the same move on the child
    that leads back, and the inverse of the inverse is the edit itself; this is all that the Metropolis-Hastings ratio
    needs, however many ways there are (Green 1995; Tierney 1998).

    Args:
        child: what came of it; it may be ill typed.
        forward: the logarithm of the probability with which the move makes this edit.
        backward: that of its inverse; minus infinity where the move cannot go back.
    """

    child: View
    forward: float
    backward: float


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
