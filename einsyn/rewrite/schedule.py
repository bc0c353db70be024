"""The order in which operations run, chosen so that the tensors alive at once take less memory.

A graph falls into stretches between places where a single value is alive: what comes before is needed for it, what
comes after needs it. Each has a peak of its own, and the order inside one does not matter to the others. Only a stretch
that holds the peak of the whole is put in another order, so that the rest stays as it was written.

Within a stretch the search keeps sets of operations that can have run, those with the lowest peaks; where there are not
too many it keeps all of them, and finds the best order. An operation that frees at least as much as it makes, without a
new peak, is taken at once: it can only help to have it behind. Ahn et al., MLSys 2020 (arXiv:2003.02369), search so.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.ir.graph import Graph, Operation, peak_activation_bytes, storage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Sets that are kept, times the square of the operations of a stretch.
_MOST_LOOKS: Final = 40_000
# A stretch with more operations stays as it is.
_LONGEST: Final = 1_000


class _Step(NamedTuple):
    """What an operation does to memory.

    Args:
        made: bytes of its results.
        within: bytes that it needs while it runs, beyond what it takes and gives.
        touched: the stored values that it takes or gives.
    """

    made: int
    within: int
    touched: tuple[int, ...]


class _Ran(NamedTuple):
    """The operation that ran last, and what ran before it."""

    operation: int
    before: _Ran | None


# The peak, the bytes alive, and the set, so that what is kept is always the same.
_HEIGHT: Final = itemgetter(0, 1, 2)


class Stretch(NamedTuple):
    """Operations from `start` to before `end`, the bytes alive before them, and the most alive among them."""

    start: int
    end: int
    before: int
    peak: int


def scheduled(graph: Graph) -> Graph:
    """The graph in an order whose peak of live activations is lower; the graph itself where none is found.

    What counts is `peak_activation_bytes`, at batch 1.
    """
    lives = _Lives(graph)
    stretches = sorted(lives.stretches(), key=lambda stretch: -stretch.peak)
    order = list(range(len(graph.operations)))
    reached, changed = 0, False
    for stretch in stretches:
        if stretch.peak <= reached:
            break
        found, lowest = lives.ordered(stretch)
        reached = max(reached, lowest)
        changed = changed or lowest < stretch.peak
        order[stretch.start : stretch.end] = found
    return _in_order(graph, order) if changed else graph


class _Lives:
    """How long stored values are alive in a graph, as `peak_activation_bytes` sees it."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        root = storage(graph)
        self.bytes = [t.bytes for t in graph.types]
        self.steps: list[_Step] = []
        # The first and the last operation that touch a value; inputs are there before, results outlive all of them.
        self.first: dict[int, int] = dict.fromkeys([root[value] for _, value in graph.inputs], -1)
        self.last: dict[int, int] = {}
        for i, operation in enumerate(graph.operations):
            touched = tuple(dict.fromkeys([root[value] for value in (*operation.inputs, *operation.outputs)]))
            made = sum([self.bytes[value] for value in operation.outputs if root[value] == value])
            regions = operation.op.regions
            within = max([peak_activation_bytes(region) for region in regions]) if regions else 0
            self.steps.append(_Step(made, within, touched))
            for value in touched:
                self.first.setdefault(value, i)
                self.last[value] = i
        self.kept = {root[value] for value in graph.outputs}

    def stretches(self) -> Iterator[Stretch]:
        """The stretches in the order as it is."""
        given = [value for value, first in self.first.items() if first < 0]
        live = sum([self.bytes[value] for value in given])
        held = {value for value in given if value in self.last}
        start, before, peak = 0, live, live
        for i, step in enumerate(self.steps):
            live += step.made
            peak = max(peak, live + step.within)
            held.update(step.touched)
            for value in step.touched:
                if self.last[value] == i and value not in self.kept:
                    live -= self.bytes[value]
                    held.discard(value)
            if len(held) <= 1 or i == len(self.steps) - 1:
                yield Stretch(start, i + 1, before, peak)
                start, before, peak = i + 1, live, live

    def ordered(self, stretch: Stretch) -> tuple[list[int], int]:
        """The operations of a stretch in the order with the lowest peak, and that peak."""
        start, end, before, peak = stretch
        same = list(range(start, end)), peak
        steps = self.steps[start:end]
        # For every value the operations of the stretch that touch it; where others do later, it does not die here.
        touching: dict[int, int] = {}
        for i, step in enumerate(steps):
            for value in step.touched:
                touching[value] = touching.get(value, 0) | 1 << i
        dying = {v: mask for v, mask in touching.items() if self.last[v] < end and v not in self.kept}
        around = before - sum([self.bytes[v] for v in dying if self.first[v] < start])
        least = max([around + step.within + sum([self.bytes[v] for v in step.touched if v in dying]) for step in steps])
        if peak <= max(least, before) or len(steps) > _LONGEST:
            return same
        needs = self._needs(start, end)
        width = max(1, _MOST_LOOKS // len(steps) ** 2)
        # What can have run, with the bytes alive then, the peak so far, and the operations in order.
        states: list[tuple[int, int, int, _Ran | None]] = [(before, before, 0, None)]
        for _ in steps:
            following: dict[int, tuple[int, int, int, _Ran | None]] = {}
            for highest, live, done, ran in states:
                for i, most, after in self._runs(steps, needs, dying, highest, live, done):
                    mask = done | 1 << i
                    known = following.get(mask)
                    if most < peak and (known is None or (most, after) < known[:2]):
                        following[mask] = most, after, mask, _Ran(start + i, ran)
            states = sorted(following.values(), key=_HEIGHT)[:width]
        if not states:
            return same
        highest, _, _, ran = states[0]
        order: list[int] = []
        while ran is not None:
            order.append(ran.operation)
            ran = ran.before
        return order[::-1], highest

    def _runs(
        self, steps: Sequence[_Step], needs: Sequence[int], dying: dict[int, int], highest: int, live: int, done: int
    ) -> Iterator[tuple[int, int, int]]:
        """What can run next: its number, the peak then, and the bytes alive afterwards."""
        found: list[tuple[int, int, int]] = []
        for i, step in enumerate(steps):
            if done >> i & 1 or needs[i] & ~done:
                continue
            after = live + step.made
            most = max(highest, after + step.within)
            for value in step.touched:
                if value in dying and not dying[value] & ~(done | 1 << i):
                    after -= self.bytes[value]
            if most == highest and after <= live:
                yield i, most, after
                return
            found.append((i, most, after))
        yield from found

    def _needs(self, start: int, end: int) -> list[int]:
        """For every operation of a stretch those of it that have to run before."""
        makers: dict[int, int] = {}
        found: list[int] = []
        for i, operation in enumerate(self.graph.operations[start:end]):
            mask = 0
            for value in operation.inputs:
                if value in makers:
                    mask |= 1 << makers[value]
            found.append(mask)
            for value in operation.outputs:
                makers[value] = i
        return found


def _in_order(graph: Graph, order: Sequence[int]) -> Graph:
    """A graph with its operations in another order, its values numbered anew."""
    number = {value: i for i, (_, value) in enumerate(graph.inputs)}
    types = [graph.types[value] for _, value in graph.inputs]
    operations: list[Operation] = []
    for i in order:
        o = graph.operations[i]
        inputs = tuple([number[value] for value in o.inputs])
        for value in o.outputs:
            number[value] = len(types)
            types.append(graph.types[value])
        outputs = tuple([number[value] for value in o.outputs])
        operations.append(Operation(o.op, inputs, outputs, o.signature, o.owner, o.path, o.span, o.call))
    given = tuple([(name, number[value]) for name, value in graph.inputs])
    return Graph(graph.name, given, tuple(operations), tuple([number[v] for v in graph.outputs]), tuple(types))
