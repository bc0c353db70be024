"""Give a token another value."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left
from math import inf, log
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from einsyn.derivation.tree import Token
from einsyn.search.moves.move import Edit, Move, log_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.model import Terminal
    from einsyn.search.choices import Choices
    from einsyn.search.views import View, Views


class Chosen(NamedTuple):
    """Another value for a token.

    Args:
        number: its number in the terminal's domain.
        forward: the logarithm of the probability of this value at this token.
        backward: that of the old value at the new one.
    """

    number: int
    forward: float
    backward: float


class ValueMove(Move):
    """Gives a token that can have another value another value. A subclass chooses which."""

    # How many values a terminal must have.
    least: ClassVar[int]

    def applies(self, views: Views) -> bool:
        return any(len(views.fact(values_of, t)) >= self.least for t in views.space.grammar.terminals.values())

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(changeable)
        if not sites:
            return None
        site = sites[choices.choose(len(sites))]
        token = view.nodes[site]
        assert isinstance(token, Token)
        values = view.views.fact(values_of, token.symbol)
        chosen = self.another(values, place_of(values, token.index), choices)
        if chosen is None:
            return None
        child = view.replaced(site, Token(token.symbol, chosen.number))
        return Edit(
            child,
            lambda: (log_one_of(sites) + chosen.forward, log_one_of(child.sites(changeable)) + chosen.backward),
        )

    @abstractmethod
    def another(self, values: Sequence[int], here: int | None, choices: Choices) -> Chosen | None:
        """One of the values that are ever drawn, or None where there is none.

        Args:
            values: these.
            here: the place of the present one among them, None where it is never drawn.
            choices: where choices come from.
        """


class ChangeValue(ValueMove):
    """Give a token another of the values that are ever drawn for it, each as likely."""

    name: ClassVar[str] = "value"
    least: ClassVar[int] = 2

    def another(self, values: Sequence[int], here: int | None, choices: Choices) -> Chosen | None:
        # Of the n values all but the present one; n, where that is never drawn and there is no way back.
        others = len(values) - (here is not None)
        there = choices.choose(others)
        index = values[there + (here is not None and there >= here)]
        return Chosen(index, -log(others), -inf if here is None else -log(others))


class StepValue(ValueMove):
    """Give a token the next larger or the next smaller of the values that are ever drawn for it, in their order.

    Beyond the ends there is nothing: such a step is rejected.
    """

    name: ClassVar[str] = "step"
    least: ClassVar[int] = 3

    def another(self, values: Sequence[int], here: int | None, choices: Choices) -> Chosen | None:
        there = -1 if here is None else here + (1, -1)[choices.choose(2)]
        return Chosen(values[there], -log(2), -log(2)) if 0 <= there < len(values) else None


def values_of(_: Views, terminal: Terminal) -> Sequence[int]:
    """The numbers of the values of a terminal that are ever drawn, in order."""
    return terminal.domain.drawn


def place_of(values: Sequence[int], index: int) -> int | None:
    """Where a value stands among those that are drawn, if it is."""
    place = bisect_left(values, index)
    return place if place < len(values) and values[place] == index else None


def changeable(view: View) -> list[int]:
    """The tokens that can have another value."""
    fact = view.views.fact
    return [n for n, node in enumerate(view.nodes) if isinstance(node, Token) and len(fact(values_of, node.symbol)) > 1]
