"""Which parts of a graph become classes of their own in torch source.

A block is what one application of a definition emitted. It is a candidate where its operations stand in one piece and
its weights are used nowhere else. Two blocks have one structure where they are the same operations on the same values,
whatever the attributes are. A structure becomes a class where that makes the file shorter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.ir.call import Call
    from einsyn.ir.graph import Graph, Operation

# The fewest operations of a network in which blocks are looked for.
FEWEST: Final = 8
# Blocks inside one another: with loops and the layer itself modules nest at most eight deep.
DEEPEST: Final = 3
# Lines of a class beside those of its layers and statements.
_CLASS_LINES: Final = 10
# Tensors that a class takes and gives.
_MOST_INPUTS: Final = 4
_MOST_OUTPUTS: Final = 3
# Beyond so many, what goes in and out is not even compared.
_MOST_COMPARED: Final = 32


@dataclass(eq=False, slots=True)
class Block:
    """What one application of a definition emitted, in order.

    Args:
        names: of the definition, and of those in which it is all there is, from the innermost outwards.
        start: the number of its first operation.
        items: operations, and blocks inside it.
        end: the number of the operation after its last one.
        inputs: values that it takes, in order of their use.
        outputs: values that it gives.
        structure: its number among the structures of the graph, None where it is not compared.
        kept: whether it is a class.
    """

    names: list[str]
    start: int = 0
    items: list[Operation | Block] = field(default_factory=list["Operation | Block"])
    end: int = 0
    inputs: tuple[int, ...] = ()
    outputs: tuple[int, ...] = ()
    structure: int | None = None
    kept: bool = False

    def parts(self) -> Iterator[Operation | Block]:
        """Operations, and blocks that are classes, in order; other blocks are written where they stand."""
        pending = [iter(self.items)]
        while pending:
            for item in pending[-1]:
                if isinstance(item, Block) and not item.kept:
                    pending.append(iter(item.items))
                    break
                yield item
            else:
                pending.pop()


def blocks_of(graph: Graph) -> Block:
    """The graph as a block; `kept` says which of those inside it are classes."""
    if len(graph.operations) < FEWEST:
        return Block([], 0, list(graph.operations), len(graph.operations))
    root, inner = _Tree(graph, _split(graph)).built()
    leaking = _leaking(graph, root, inner)
    if leaking:
        root, inner = _Tree(graph, _split(graph) | leaking).built()
    _Structures(graph, root, inner).decide()
    return root


def _chain(call: Call | None, known: dict[Call, int]) -> list[Call]:
    """A call and those around it that are not known yet, from the outermost inwards."""
    found: list[Call] = []
    while call is not None and call not in known:
        found.append(call)
        call = call.parent
    found.reverse()
    return found


def _split(graph: Graph) -> set[Call]:
    """Calls whose operations do not stand in one piece: rewriting may have put others between them."""
    opened: list[Call] = []
    known: dict[Call, int] = {}
    closed: set[Call] = set()
    split: set[Call] = set()
    for operation in graph.operations:
        new = _chain(operation.call, known)
        around = new[0].parent if new else operation.call
        depth = 0 if around is None else known[around] + 1
        while len(opened) > depth:
            last = opened.pop()
            del known[last]
            closed.add(last)
        for call in new:
            if call in closed:
                split.add(call)
            known[call] = len(opened)
            opened.append(call)
    return split


class _Tree:
    """The blocks of a graph.

    Args:
        graph: the graph.
        dissolved: calls whose operations belong to what is around them.
    """

    def __init__(self, graph: Graph, dissolved: set[Call]) -> None:
        self.graph = graph
        self.dissolved = dissolved
        self.nearest: dict[Call, Call | None] = {}
        self.inner: list[Block] = []
        self.calls: dict[Block, list[Call]] = {}

    def built(self) -> tuple[Block, list[tuple[Block, list[Call]]]]:
        """The graph as a block, and all blocks inside it, inner ones first, each with the calls in which it is all."""
        root = Block([])
        opened = [root]
        known: dict[Call, int] = {}
        calls: list[Call] = []
        parents: dict[Call, Call | None] = {}
        for i, operation in enumerate(self.graph.operations):
            call = self.block_of(operation.call)
            new: list[Call] = []
            while call is not None and call not in known:
                new.append(call)
                if call not in parents:
                    parents[call] = self.block_of(call.parent)
                call = parents[call]
            depth = 1 if call is None else known[call] + 1
            while len(opened) > depth:
                self.close(opened, calls.pop(), known, i)
            for call in reversed(new):
                known[call] = len(opened)
                calls.append(call)
                block = Block([call.name], i)
                opened[-1].items.append(block)
                opened.append(block)
            opened[-1].items.append(operation)
        count = len(self.graph.operations)
        while len(opened) > 1:
            self.close(opened, calls.pop(), known, count)
        root.end = count
        while len(root.items) == 1 and isinstance(root.items[0], Block):
            whole = root.items[0]
            root.items = whole.items
            del self.calls[whole]
        return root, list(self.calls.items())

    def close(self, opened: list[Block], call: Call, known: dict[Call, int], end: int) -> None:
        """The innermost block is whole. What is all there is in it stands in its place."""
        block = opened.pop()
        del known[call]
        block.end = end
        if len(block.items) > 1:
            self.calls[block] = [call]
            return
        (only,) = block.items
        opened[-1].items[-1] = only
        if isinstance(only, Block):
            only.names += block.names
            self.calls[only].append(call)

    def block_of(self, call: Call | None) -> Call | None:
        """A call, or the nearest around it that is not dissolved."""
        if call not in self.dissolved:
            return call
        passed: list[Call] = []
        while call is not None and call in self.dissolved:
            passed.append(call)
            if call in self.nearest:
                call = self.nearest[call]
                break
            call = call.parent
        for each in passed:
            self.nearest[each] = call
        return call


def _leaking(graph: Graph, root: Block, inner: list[tuple[Block, list[Call]]]) -> set[Call]:
    """The calls of blocks whose weights are used outside as well."""
    ranges: dict[int, tuple[int, int]] = {}
    shared: dict[int, tuple[int, int]] = {}
    for i, operation in enumerate(graph.operations):
        owner = operation.owner
        if owner is not None:
            ranges[owner] = (ranges[owner][0], i) if owner in ranges else (i, i)
    for owner, (first, last) in ranges.items():
        if first != last:
            shared[owner] = (first, last)
    if not shared:
        return set()
    found: set[Call] = set()
    reach: dict[Block, tuple[int, int]] = {}
    for block, calls in inner:
        first, last = block.start, block.end - 1
        for item in block.items:
            if isinstance(item, Block):
                low, high = reach[item]
            elif item.owner is not None and item.owner in shared:
                low, high = shared[item.owner]
            else:
                continue
            first, last = min(first, low), max(last, high)
        reach[block] = (first, last)
        if first < block.start or last >= block.end:
            found.update(calls)
    return found


@dataclass(slots=True)
class _Structure:
    """What blocks of one structure have in common.

    Args:
        children: structures inside it, a row of equal ones once.
        counts: for each of them how long the row is, at most.
        lines: of its layers and statements if it were written where it stands, at most.
        weights: its operations with weights.
        fits: whether a class can take and give so many tensors.
    """

    children: list[int]
    counts: list[int]
    lines: int
    weights: int
    fits: bool
    blocks: list[Block] = field(default_factory=list[Block])


class _Structures:
    """The structures of a graph's blocks, numbered from the inside outwards."""

    def __init__(self, graph: Graph, root: Block, inner: list[tuple[Block, list[Call]]]) -> None:
        self.root = root
        self.inner = [block for block, _ in inner]
        self.numbers: dict[object, int] = {}
        self.all: list[_Structure] = []
        self.made = [-1] * len(graph.types)
        self.last = [-1] * len(graph.types)
        for i, operation in enumerate(graph.operations):
            for value in operation.inputs:
                self.last[value] = i
            for value in operation.outputs:
                self.made[value] = i
        for value in graph.outputs:
            self.last[value] = len(graph.operations)

    def decide(self) -> None:
        """Say of every block whether it is a class."""
        for block in self.inner:
            self.number(block)
        sites = [0] * len(self.all)
        for block in (self.root, *(block for block in self.inner if block.structure is None)):
            for item in block.items:
                if isinstance(item, Block) and item.structure is not None:
                    sites[item.structure] += 1
        # From the outside inwards: what is written once holds the places of what is inside it once.
        kept = [False] * len(self.all)
        for number in range(len(self.all) - 1, -1, -1):
            structure, places = self.all[number], sites[number]
            shorter = (places - 1) * structure.lines > _CLASS_LINES + 2 * places
            kept[number] = shorter and structure.fits and structure.weights > 0
            for child, count in zip(structure.children, structure.counts, strict=True):
                sites[child] += count if kept[number] else count * places
        # From the inside outwards: nesting is bounded.
        height = [0] * len(self.all)
        for number, structure in enumerate(self.all):
            height[number] = max([height[child] + kept[child] for child in structure.children], default=0)
            kept[number] = kept[number] and height[number] < DEEPEST
            for block in structure.blocks:
                block.kept = kept[number]

    def number(self, block: Block) -> None:
        """Find out what a block takes and gives, and its structure."""
        local: dict[int, int] = {}
        inputs: list[int] = []
        outputs: list[int] = []
        key: list[object] = []
        owners: dict[int, int] = {}
        children: list[int] = []
        counts: list[int] = []
        lines = weights = 0
        before: Block | None = None
        for item in block.items:
            if isinstance(item, Block):
                if item.structure is None:
                    return
                what: object = item.structure
                structure = self.all[item.structure]
                lines += structure.lines
                weights += structure.weights
                chained = before is not None and self.follows(before, item)
                before = item
                if chained:
                    # However many there are one after the other, they are one loop.
                    counts[-1] += 1
                    local[item.outputs[0]] = local.pop(item.inputs[0])
                    outputs += [value for value in item.outputs if self.last[value] >= block.end]
                    if key[-1] is not _AGAIN:
                        key.append(_AGAIN)
                    continue
                children.append(item.structure)
                counts.append(1)
            else:
                before = None
                owner = item.owner
                what = (item.op.name, None if owner is None else owners.setdefault(owner, len(owners)))
                lines += 1 if owner is None else 2
                weights += owner is not None
            for value in item.inputs:
                if value not in local:
                    local[value] = len(local)
                    inputs.append(value)
            key.append((what, tuple([local[value] for value in item.inputs]), len(item.outputs)))
            for value in item.outputs:
                local[value] = len(local)
                if self.last[value] >= block.end:
                    outputs.append(value)
            if len(inputs) > _MOST_COMPARED or len(outputs) > _MOST_COMPARED:
                return
        block.inputs, block.outputs = tuple(inputs), tuple(outputs)
        key.append(tuple([local[value] for value in outputs]))
        known = block.structure = self.numbers.setdefault(tuple(key), len(self.all))
        if known == len(self.all):
            fits = 1 <= len(inputs) <= _MOST_INPUTS and 1 <= len(outputs) <= _MOST_OUTPUTS
            self.all.append(_Structure(children, counts, lines, weights, fits))
        structure = self.all[known]
        structure.blocks.append(block)
        structure.counts = list(map(max, structure.counts, counts))
        structure.lines = max(structure.lines, lines)

    def follows(self, before: Block, block: Block) -> bool:
        """Whether a block is what takes, alone, the one result of an equal one before it."""
        return (
            before.structure == block.structure
            and len(block.outputs) == 1
            and before.outputs == block.inputs
            and self.last[block.inputs[0]] < block.end
        )


# Stands in a structure for one or more blocks that repeat the one before them.
_AGAIN: Final = object()
