"""New architectures from those that are known: what every population and every climb proposes with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.sampling import Sampler
from einsyn.search.choices import RandomChoices
from einsyn.search.moves.crossover import Crossover
from einsyn.search.strategy import Draft
from einsyn.weights.transfer import can_preserve

if TYPE_CHECKING:
    from random import Random

    from einsyn.search.moves.mixture import Mixture
    from einsyn.search.moves.move import Edit
    from einsyn.search.views import View, Views

# Changes that are drawn before a child need not keep its parent's function any more.
KEEPING_TRIES: Final = 60
# Draws in a row that give nothing new before there is taken to be nothing.
TRIES: Final = 300


class Variation:
    """Draws what has not been proposed before; networks with one canonical form are one.

    Args:
        views: the space, under the limits of the search.
        moves: what changes an architecture.
        random: where all randomness comes from.
        crossover: with which probability a change takes from a second parent, where there is one.
        preserving: with which probability a child has to be able to compute what its parent does.
    """

    def __init__(
        self, views: Views, moves: Mixture, random: Random, crossover: float = 0.0, preserving: float = 0.0
    ) -> None:
        self.views = views
        self.moves = moves
        self.choices = RandomChoices(random)
        if not 0 <= preserving <= 1:
            raise ValueError(f"preserving is a probability, not {preserving}")
        self.crossover = crossover
        self.preserving = preserving
        self._sampler = Sampler(views.space, random.getrandbits(64), views.limits)
        self._seen: set[str] = set()

    def knows(self, form: str) -> bool:
        """Whether a canonical form has been met."""
        return form in self._seen

    def drawn(self) -> View:
        """The next draw from the space, whether it has been met or not."""
        return self.views.met(next(self._sampler))

    def is_new(self, view: View) -> bool:
        """Whether an architecture has not been met; from now on it has. What is not feasible is not new."""
        before = len(self._seen)
        if view.form is not None:
            self._seen.add(view.form)
        return len(self._seen) > before

    def fresh(self) -> Draft | None:
        """A draw from the space; None where nothing new comes up."""
        for _ in range(TRIES):
            view = self.drawn()
            if self.is_new(view) and view.architecture is not None:
                return Draft(view.architecture)
        return None

    def child(self, view: View, parent: int, mate: tuple[View, int] | None = None) -> Draft | None:
        """An architecture that is one change away from another; None where nothing new comes up.

        Where it has to be able to compute what the other does and no such change comes up, it may be any.

        Args:
            view: the other.
            parent: the number of its proposal.
            mate: a second parent with its number.
        """
        # Without a choice where there is none, so that searches stay what they are.
        keep = KEEPING_TRIES if self.preserving and self.choices.happens(self.preserving) else 0
        for tried in range(TRIES + keep):
            if mate is not None and self.choices.happens(self.crossover):
                move, parents = Crossover(mate[0]), (parent, mate[1])
                edit: Edit | None = move.propose(view, self.choices)
            else:
                (move, edit), parents = self.moves.propose(view, self.choices), (parent,)
            if edit is None or (tried < keep and not _keeps(view, edit.child)) or not self.is_new(edit.child):
                continue
            found = edit.child.architecture
            if found is not None:
                return Draft(found, parents, move.name)
        return None


def _keeps(parent: View, child: View) -> bool:
    """Whether weights are found with which a child computes what its parent does."""
    before, after = parent.architecture, child.architecture
    return before is not None and after is not None and can_preserve(before, after)
