"""Put a part of one derivation into another."""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar

from einsyn.search.moves.move import Edit, Move, log_one_of
from einsyn.search.moves.regenerate import open_nodes
from einsyn.search.views import symbol_of

if TYPE_CHECKING:
    from einsyn.search.choices import Choices
    from einsyn.search.views import View


class Crossover(Move):
    """Replace a subtree by one of another derivation that derives from the same symbol.

    Not reversible: what was replaced is in neither parent's reach.

    Args:
        mate: the other derivation.
    """

    name: ClassVar[str] = "crossover"
    reversible: ClassVar[bool] = False

    def __init__(self, mate: View) -> None:
        self._mate = mate

    def propose(self, view: View, choices: Choices) -> Edit | None:
        # The whole tree would be the mate itself.
        sites = view.sites(open_nodes)[1:]
        if not sites:
            return None
        number = sites[choices.choose(len(sites))]
        symbol = symbol_of(view.nodes[number])
        given = [node for node in self._mate.nodes[1:] if symbol_of(node) is symbol]
        if not given:
            return None
        chosen = given[choices.choose(len(given))]
        return Edit(view.replaced(number, chosen), lambda: (log_one_of(sites) + log_one_of(given), -inf))
