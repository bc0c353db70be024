"""Take another alternative of a rule and keep the children that fit it."""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from math import inf, log
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from einsyn.derivation.tree import Derivation
from einsyn.search.moves.move import Edit, Move, log_one_of
from einsyn.search.views import log_prob

if TYPE_CHECKING:
    from einsyn.grammar.model import Production
    from einsyn.search.choices import Choices
    from einsyn.search.views import Node, View, Views


class Switch(Move):
    """Take another alternative at a node, by the weights of the others, and keep the children that fit.

    Kept are the first child of each symbol in the first slot of that symbol, the second in the second, and so on; slots
    that are left over are filled by the grammar. The way back keeps the same children.
    """

    name: ClassVar[str] = "switch"

    def applies(self, views: Views) -> bool:
        return any(len(rule.drawable) > 1 for rule in views.space.grammar.rules.values())

    def propose(self, view: View, choices: Choices) -> Edit | None:
        sites = view.sites(switchable)
        if not sites:
            return None
        number = sites[choices.choose(len(sites))]
        node = view.nodes[number]
        assert isinstance(node, Derivation)
        views = view.views
        others = views.fact(others_of, node.production)
        chosen = others.productions[choices.choose(len(others.productions), others.cumulative)]
        kept = views.fact(kept_slots, node.production, chosen)
        room = views.room(view, number)
        room.add(chosen)
        for slot in kept.values():
            child = node.children[slot]
            room.size -= child.size if isinstance(child, Derivation) else 0
        drawn, children = list["Node"](), list["Node"]()
        for slot, symbol in enumerate(chosen.slots):
            if slot in kept:
                children.append(node.children[kept[slot]])
                continue
            new = room.grow(symbol, choices)
            if new is None:
                return None
            drawn.append(new)
            children.append(new)
        child = view.replaced(number, Derivation(chosen, tuple(children)))

        def logs() -> tuple[float, float]:
            forward = log_one_of(sites) + others.log_prob(chosen)
            backward = log_one_of(child.sites(switchable)) + views.fact(others_of, chosen).log_prob(node.production)
            dropped = set(range(len(node.children))) - set(kept.values())
            for new in drawn:
                forward += log_prob(new)
            return forward, backward + sum([log_prob(node.children[slot]) for slot in sorted(dropped)])

        return Edit(child, logs)


class Others(NamedTuple):
    """The alternatives that can be drawn in place of one.

    Args:
        productions: these.
        cumulative: their probabilities, given that it is one of them.
        log_total: the logarithm of the probability of all of them.
    """

    productions: tuple[Production, ...]
    cumulative: tuple[float, ...]
    log_total: float

    def log_prob(self, production: Production) -> float:
        """The logarithm of the probability of one of them; it is minus infinity for what is never drawn."""
        return production.log_prob - self.log_total if self.productions else -inf


def others_of(_: Views, production: Production) -> Others:
    """What can be drawn in place of an alternative."""
    others = tuple([p for p in production.rule.drawable if p is not production])
    total = sum([p.probability for p in others])
    cumulative = tuple([float(s / total) for s in accumulate([p.probability for p in others])])
    return Others(others, cumulative, log(total) if others else -inf)


def kept_slots(_: Views, old: Production, new: Production) -> dict[int, int]:
    """For slots of the new alternative the slot of the old one whose child they keep."""
    places: defaultdict[object, list[int]] = defaultdict(list)
    for slot, symbol in enumerate(old.slots):
        places[symbol].append(slot)
    taken: dict[object, int] = defaultdict(int)
    kept: dict[int, int] = {}
    for slot, symbol in enumerate(new.slots):
        if taken[symbol] < len(places[symbol]):
            kept[slot] = places[symbol][taken[symbol]]
        taken[symbol] += 1
    return kept


def switchable(view: View) -> list[int]:
    """The nodes where another alternative can be drawn."""
    fact = view.views.fact
    return [
        number
        for number, node in enumerate(view.nodes)
        if isinstance(node, Derivation) and fact(others_of, node.production).productions
    ]
