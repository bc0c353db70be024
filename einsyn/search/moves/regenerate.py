"""Redraw a subtree by the grammar."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from einsyn.derivation.tree import Token
from einsyn.search.moves.move import Edit, Move, log_one_of
from einsyn.search.views import log_prob, symbol_of

if TYPE_CHECKING:
    from einsyn.search.choices import Choices
    from einsyn.search.views import Node, View


class Regenerate(Move):
    """Draw the subtree at a node anew, by the weights of the grammar.

    The node is one of those where something else can stand, each as likely; the root is always among them, so that
    every derivation can be reached from every other. One draw is made: if it does not fit, the move is rejected.
    (Drawing until one fits would divide both probabilities by that of fitting, which is the same both ways.)
    """

    name: ClassVar[str] = "regenerate"

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(open_nodes)
        number = sites[choices.choose(len(sites))]
        old = view.nodes[number]
        new = view.views.room(view, number).grow(symbol_of(old), choices)
        if new is None:
            return None
        child = view.replaced(number, new)
        return Edit(
            child,
            lambda: (log_one_of(sites) + log_prob(new), log_one_of(child.sites(open_nodes)) + log_prob(old)),
        )


def is_open(node: Node) -> bool:
    """Whether the grammar can draw something else at a node, itself and not only below it."""
    if isinstance(node, Token):
        return node.symbol.domain.drawable > 1
    return len(node.production.rule.drawable) > 1


def open_nodes(view: View) -> list[int]:
    """The root, and the nodes where something else can stand."""
    return [number for number, node in enumerate(view.nodes) if not number or is_open(node)]
