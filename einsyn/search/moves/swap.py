"""Exchange what stands beside or inside one another."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

from einsyn.derivation.tree import Derivation
from einsyn.search.moves.context import nested_twice, recursive, same_context
from einsyn.search.moves.move import Edit, Move, log_one_of

if TYPE_CHECKING:
    from einsyn.search.choices import Choices
    from einsyn.search.views import View, Views


class SwapSiblings(Move):
    """Exchange two different children of one node that derive from the same symbol; every such pair is as likely."""

    name: ClassVar[str] = "swap"

    def applies(self, views: Views) -> bool:
        return any(len(set(p.slots)) < len(p.slots) for p in views.space.grammar.productions)

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(different_siblings)
        if not sites:
            return None
        number, i, j = sites[choices.choose(len(sites))]
        node = view.nodes[number]
        assert isinstance(node, Derivation)
        children = list(node.children)
        children[i], children[j] = children[j], children[i]
        child = view.replaced(number, Derivation(node.production, tuple(children)))
        return Edit(child, lambda: (log_one_of(sites), log_one_of(child.sites(different_siblings))))


class SwapNested(Move):
    """Exchange two nodes that stand one inside the other: of `a(b(x))` make `b(a(x))`; `x` may be any such node.

    All three derive from one rule, and the first two are the nearest of their rule above `x`. In a list that a
    recursive rule writes, these are neighbours.
    """

    name: ClassVar[str] = "reorder"

    def applies(self, views: Views) -> bool:
        return bool(views.fact(recursive))

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(reorderable)
        if not sites:
            return None
        inner = sites[choices.choose(len(sites))]
        middle = view.outer[inner]
        top = view.outer[middle]
        a, b = view.nodes[top], view.nodes[middle]
        assert isinstance(a, Derivation)
        assert isinstance(b, Derivation)
        moved = a.replace(view.path(middle, top), view.nodes[inner])
        child = view.replaced(top, b.replace(view.path(inner, middle), moved))
        return Edit(child, lambda: (log_one_of(sites), log_one_of(child.sites(reorderable))))


def different_siblings(view: View) -> list[tuple[int, int, int]]:
    """Nodes with two slots of one symbol whose children differ."""
    return [
        (number, i, j)
        for number, node in enumerate(view.nodes)
        if isinstance(node, Derivation)
        for i, j in combinations(range(len(node.children)), 2)
        if node.production.slots[i] is node.production.slots[j] and node.children[i] != node.children[j]
    ]


def reorderable(view: View) -> list[int]:
    """Nodes inside two of their rule that differ."""
    return [number for number in nested_twice(view) if not same_context(view, number)]
