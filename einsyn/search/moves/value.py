"""Give a token another value."""

from __future__ import annotations

from bisect import bisect_left
from math import inf, log
from typing import TYPE_CHECKING, ClassVar

from einsyn.derivation.tree import Token
from einsyn.elaborate.viability import drawn
from einsyn.search.moves.move import Edit, Move, log_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.model import Terminal
    from einsyn.search.choices import Choices
    from einsyn.search.views import View, Views


class ChangeValue(Move):
    """Give a token another of the values that are ever drawn for it, each as likely."""

    name: ClassVar[str] = "value"

    def applies(self, views: Views) -> bool:
        return any(len(views.fact(values_of, t)) > 1 for t in views.space.grammar.terminals.values())

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(changeable)
        if not sites:
            return None
        number = sites[choices.choose(len(sites))]
        token = view.nodes[number]
        assert isinstance(token, Token)
        values = view.views.fact(values_of, token.symbol)
        # Of the n values all but the present one; n, where that is never drawn and there is no way back.
        here = place_of(values, token.index)
        there = choices.choose(len(values) - (here is not None))
        chosen = values[there + (here is not None and there >= here)]
        child = view.replaced(number, Token(token.symbol, chosen))
        forward = log_one_of(sites) - log(len(values) - (here is not None))
        if here is None:
            return Edit(child, forward, -inf)
        return Edit(child, forward, log_one_of(child.sites(changeable)) - log(len(values) - 1))


class StepValue(Move):
    """Give a token the next larger or the next smaller of the values that are ever drawn for it, in their order.

    Beyond the ends there is nothing: such a step is rejected.
    """

    name: ClassVar[str] = "step"

    def applies(self, views: Views) -> bool:
        return any(len(views.fact(values_of, t)) > 2 for t in views.space.grammar.terminals.values())

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(changeable)
        if not sites:
            return None
        number = sites[choices.choose(len(sites))]
        token = view.nodes[number]
        assert isinstance(token, Token)
        values = view.views.fact(values_of, token.symbol)
        here = place_of(values, token.index)
        there = -1 if here is None else here + (1, -1)[choices.choose(2)]
        if not 0 <= there < len(values):
            return None
        child = view.replaced(number, Token(token.symbol, values[there]))
        return Edit(child, log_one_of(sites) - log(2), log_one_of(child.sites(changeable)) - log(2))


def values_of(_: Views, terminal: Terminal) -> Sequence[int]:
    """The numbers of the values of a terminal that are ever drawn, in order."""
    return drawn(terminal.domain)


def place_of(values: Sequence[int], index: int) -> int | None:
    """Where a value stands among those that are drawn, if it is."""
    place = bisect_left(values, index)
    return place if place < len(values) and values[place] == index else None


def changeable(view: View) -> list[int]:
    """The tokens that can have another value."""
    fact = view.views.fact
    return [n for n, node in enumerate(view.nodes) if isinstance(node, Token) and len(fact(values_of, node.symbol)) > 1]
