"""Where the boxes and wires of a graph go: boxes in layers from top to bottom, wires between them.

The method is that of Sugiyama, Tagawa & Toda (1981): a layer for each box by the longest path, a place in every layer
that a wire passes, an order in each layer by barycentres, and then coordinates. The coordinates of a layer are those
nearest to where its neighbours want them with the order and the distances kept, which is isotonic regression. Every
step is a fixed number of sweeps over boxes and places, and places are bounded: the longest wires of a large graph get
none and are left to their ends.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# Pixels between layers, between boxes, and around wires.
_LAYER_GAP: Final = 44.0
_BOX_GAP: Final = 26.0
_WIRE_GAP: Final = 12.0
_SWEEPS: Final = 6
# Sweeps over all layers, each first down and then up: what each item looks at. Looking to one side moves things far and
# makes lines straight, looking to both weighs them.
_ALIGNMENTS: Final = ("one", "one", "both", "both", "one")
# Places that wires may take in all.
_PLACES: Final = 2_000
_PLACES_PER_BOX: Final = 8
# How much a wire is to be straight, by how many of its ends are places on a longer wire, and where it is the only one
# at both ends.
_STRAIGHT: Final = (1.0, 2.0, 8.0)
_ALONE: Final = 4.0


class Box(NamedTuple):
    """The room of what is placed: pixels left and right of its middle, and from top to bottom."""

    left: float
    right: float
    height: float


# What a wire takes where it passes a layer.
_PLACE: Final = Box(0.0, 0.0, 0.0)


class Wire(NamedTuple):
    """A line from one box down to another.

    Args:
        source, target: numbers of boxes; the source's is the smaller one.
        out, into: where it leaves and arrives, from the middle of the box.
    """

    source: int
    target: int
    out: float = 0.0
    into: float = 0.0


class Layout(NamedTuple):
    """Where everything is.

    Args:
        width, height: of all.
        places: the middle of each box.
        trunks: what wires of one outlet have in common, as points from top to bottom, vertical and slanted in turns.
        ends: for each wire its own piece, from the trunk or from the box above; None if it has no room.
    """

    width: float
    height: float
    places: list[tuple[float, float]]
    trunks: list[list[tuple[float, float]]]
    ends: list[list[tuple[float, float]] | None]


class _Link(NamedTuple):
    """A piece of a wire between neighbouring layers; ends are items, offsets from their middles."""

    upper: int
    lower: int
    out: float
    into: float
    weight: float


def lay_out(boxes: Sequence[Box], wires: Sequence[Wire]) -> Layout:
    """Place boxes and wires.

    Args:
        boxes: numbered from 0.
        wires: between them, from smaller to larger numbers.
    """
    if not boxes:
        return Layout(0.0, 0.0, [], [], [])
    layer = _layers(len(boxes), wires)
    items = _Items(boxes, wires, layer)
    order = _ordered(items)
    x = _coordinates(items, order)
    return _drawn(items, x)


def _layers(count: int, wires: Sequence[Wire]) -> list[int]:
    """The layer of each box: the longest path to it; what nothing leads to stands right above what needs it first."""
    below: list[list[int]] = [[] for _ in range(count)]
    led_to = [False] * count
    for wire in wires:
        below[wire.source].append(wire.target)
        led_to[wire.target] = True
    layer = [0] * count
    for box, targets in enumerate(below):
        for target in targets:
            layer[target] = max(layer[target], layer[box] + 1)
    for box, targets in enumerate(below):
        if not led_to[box] and targets:
            layer[box] = min(layer[target] for target in targets) - 1
    return layer


class _Items:
    """Boxes, and places on long wires, as items of layers, with the links between them."""

    def __init__(self, boxes: Sequence[Box], wires: Sequence[Wire], layer: list[int]) -> None:
        self.boxes = boxes
        self.wires = wires
        self.layer = list(layer)
        # The items that wires run through between their ends; wires from one outlet share them.
        self.through: dict[tuple[int, float], list[int]] = {}
        # For the first of them where its wire leaves the box above.
        self.outlet_of: dict[int, float] = {}
        for (source, out), length in _chains(wires, layer, _PLACES + _PLACES_PER_BOX * len(boxes)).items():
            first = len(self.layer)
            self.outlet_of[first] = out
            self.through[source, out] = list(range(first, first + length))
            self.layer += range(layer[source] + 1, layer[source] + 1 + length)
        self.links = [self._link(*pair) for trunk in self.trunks() for pair in pairwise(trunk)]
        self.links += dict.fromkeys(self._link(last, w.target, w) for w in wires if (last := self.last(w)) is not None)
        self.layers: list[list[int]] = [[] for _ in range(1 + max(self.layer))]
        for item, number in enumerate(self.layer):
            self.layers[number].append(item)
        self.above: list[list[_Link]] = [[] for _ in self.layer]
        self.below: list[list[_Link]] = [[] for _ in self.layer]
        for link in self.links:
            self.above[link.lower].append(link)
            self.below[link.upper].append(link)

    def trunks(self) -> list[list[int]]:
        """What wires of one outlet have in common: its box, and the places below it."""
        return [[source, *places] for (source, _), places in self.through.items()]

    def last(self, wire: Wire) -> int | None:
        """The item above a wire's target, or None if the wire has no room."""
        needed = self.layer[wire.target] - self.layer[wire.source] - 1
        places = self.through.get((wire.source, wire.out), [])
        if needed > len(places):
            return None
        return places[needed - 1] if needed else wire.source

    def _link(self, upper: int, lower: int, wire: Wire | None = None) -> _Link:
        out = 0.0 if upper >= len(self.boxes) else self.outlet_of[lower] if wire is None else wire.out
        into = 0.0 if wire is None else wire.into
        places = (upper >= len(self.boxes)) + (lower >= len(self.boxes))
        return _Link(upper, lower, out, into, _STRAIGHT[places])

    def box(self, item: int) -> Box:
        """The room of an item."""
        return self.boxes[item] if item < len(self.boxes) else _PLACE

    def gap(self, left: int, right: int) -> float:
        """The least distance between the middles of neighbours."""
        apart = _BOX_GAP if max(left, right) < len(self.boxes) else _WIRE_GAP
        return self.box(left).right + self.box(right).left + apart


def _chains(wires: Sequence[Wire], layer: list[int], most: int) -> dict[tuple[int, float], int]:
    """For each outlet how many layers its wires have places in: short wires first, as long as there are places."""
    found: dict[tuple[int, float], int] = {}
    spans = sorted((layer[wire.target] - layer[wire.source] - 1, number) for number, wire in enumerate(wires))
    for between, number in spans:
        outlet = (wires[number].source, wires[number].out)
        known = found.get(outlet, 0)
        if between > known and between - known <= most:
            most -= between - known
            found[outlet] = between
    return found


# The order in each layer.


def _ordered(items: _Items) -> list[list[int]]:
    """Items by layer from left to right, with few crossings: the best of some sweeps by barycentres."""
    order = [list(layer) for layer in items.layers]
    rank = [0.0] * len(items.layer)
    best, fewest = order, None
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for layer in order if down else reversed(order):
            if sweep or layer is not order[0]:
                _sort(layer, items, rank, down)
            for place, item in enumerate(layer):
                rank[item] = float(place)
        crossings = _crossings(items, rank)
        if fewest is None or crossings < fewest:
            best, fewest = [list(layer) for layer in order], crossings
        if not crossings:
            break
    return best


def _sort(layer: list[int], items: _Items, rank: list[float], down: bool) -> None:
    """Sort a layer by the mean rank of what its items are linked to above or below; others stay near their places."""
    wanted: dict[int, float] = {}
    for place, item in enumerate(layer):
        links = items.above[item] if down else items.below[item]
        if not links:
            wanted[item] = float(place)
        elif down:
            wanted[item] = sum(rank[k.upper] + _share(items, k.upper, k.out) for k in links) / len(links)
        else:
            wanted[item] = sum(rank[k.lower] + _share(items, k.lower, k.into) for k in links) / len(links)
    layer.sort(key=wanted.__getitem__)


def _share(items: _Items, item: int, offset: float) -> float:
    """Where in a box an offset is, from -0.5 to 0.5 of what lies between ranks."""
    box = items.box(item)
    return offset / max(1.0, box.left + box.right)


def _crossings(items: _Items, rank: list[float]) -> int:
    """How often links cross."""
    ends: list[list[tuple[float, float]]] = [[] for _ in items.layers]
    for link in items.links:
        upper = rank[link.upper] + _share(items, link.upper, link.out)
        lower = rank[link.lower] + _share(items, link.lower, link.into)
        ends[items.layer[link.upper]].append((upper, lower))
    found = 0
    for pairs in ends:
        passed: list[float] = []
        for _, lower in sorted(pairs):
            found += len(passed) - bisect_right(passed, lower)
            insort(passed, lower)
    return found


# Coordinates.


def _coordinates(items: _Items, order: list[list[int]]) -> list[float]:
    """The middle of every item, from the left."""
    x = [0.0] * len(items.layer)
    for layer in order:
        offsets = [0.0, *accumulate(items.gap(a, b) for a, b in pairwise(layer))]
        for item, offset in zip(layer, offsets, strict=True):
            x[item] = offset - offsets[-1] / 2
    alone = {
        (link.upper, link.lower)
        for link in items.links
        if len(items.below[link.upper]) == 1 and len(items.above[link.lower]) == 1
    }
    for sides in _ALIGNMENTS:
        for down in (True, False):
            for layer in order if down else reversed(order):
                if len(layer) > 1:  # what is alone stays in the middle, so that a long graph does not drift
                    both = sides == "both"
                    _align(layer, items, x, alone, above=down or both, below=both or not down)
    left = min(each - items.box(item).left for item, each in enumerate(x))
    return [each - left for each in x]


def _align(
    layer: list[int], items: _Items, x: list[float], alone: set[tuple[int, int]], *, above: bool, below: bool
) -> None:
    """Move the items of a layer to where their links want them, as near as order and distances allow."""
    wanted: list[float] = []
    weights: list[float] = []
    for item in layer:
        pulls: list[tuple[float, float]] = []
        if above:
            pulls += [(x[k.upper] + k.out - k.into, _weight(k, alone)) for k in items.above[item]]
        if below:
            pulls += [(x[k.lower] + k.into - k.out, _weight(k, alone)) for k in items.below[item]]
        weight = sum(w for _, w in pulls)
        # What is not linked stays where it is, unless somebody else needs the room.
        wanted.append(sum(place * w for place, w in pulls) / weight if pulls else x[item])
        weights.append(weight if pulls else 0.01)
    offsets = [0.0, *accumulate(items.gap(a, b) for a, b in pairwise(layer))]
    free = increasing([w - offset for w, offset in zip(wanted, offsets, strict=True)], weights)
    for item, place, offset in zip(layer, free, offsets, strict=True):
        x[item] = place + offset


def _weight(link: _Link, alone: set[tuple[int, int]]) -> float:
    return link.weight * (_ALONE if (link.upper, link.lower) in alone else 1.0)


def increasing(wanted: Sequence[float], weights: Sequence[float]) -> list[float]:
    """The numbers that never fall and are nearest to the wanted ones in weighted squares (pool adjacent violators)."""
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for value, weight in zip(wanted, weights, strict=True):
        mean, total, count = value, weight, 1
        while blocks and blocks[-1][0] > mean:
            other, more, members = blocks.pop()
            mean = (mean * total + other * more) / (total + more)
            total += more
            count += members
        blocks.append((mean, total, count))
    return [mean for mean, _, count in blocks for _ in range(count)]


def _drawn(items: _Items, x: list[float]) -> Layout:
    boxes = items.boxes
    tops: list[float] = []
    bottoms: list[float] = []
    y = 0.0
    for layer in items.layers:
        tops.append(y)
        y += max([boxes[item].height for item in layer if item < len(boxes)], default=0.0)
        bottoms.append(y)
        y += _LAYER_GAP
    places = [(x[box], (tops[items.layer[box]] + bottoms[items.layer[box]]) / 2) for box in range(len(boxes))]

    # Where a line leaves an item downwards, and the bottom of its layer.
    def down(item: int, out: float) -> list[tuple[float, float]]:
        bottom = bottoms[items.layer[item]]
        if item >= len(boxes):
            return [(x[item], bottom)]
        return [(x[item] + out, places[item][1] + boxes[item].height / 2), (x[item] + out, bottom)]

    trunks: list[list[tuple[float, float]]] = []
    for (source, out), through in items.through.items():
        path = down(source, out)
        for item in through:
            path += [(x[item], tops[items.layer[item]]), (x[item], bottoms[items.layer[item]])]
        trunks.append(path)
    ends: list[list[tuple[float, float]] | None] = []
    for wire in items.wires:
        last = items.last(wire)
        if last is None:
            ends.append(None)
            continue
        at, top = x[wire.target] + wire.into, tops[items.layer[wire.target]]
        ends.append([*down(last, wire.out), (at, top), (at, places[wire.target][1] - boxes[wire.target].height / 2)])
    width = max(each + items.box(item).right for item, each in enumerate(x))
    return Layout(width, bottoms[-1], places, trunks, ends)
