"""Nodes inside nodes of the same rule: what a recursive rule repeats, and what stands between.

The context of a nested node is what lies between it and the nearest node above it that derives from the same rule: for
a list `layers: layer | layer ";" layers` that is one layer, for `module: "(" module ";" module ")"` it is everything of
the bracket but one module.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import accumulate
from math import inf, log
from typing import TYPE_CHECKING, NamedTuple

from einsyn.derivation.tree import Derivation
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from einsyn.grammar.model import Production
    from einsyn.search.views import Node, View, Views


class Steps(NamedTuple):
    """The ways to go down one node, on the way from a rule to itself.

    Args:
        ways: alternatives with the slot to go on with.
        cumulative: probabilities: an alternative by its weight among these, its slots alike.
        logs: their logarithms.
    """

    ways: tuple[tuple[Production, int], ...]
    cumulative: tuple[float, ...]
    logs: dict[tuple[Production, int], float]


def recursive(views: Views) -> dict[Rule, dict[Rule, Steps]]:
    """For every rule that can be drawn inside itself, the ways back to it from each rule that can be met between."""
    rules = list(views.space.grammar.rules.values())
    below = {r: {s for p in r.drawable for s in p.slots if isinstance(s, Rule)} for r in rules}
    above: dict[Rule, set[Rule]] = defaultdict(set)
    for rule, found in below.items():
        for each in found:
            above[each].add(rule)
    known: dict[Rule, dict[Rule, Steps]] = {}
    for target in rules:
        leading = {target}
        pending = [target]
        while pending:
            new = above[pending.pop()] - leading
            leading |= new
            pending += new
        if not below[target] & leading:
            continue
        known[target] = {}
        for rule in leading:
            ways = [
                (p, slots)
                for p in rule.drawable
                if (slots := [k for k, s in enumerate(p.slots) if isinstance(s, Rule) and s in leading])
            ]
            total = sum([p.probability for p, _ in ways])
            weights = {(p, k): p.probability / total / len(slots) for p, slots in ways for k in slots}
            cumulative = tuple([float(s) for s in accumulate(weights.values())])
            known[target][rule] = Steps(tuple(weights), cumulative, {w: log(f) for w, f in weights.items()})
    return known


def recursive_nodes(view: View) -> list[int]:
    """The nodes whose rule can be drawn inside itself."""
    rules = view.views.fact(recursive)
    return [n for n, node in enumerate(view.nodes) if isinstance(node, Derivation) and node.production.rule in rules]


def nested(view: View) -> list[int]:
    """The nodes inside another node of their rule."""
    return [number for number, outer in enumerate(view.outer) if outer >= 0]


def nested_twice(view: View) -> list[int]:
    """The nodes inside two others of their rule."""
    return [number for number in nested(view) if view.outer[view.outer[number]] >= 0]


def spine(view: View, inner: int) -> list[tuple[Derivation, int]]:
    """The nodes of the context of a nested node, from the top, each with the slot that leads on."""
    found: list[tuple[Derivation, int]] = []
    number = inner
    while number != view.outer[inner]:
        number, slot = view.above(number)
        node = view.nodes[number]
        assert isinstance(node, Derivation)
        found.append((node, slot))
    return found[::-1]


def log_spine(view: View, inner: int) -> float:
    """The logarithm of the probability of the way down a context; minus infinity if it is never drawn."""
    top = view.nodes[inner]
    assert isinstance(top, Derivation)
    ways = view.views.fact(recursive).get(top.production.rule, {})
    found = 0.0
    for node, slot in spine(view, inner):
        steps = ways.get(node.production.rule)
        found += -inf if steps is None else steps.logs.get((node.production, slot), -inf)
    return found


def same_context(view: View, inner: int) -> bool:
    """Whether the context of a node equals that of the nearest node of its rule above it."""
    first, second = spine(view, view.outer[inner]), spine(view, inner)
    return len(first) == len(second) and all(
        a.production is b.production and i == k and all(x == y for x, y in _beside(a, b, i))
        for (a, i), (b, k) in zip(first, second, strict=True)
    )


def _beside(a: Derivation, b: Derivation, slot: int) -> list[tuple[Node, Node]]:
    """The children of two nodes of one production, but those in a slot."""
    return [pair for k, pair in enumerate(zip(a.children, b.children, strict=True)) if k != slot]
