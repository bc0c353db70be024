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
from einsyn.rewrite.weights import Same, WeightMap

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.ir.graph import Graph, Operation
    from einsyn.ops.op import Op
    from einsyn.rewrite.draft import Node, Spot
    from einsyn.rewrite.rule import Rule

# How often rules may fire for each operation of a graph; those that end by themselves need one or two.
_FIRINGS = 20


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A graph after rewriting.

    Args:
        graph: the graph.
        weights: where each of its weights comes from.
        fired: how often each rule changed something, by name; `unused` are operations that nobody used, and `order`
            says that they run in another order.
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
        loop: where the loop came from in whose step that is; values are numbered anew there.
    """

    rule: str
    path: str
    before: tuple[str, ...]
    after: tuple[str, ...]
    values: tuple[tuple[int, int], ...]
    loop: str = ""

    def __str__(self) -> str:
        lines = [f"{self.rule} at {self.path}" + (f", in the step of the loop at {self.loop}" if self.loop else "")]
        lines += [f"  - {line}" for line in self.before] + [f"  + {line}" for line in self.after]
        lines += [f"  %{old} is %{new}" for old, new in self.values]
        return "\n".join(lines)


class Phase:
    """Rules that are applied together until none fires any more, before those of the next phase.

    Args:
        name: what people call it.
        rules: in the order in which they are tried at an operation.
        tidy: applied whenever these have changed something, and these after them again.
    """

    def __init__(self, name: str, rules: tuple[Rule, ...], tidy: Phase | None = None) -> None:
        self.name = name
        self.rules = rules
        self.tidy = tidy
        self.laws = frozenset(rule.law for rule in rules)
        self.of = _RulesOf(rules)
        self.at = _RulesAt(self.of)


class _RulesOf(dict["type[Op]", "tuple[Rule, ...]"]):
    """By class of operations the rules whose last operation may be of it."""

    __slots__ = ("_rules",)

    def __init__(self, rules: tuple[Rule, ...]) -> None:
        super().__init__()
        self._rules = rules

    def __missing__(self, cls: type[Op]) -> tuple[Rule, ...]:
        found = self[cls] = tuple([rule for rule in self._rules if rule.may_end_in(cls)])
        return found


class _RulesAt(dict["Spot", "tuple[Rule, ...]"]):
    """By spot the rules that may apply there."""

    __slots__ = ("_of",)

    def __init__(self, of: _RulesOf) -> None:
        super().__init__()
        self._of = of

    def __missing__(self, spot: Spot) -> tuple[Rule, ...]:
        found = self[spot] = tuple([rule for rule in self._of[spot[0]] if rule.may_apply(spot)])
        return found


def rewrite(graph: Graph, phases: Sequence[Phase], trace: list[Firing] | None = None) -> Rewritten:
    """Apply the rules of each phase in turn, to the steps of loops first and then to the graph itself.

    A rule is tried at every operation in the order of execution, and at what it puts there. Where what a rule builds
    has other types than what it replaces, the graph stays as it is. Operations that nobody uses are left out; those
    that have weights stay where no rule may lose them. A step stays as it is where that would move weights that
    another loop has as well.

    Args:
        graph: what to rewrite.
        phases: in order.
        trace: gets what every rule changed, in order. Values keep the numbers that they have in `graph` or in a step.

    Raises:
        EinsynError: R001 rules undo one another for ever.
    """
    steps: dict[int, Rewritten] = {}
    traces: dict[int, list[Firing]] = {}
    for loop, region, shared in _inside_out(graph):
        if id(region) in steps:
            continue
        firings: list[Firing] = []
        noting = None if trace is None else _Trace(traces, firings, str(loop.path))
        found = _rewrite_one(region, phases, steps, noting)
        moved = any(of != Same(slot, of.shape) for slot, of in found.weights.items())
        if not found.fired or (shared and moved):
            found, firings = Rewritten(region, found.weights, {}), []
        steps[id(region)], traces[id(region)] = found, firings
    return _rewrite_one(graph, phases, steps, None if trace is None else _Trace(traces, trace))


def _inside_out(graph: Graph) -> list[tuple[Operation, Graph, bool]]:
    """The regions of a graph, those in a region before that one.

    Returns:
        For each the operation that owns it, and whether another operation has the same weights.
    """
    found: list[tuple[Operation, Graph, bool]] = []
    pending = [graph]
    while pending:
        loops = [o for o in pending.pop().operations if o.regions]
        owned = Counter([o.owner for o in loops])
        inner = [(o, region, o.owner is not None and owned[o.owner] > 1) for o in loops for region in o.regions]
        found += inner
        pending += [region for _, region, _ in inner]
    return found[::-1]


class _Trace(NamedTuple):
    """Where what rules change is noted.

    Args:
        inner: by identity, what they changed in regions.
        firings: what they change in a graph and in its regions.
        loop: where the loop came from whose step the graph is.
    """

    inner: Mapping[int, Sequence[Firing]]
    firings: list[Firing]
    loop: str = ""


def _rewrite_one(
    graph: Graph, phases: Sequence[Phase], steps: Mapping[int, Rewritten], trace: _Trace | None
) -> Rewritten:
    """Rewrite a graph, with what became of the steps of its loops; counts and notes what was changed in both."""
    laws = {law for phase in phases for law in phase.laws}
    draft = Draft(graph, params="deploy" not in laws, buffers=laws <= {"exact"}, regions=steps)
    fired: Counter[str] = Counter()
    for inner in dict.fromkeys([id(region) for o in graph.operations for region in o.regions]):
        fired.update(steps[inner].fired)
        if trace is not None:
            trace.firings.extend(trace.inner[inner])
    unused = len(graph.operations) - len(draft.nodes)
    if unused:
        fired["unused"] += unused
    run = _Run(draft, fired, trace, _FIRINGS * (len(graph.operations) + 1))
    for phase in phases:
        while run.until_stable(phase) and phase.tidy is not None and run.until_stable(phase.tidy):
            pass
    return Rewritten(*draft.finished(), dict(fired))


class _Run:
    """Rules on their way over a draft.

    Args:
        draft: the graph.
        fired: counts what fires.
        trace: gets what every rule changed, if anybody wants to know.
        most: firings that are taken for a cycle.
    """

    def __init__(self, draft: Draft, fired: Counter[str], trace: _Trace | None, most: int) -> None:
        self.draft = draft
        self.fired = fired
        self.trace = trace
        self._most = most
        self._order: list[str] = []  # the rules that fired, one after the other
        self._bits: dict[Phase, int] = {}

    def until_stable(self, phase: Phase) -> bool:
        """Sweep until nothing changes; whether anything did."""
        before = len(self._order)
        while True:
            last = len(self._order)
            self.sweep(phase)
            if len(self._order) == last:
                return last > before
            # What was put there stood where something else did.
            for index, node in enumerate(self.draft.nodes):
                node.index = index

    def sweep(self, phase: Phase) -> None:
        """Try every operation at which a rule may apply, and what rules put there."""
        draft, rules_of = self.draft, phase.of
        bit = self._bits.setdefault(phase, 1 << len(self._bits))
        kept: list[Node] = []
        for first in draft.nodes:
            if not (first.open & bit and rules_of[first.op.__class__]):
                kept.append(first)
                continue
            pending = [first]
            while pending:
                node = pending.pop()
                # Where some of its results are still used it stays, before what is new.
                kept.append(node)
                rules = phase.at[draft.visit(node)]
                # What nobody uses is there for its weights alone.
                if rules and not (node.alive and draft.is_needed(node)):
                    continue
                added = self.fire(node, rules) if rules else None
                if added is not None:
                    pending += reversed(added)
                elif node is first:
                    # What is new is tried once more, when it stands in its place.
                    draft.close(node, bit)
        draft.nodes = [node for node in kept if node.alive]

    def fire(self, node: Node, rules: Sequence[Rule]) -> list[Node] | None:
        """Apply the first rule that applies at a node; returns what it put there, None where none applies."""
        draft = self.draft
        for rule in rules:
            match = find(rule.pattern, draft, node)
            if match is None or not rule.guard(match):
                continue
            builder = Builder(draft, node)
            try:
                rule.build(match, builder)
            except Mismatch:
                continue
            replaced = builder.replaced
            if not replaced or not draft.keeps_types(replaced):
                continue
            gone = draft.commit(builder.added, replaced)
            self.fired[rule.name] += 1
            self._order.append(rule.name)
            if len(self._order) > self._most:
                raise EinsynError(Diagnostic("R001", f"rewriting goes on for ever: {_cycle(self._order)}"))
            if self.trace is not None:
                gone.sort(key=lambda node: node.index)
                before, after = (tuple(map(draft.line, nodes)) for nodes in (gone, builder.added))
                values = tuple(replaced.items())
                loop = self.trace.loop
                self.trace.firings.append(Firing(rule.name, str(node.path), before, after, values, loop))
            return builder.added
        return None


def _cycle(names: Sequence[str]) -> str:
    """The rules that fire over and over, in the order in which they do."""
    tail = names[-min(len(names), 12) :]
    return " > ".join(dict.fromkeys(tail))
