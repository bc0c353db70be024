"""What is known of the parent's graph: which of its values are one, which are parts of others, and who uses them."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from einsyn.ops.laws import Law, Part

if TYPE_CHECKING:
    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op


class Seen(NamedTuple):
    """A value as another one, or as a part of it.

    Args:
        value: the other.
        parts: for each axis the range that it is, None for all.
    """

    value: int
    parts: tuple[Part | None, ...]


class Facts:
    """What follows from the operations of a graph alone, whatever its weights are, in eval mode.

    Attributes:
        zero: for each value whether it is zero.
        positive: for each value whether nothing of it is negative.
        is_: for each value the one that it is, often itself.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        count = len(graph.types)
        self.zero = [False] * count
        self.positive = [False] * count
        self.is_ = list(range(count))
        for operation in graph.operations:
            self._learn(operation)

    def _learn(self, operation: Operation) -> None:
        op, given = operation.op, operation.inputs
        laws = op.laws
        zero = bool(given) and op.is_zero(tuple([self.zero[v] for v in given]))
        positive = Law.NEVER_NEGATIVE in laws or (
            Law.KEEPS_SIGN in laws and all([self.positive[v] or self.zero[v] for v in given])
        )
        handed = self._handed(operation)
        for k, out in enumerate(operation.outputs):
            source = None if handed is None else handed[k]
            self.zero[out] = zero if source is None else self.zero[source]
            self.positive[out] = positive if source is None else self.positive[source]
            self.is_[out] = out if source is None else self.is_[source]

    def _handed(self, operation: Operation) -> list[int] | None:
        """For each result the input that it is."""
        op, given = operation.op, operation.inputs
        types = self.types(operation)
        passed = op.passes(*types)
        if passed is not None:
            return [given[k] for k in passed]
        if Law.FIXES_ALL in op.laws or (Law.FIXES_POSITIVE in op.laws and self.positive[given[0]]):
            return [given[0]] * len(operation.outputs)
        if op.joins == "sum":
            left = [v for v in given if not self.zero[v]]
            (out,) = operation.outputs
            if len(left) == 1 and alike(self.graph.types[left[0]], self.graph.types[out]):
                return left
        return None

    def types(self, operation: Operation) -> tuple[TensorType, ...]:
        """Of the inputs of an operation."""
        return tuple([self.graph.types[v] for v in operation.inputs])


class Known(Facts):
    """The parent's graph.

    Attributes:
        seen: every value as another one, or a part of it.
        users: for each value that others are seen as, the operations whose first input is one of these.
        sums: for each such value the sums that it is a term of.
        joins: for each such value what it is joined with others in.
        sources: operations without inputs.
        zeros: of every type a value that is zero.
    """

    def __init__(self, graph: Graph) -> None:
        super().__init__(graph)
        self.seen: list[Seen] = [Seen(v, (None,) * t.rank) for v, t in enumerate(graph.types)]
        self.users: defaultdict[int, list[Operation]] = defaultdict(list)
        self.sums: defaultdict[int, list[Operation]] = defaultdict(list)
        self.joins: defaultdict[int, list[Operation]] = defaultdict(list)
        self.joined: dict[int, Operation] = {}
        self.sources: list[Operation] = []
        self.zeros: dict[TensorType, int] = {}
        for operation in graph.operations:
            self._look_at(operation)

    def _look_at(self, operation: Operation) -> None:
        op, types = operation.op, self.types(operation)
        for k, out in enumerate(operation.outputs):
            if self.zero[out]:
                self.seen[out] = self.seen[self.zeros.setdefault(self.graph.types[out], out)]
            elif self.is_[out] != out:
                self.seen[out] = self.seen[self.is_[out]]
            elif (cut := op.parts(*types)) is not None:
                axis, ranges = cut
                value, parts = self.seen[operation.inputs[0]]
                outer = parts[axis]
                part = ranges[k] if outer is None else Part(outer.start + ranges[k].start, ranges[k].size)
                self.seen[out] = Seen(value, (*parts[:axis], part, *parts[axis + 1 :]))
        if not operation.inputs:
            self.sources.append(operation)
            return
        roots = [self.seen[v].value for v in operation.inputs]
        self.users[roots[0]].append(operation)
        if op.joins == "sum" and self.is_[operation.outputs[0]] == operation.outputs[0]:
            for root in dict.fromkeys(roots):
                self.sums[root].append(operation)
        if op.joined(*types) is not None:
            self.joined[operation.outputs[0]] = operation
            for root in dict.fromkeys(roots):
                self.joins[root].append(operation)


def alike(a: TensorType, b: TensorType) -> bool:
    """Whether tensors of both types have the same shape."""
    return a.sizes == b.sizes and a.batched == b.batched


def same_op(a: Op, b: Op) -> bool:
    """Whether two operations are one, wherever in a derivation the graphs come from that they own."""
    pending = [(a, b)]
    while pending:
        one, other = pending.pop()
        if one is other:
            continue
        if type(one) is not type(other) or [(type(v), v) for v in one.key] != [(type(v), v) for v in other.key]:
            return False
        for x, y in zip(one.regions, other.regions, strict=True):
            if (x.inputs, x.outputs, x.types, len(x.operations)) != (y.inputs, y.outputs, y.types, len(y.operations)):
                return False
            for p, q in zip(x.operations, y.operations, strict=True):
                if (p.inputs, p.outputs, p.owner) != (q.inputs, q.outputs, q.owner):
                    return False
                pending.append((p.op, q.op))
    return True
