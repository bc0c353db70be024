"""Repeat what a recursive rule has written, or take a repetition away."""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING, ClassVar, Final

from einsyn.search.moves.context import nested, nested_twice, recursive, same_context
from einsyn.search.moves.move import Edit, Move, log_one_of

if TYPE_CHECKING:
    from einsyn.search.choices import Choices
    from einsyn.search.views import View, Views

# Repeating and taking a repetition away are as likely.
_HALF: Final = -log(2)


class Duplicate(Move):
    """Write what stands around a node of the same rule twice, or once where it stands there twice; both as likely.

    Of `a(x)` make `a(a(x))`, and of `a(a(x))` `a(x)`. In a list that a recursive rule writes this copies an item.
    """

    name: ClassVar[str] = "duplicate"

    def applies(self, views: Views) -> bool:
        return bool(views.fact(recursive))

    def propose(self, view: View, choices: Choices) -> Edit | None:
        copy = choices.choose(2) == 1
        here, there = (nested, twins) if copy else (twins, nested)
        sites = view.sites(here)
        if not sites:
            return None
        inner = sites[choices.choose(len(sites))]
        outer = view.outer[inner]
        child = view.replaced(inner, view.nodes[outer]) if copy else view.replaced(outer, view.nodes[inner])
        return Edit(child, lambda: (_HALF + log_one_of(sites), _HALF + log_one_of(child.sites(there))))


def twins(view: View) -> list[int]:
    """The nodes inside two equal ones of their rule, one inside the other."""
    return [number for number in nested_twice(view) if same_context(view, number)]
