"""One way through a child's graph: what each of its values is of the parent's, and which weights that takes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from einsyn.ops.laws import Law
from einsyn.weights.preserving.known import Facts, alike, same_op
from einsyn.weights.preserving.mixed import candidates_of
from einsyn.weights.preserving.role import Fact, Knob, Role, knob_sets
from einsyn.weights.preserving.structure import folded, followed, joined, parted, relative
from einsyn.weights.preserving.sums import Term, solutions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.ir.graph import Graph, Operation
    from einsyn.weights.preserving.known import Known, Seen

# What is known of a value in several ways is passed on in so many.
_FACTS = 3


class Child(Facts):
    """The child's graph.

    Args:
        graph: the graph.
        counterparts: for weight sets of it the parent's that stand at the same place of the derivation.
    """

    def __init__(self, graph: Graph, counterparts: Mapping[int, int]) -> None:
        super().__init__(graph)
        self.counterparts = counterparts
        # For the parent's weight sets, where their counterparts are first used.
        self.places: dict[int, int] = {}
        self.uses: Counter[int] = Counter([self.is_[v] for v in graph.outputs])
        self.applied: Counter[int] = Counter()
        self.users: list[list[int]] = [[] for _ in graph.types]
        for number, operation in enumerate(graph.operations):
            for v in operation.inputs:
                self.users[v].append(number)
            if any([self.is_[out] == out for out in operation.outputs]):
                self.uses.update([self.is_[v] for v in operation.inputs])
            if operation.owner is not None:
                self.applied[operation.owner] += 1
                if operation.owner in counterparts:
                    self.places.setdefault(counterparts[operation.owner], number)

    def leads_to(self, first: int, last: int) -> bool:
        """Whether an operation is needed for another one."""
        seen = {first}
        pending = [first]
        while pending:
            for out in self.graph.operations[pending.pop()].outputs:
                for user in self.users[out]:
                    if user == last:
                        return True
                    if user < last and user not in seen:
                        seen.add(user)
                        pending.append(user)
        return False


class Attempt:
    """Goes through the child once. Where there are several ways it takes those that it is told.

    Args:
        known: the parent.
        child: the child.
        made: which way to go, at each place where there are several; the first one where that is not said.

    Attributes:
        counts: how many ways there were at each such place.
        roles: of the child's weight sets.
        times: what weight sets are multiplied with.
        gated: values that are multiplied with 0.
    """

    def __init__(self, known: Known, child: Child, made: Sequence[int]) -> None:
        self.known = known
        self.child = child
        self.counts: list[int] = []
        self.roles: dict[int, Role] = {}
        self.times: dict[int, float] = {}
        self.gated: set[tuple[int, int]] = set()
        self._made = made
        types = child.graph.types
        self._facts: list[list[Fact]] = [[] for _ in types]
        self._knobs: list[Knob | None] = [None] * len(types)
        for value, t in enumerate(types):
            if child.zero[value] and t in known.zeros:
                self._facts[value] = [Fact(known.zeros[t], (None,) * t.rank)]

    def run(self) -> bool:
        """Whether all outputs are the parent's."""
        inputs = dict(self.known.graph.inputs)
        types = self.child.graph.types
        for name, value in self.child.graph.inputs:
            if name in inputs and types[value] == self.known.graph.types[inputs[name]]:
                self._facts[value] = [Fact(inputs[name], (None,) * types[value].rank)]
        for number, operation in enumerate(self.child.graph.operations):
            self._apply(number, operation)
        pairs = zip(self.child.graph.outputs, self.known.graph.outputs, strict=False)
        return len(self.child.graph.outputs) == len(self.known.graph.outputs) and all(
            [self._is(value, self.known.seen[wanted]) for value, wanted in pairs]
        )

    def facts(self, value: int) -> list[Fact]:
        """What a value is known to be."""
        return self._facts[self.child.is_[value]] or self._facts[value]

    def knob(self, value: int) -> Knob | None:
        """What multiplies a value, and nothing but what it is used for here."""
        root = self.child.is_[value]
        return self._knobs[root] if self.child.uses[root] == 1 else None

    def _is(self, value: int, wanted: Seen) -> bool:
        for fact in self.facts(value):
            found = relative(fact, wanted)
            if found is not None and fact.scale == 1 and not any([u is not None and not u.agrees(None) for u in found]):
                return True
        return False

    def choose(self, count: int) -> int:
        """One of several ways."""
        place = len(self.counts)
        self.counts.append(count)
        return self._made[place] if place < len(self._made) else 0

    def _apply(self, number: int, operation: Operation) -> None:
        child = self.child
        if all([child.is_[out] != out for out in operation.outputs]):
            return
        op, given, out = operation.op, operation.inputs, operation.outputs[0]
        types = child.types(operation)
        found: list[list[Fact]] = [self._facts[v] for v in operation.outputs]
        if Law.FIXES_POSITIVE in op.laws:
            found[0] += [fact for fact in self.facts(given[0]) if self.known.positive[fact.value]]
        if op.mixing(*types) is not None and operation.owner is not None:
            found[0] += self._mixed(number, operation)
        elif op.joins == "sum":
            found[0] += self._summed(number, operation)
        elif op.joined(*types) is not None:
            found[0] += joined(self, operation)
        elif op.parts(*types) is not None:
            for each, more in zip(found, parted(self, operation), strict=True):
                each += more
        if not found[0] or operation.op.laws & Law.FIXES_POSITIVE:
            for each, more in zip(found, self._followed(number, operation), strict=True):
                each += more
        for each, value in zip(found, operation.outputs, strict=True):
            self._facts[value] = [fact for fact in each if self._fits(fact, value)][:_FACTS]
        self._knobs[out] = self._knob_of(operation, [v for v in given if not child.zero[v]])

    def _fits(self, fact: Fact, value: int) -> bool:
        """Whether sizes are as a fact says."""
        sizes = self.child.graph.types[value].sizes
        theirs = self.known.graph.types[fact.value].sizes
        return len(sizes) == len(theirs) and all(
            [n == m if u is None else n == u.size for n, m, u in zip(sizes, theirs, fact.units, strict=True)]
        )

    def _knob_of(self, operation: Operation, given: list[int]) -> Knob | None:
        op, owner = operation.op, operation.owner
        if len(operation.outputs) > 1:
            return None
        if owner is not None:
            learned = set(op.scaled_by) & set(operation.signature.params)
            return owner if learned and self.child.applied[owner] == 1 else None
        if Law.HOMOGENEOUS not in op.laws and op.joins != "product":
            return None
        knobs = [self.knob(v) for v in given]
        if op.joins == "product":
            return next((k for k in knobs if k is not None), None)
        there = [k for k in knobs if k is not None]
        if not there or len(there) < len(knobs):
            return None
        return there[0] if len(there) == 1 else tuple(there)

    def turn(self, knob: Knob, factor: float) -> None:
        """Multiply weights."""
        for owner in knob_sets(knob):
            self.times[owner] = self.times.get(owner, 1.0) * factor

    # Operations by kind.

    def _summed(self, number: int, operation: Operation) -> list[Fact]:
        """The sum of copies with shares, and of what else is there times 0."""
        child = self.child
        given = [v for v in operation.inputs if not child.zero[v]]
        t = child.graph.types[operation.outputs[0]]
        if not all([alike(child.graph.types[v], t) for v in given]):
            return []
        terms = [Term(v, self.facts(v), self.knob(v)) for v in given]
        for solution in solutions(self.known, terms, self.known.zeros.get(t)):
            if not solution.agrees():
                continue
            for term, factor in solution.factors:
                if term.knob is not None and factor != 1:
                    self.turn(term.knob, factor)
                if factor == 0:
                    self.gated.add((number, term.value))
            return [solution.fact]
        return []

    def _mixed(self, number: int, operation: Operation) -> list[Fact]:
        """A weighted sum: one of the parent's, or what hands units on."""
        fixed = self.roles.get(operation.owner) if operation.owner is not None else None
        ways = candidates_of(self, number, operation)
        if fixed is not None:
            ways = [way for way in ways if way[0].agrees(fixed)][:1]
        return self._one_of(number, operation, ways)

    def _one_of(self, number: int, operation: Operation, ways: list[tuple[Role, Fact]]) -> list[Fact]:
        """One of several roles with what it leads to, or none."""
        assert operation.owner is not None
        if not ways:
            return []
        sure = self._rank(number, operation, ways[0][0].source) < 2
        chosen = 0 if sure or len(ways) == 1 else self.choose(len(ways))
        role, fact = ways[chosen]
        self.roles.setdefault(operation.owner, role)
        return [fact]

    def _followed(self, number: int, operation: Operation) -> list[list[Fact]]:
        """What the parent's operations of the same kind gave for what this one is given."""
        found: list[list[Fact]] = [[] for _ in operation.outputs]
        ways: list[tuple[Role, Fact]] = []
        for source in self._alike(operation):
            inputs = self._matched(operation, source)
            if inputs is None:
                continue
            outputs = followed(self, operation, source, inputs)
            if outputs is None:
                continue
            if operation.owner is None:
                for each, fact in zip(found, outputs, strict=True):
                    each.append(fact)
            elif len(outputs) == 1:
                units = inputs[0].units if inputs else ()
                ways.append((Role(operation, source, units, None, inputs[0].scale if inputs else 1.0), outputs[0]))
            elif all([u is None for fact in inputs for u in fact.units]) and operation.owner not in self.roles:
                # A loop, say: all of it or nothing.
                self.roles[operation.owner] = Role(operation, source, (None,) * len(inputs[0].units))
                return [[fact] for fact in outputs]
        if operation.owner is None:
            if len(operation.outputs) == 1 and not found[0]:
                found[0] += folded(self, operation)
            return found
        types = self.child.types(operation)
        if len(types) == 1 and operation.op.fixing(*types) is not None:
            ways += [(Role(operation, None, f.units), f) for f in self.facts(operation.inputs[0]) if f.scale == 1]
        ways = self.ordered(number, operation, ways)
        fixed = self.roles.get(operation.owner)
        if fixed is not None:
            ways = [way for way in ways if way[0].agrees(fixed)][:1]
        found[0] += self._one_of(number, operation, ways)
        return found

    def ordered(self, number: int, operation: Operation, ways: list[tuple[Role, Fact]]) -> list[tuple[Role, Fact]]:
        """Roles in the order in which they are likely.

        First copies of what stands at the same place in the derivation, then of what has no other copy, then of what
        has one beside it; then what hands its input on. Last are copies of what the child applies itself to what comes
        from here: what was put before it is no copy of it.
        """
        return sorted(ways, key=lambda way: self._rank(number, operation, way[0].source))

    def _rank(self, number: int, operation: Operation, source: Operation | None) -> int:
        if source is None:
            return 4
        assert operation.owner is not None
        assert source.owner is not None
        if source.owner == self.child.counterparts.get(operation.owner):
            return 0
        place = self.child.places.get(source.owner)
        if place is not None and self.child.leads_to(number, place):
            return 5
        return 1 if source.path == operation.path else 2 if place is None else 3

    def _alike(self, operation: Operation) -> list[Operation]:
        """The parent's operations that may have done the same."""
        if not operation.inputs:
            counterpart = self.child.counterparts.get(operation.owner) if operation.owner is not None else None
            same = [s for s in self.known.sources if same_op(s.op, operation.op)]
            return [s for s in same if s.owner == counterpart] if counterpart is not None else same
        found: dict[int, Operation] = {}
        for fact in self.facts(operation.inputs[0]):
            for source in self.known.users[fact.value]:
                if len(source.inputs) == len(operation.inputs) and same_op(source.op, operation.op):
                    found[source.outputs[0]] = source
        return list(found.values())

    def _matched(self, operation: Operation, source: Operation) -> list[Fact] | None:
        """For each input what it is of the parent's input."""
        found: list[Fact] = []
        for value, theirs in zip(operation.inputs, source.inputs, strict=True):
            fact = self.of_parent(value, theirs)
            if fact is None:
                return None
            found.append(fact)
        return found

    def of_parent(self, value: int, theirs: int) -> Fact | None:
        """What a value is of one of the parent's, if it is of it."""
        mine, other = self.child.graph.types[value], self.known.graph.types[theirs]
        if mine.axes != other.axes or mine.dtype != other.dtype or mine.batched != other.batched:
            return None
        for fact in self.facts(value):
            units = relative(fact, self.known.seen[theirs])
            if units is not None:
                return Fact(theirs, units, fact.scale)
        return None
