"""Applies rules to a graph until none changes anything."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError
from einsyn.ir.mismatch import Mismatch
from einsyn.rewrite.draft import Draft
from einsyn.rewrite.pattern import find
from einsyn.rewrite.rule import Builder
from einsyn.rewrite.weights import WeightMap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ir.graph import Graph
    from einsyn.ops.op import Op
    from einsyn.rewrite.draft import Node
    from einsyn.rewrite.rule import Rule

# How often rules may fire for each operation of a graph; those that end by themselves need one or two.
_FIRINGS = 20


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A graph after rewriting.

    Args:
        graph: the graph.
        weights: where each of its weights comes from.
        fired: how often each rule changed something, by name; `unused` are operations that nobody used.
    """

    graph: Graph
    weights: WeightMap
    fired: dict[str, int]


class Firing(NamedTuple):
    """What one rule changed at one place.

    Args:
        rule: its name.
        path: the derivation node that what it changed came from.
        before: the operations that it took out, as the text form of a graph writes them.
        after: the operations that it put there.
        values: (old, new) for every value that another one stands for now.
    """

    rule: str
    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    values: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        lines = [f"{self.rule} at {self.path}"]
        lines += [f"  - {line}" for line in self.before] + [f"  + {line}" for line in self.after]
        lines += [f"  %{old} is %{new}" for old, new in self.values]
        return "\n".join(lines)


class Phase:
    """Rules that are applied together until none fires any more, before those of the next phase.

    Args:
        name: what people call it.
        rules: in the order in which they are tried at an operation.
    """

    def __init__(self, name: str, rules: tuple[Rule, ...]) -> None:
        self.name = name
        self.rules = rules
        self._of: dict[type[Op], tuple[Rule, ...]] = {}

    def of(self, cls: type[Op]) -> tuple[Rule, ...]:
        """The rules whose last operation may be of a class."""
        found = self._of.get(cls)
        if found is None:
            found = self._of[cls] = tuple([rule for rule in self.rules if rule.may_end_in(cls)])
        return found


def rewrite(graph: Graph, phases: Sequence[Phase], trace: list[Firing] | None = None) -> Rewritten:
    """Apply the rules of each phase in turn.

    A rule is tried at every operation in the order of execution, and at what it puts there. Where what a rule builds
    has other types than what it replaces, the graph stays as it is. Operations that nobody uses are left out; those
    that have weights stay where all rules are exact.

    Args:
        graph: what to rewrite.
        phases: in order.
        trace: gets what every rule changed, in order. Values keep the numbers that they have in `graph`.

    Raises:
        EinsynError: R001 rules undo one another for ever.
    """
    draft = Draft(graph, lossless=all(rule.law == "exact" for phase in phases for rule in phase.rules))
    fired: Counter[str] = Counter()
    unused = len(graph.operations) - len(draft.nodes)
    if unused:
        fired["unused"] = unused
    for phase in phases:
        _Run(draft, phase, fired, trace).run(_FIRINGS * (len(graph.operations) + 1))
    return Rewritten(*draft.finished(), dict(fired))


class _Run:
    """One phase over a draft."""

    def __init__(self, draft: Draft, phase: Phase, fired: Counter[str], trace: list[Firing] | None) -> None:
        self.draft = draft
        self.phase = phase
        self.fired = fired
        self.trace = trace

    def run(self, most: int) -> None:
        """Sweep until nothing changes; `most` firings are taken for a cycle."""
        total = 0
        while any([self.phase.of(node.op.__class__) for node in self.draft.nodes]):
            changed = self.sweep(most - total)
            if not changed:
                return
            total += changed

    def sweep(self, most: int) -> int:
        """Try every operation once, and what rules put there; returns how many fired."""
        draft = self.draft
        recent: list[str] = []
        kept: list[Node] = []
        for index, node in enumerate(draft.nodes):
            node.index = index
        for first in draft.nodes:
            pending = [first]
            while pending:
                node = pending.pop()
                # What nobody uses is there for its weights alone.
                built = self.fire(node, recent) if node.alive and draft.needed(node) else None
                if built is None:
                    kept.append(node)
                    continue
                if len(recent) > most:
                    raise EinsynError(Diagnostic("R001", f"rewriting goes on for ever: {_cycle(recent)}"))
                # Where some of its results are still used it stays, before what is new.
                kept.append(node)
                pending += reversed(built)
        draft.nodes = [node for node in kept if node.alive]
        return len(recent)

    def fire(self, node: Node, recent: list[str]) -> list[Node] | None:
        """What a rule that applies puts in place of a node, None if none does."""
        draft = self.draft
        for rule in self.phase.of(node.op.__class__):
            match = find(rule.pattern, draft, node)
            if match is None or not rule.guard(match):
                continue
            builder = Builder(draft, node)
            try:
                rule.build(match, builder)
            except Mismatch:
                continue
            replaced = builder.replaced
            if not replaced or any(draft.types[old] != draft.types[new] for old, new in replaced.items()):
                continue
            gone = draft.commit(builder.added, replaced)
            recent.append(rule.name)
            self.fired[rule.name] += 1
            if self.trace is not None:
                before, after = (tuple(map(draft.line, nodes)) for nodes in (gone, builder.added))
                self.trace.append(Firing(rule.name, str(node.path), before, after, tuple(replaced.items())))
            return builder.added
        return None


def _cycle(names: Sequence[str]) -> str:
    """The rules that fire over and over, in the order in which they do."""
    tail = names[-min(len(names), 12) :]
    return " > ".join(dict.fromkeys(tail))
