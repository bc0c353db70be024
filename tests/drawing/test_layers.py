"""Layouts of graphs: nothing overlaps, wires lead down from outlet to inlet, and the work grows with the graph."""

from __future__ import annotations

from itertools import combinations, pairwise, product
from random import Random

import pytest

from einsyn.drawing.layers import Box, Layout, Wire, increasing, lay_out


def drawn(count: int, density: float, seed: int) -> tuple[list[Box], list[Wire]]:
    random = Random(seed)
    boxes = [Box(random.uniform(10, 90), random.uniform(10, 90), random.choice([23.0, 38.0])) for _ in range(count)]
    wires = [
        Wire(a, b, random.uniform(-9, 9), random.uniform(-9, 9))
        for a, b in combinations(range(count), 2)
        if random.random() < density
    ]
    return boxes, wires


def check(boxes: list[Box], wires: list[Wire], layout: Layout) -> None:
    sides = []
    for box, (x, y) in zip(boxes, layout.places, strict=True):
        left, right, top, bottom = x - box.left, x + box.right, y - box.height / 2, y + box.height / 2
        assert min(left, top) >= -1e-6
        assert right <= layout.width + 1e-6
        assert bottom <= layout.height + 1e-6
        sides.append((left, right, top, bottom))
    for (l1, r1, t1, b1), (l2, r2, t2, b2) in combinations(sides, 2):
        assert r1 <= l2 or r2 <= l1 or b1 <= t2 or b2 <= t1
    starts = {(source, out): path for source, out, path in trunks_of(wires, layout)}
    for wire, end in zip(wires, layout.ends, strict=True):
        assert layout.places[wire.source][1] < layout.places[wire.target][1]
        if end is None:
            continue
        x, y = layout.places[wire.target]
        assert end[-1] == pytest.approx((x + wire.into, y - boxes[wire.target].height / 2))
        start = layout.places[wire.source]
        outlet = (start[0] + wire.out, start[1] + boxes[wire.source].height / 2)
        # From the box itself, or from its trunk.
        assert end[0] == pytest.approx(outlet) or end[0] in starts[wire.source, wire.out]
        assert all(b[1] >= a[1] - 1e-9 for a, b in pairwise(end))
    for path in layout.trunks:
        assert all(b[1] >= a[1] - 1e-9 for a, b in pairwise(path))


def trunks_of(wires: list[Wire], layout: Layout) -> list[tuple[int, float, list[tuple[float, float]]]]:
    """Trunks with the outlet that they begin at."""
    found = []
    for path in layout.trunks:
        for wire in dict.fromkeys((w.source, w.out) for w in wires):
            if path[0][0] == pytest.approx(layout.places[wire[0]][0] + wire[1], abs=1e-9):
                found.append((*wire, path))
    return found


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs(seed: int) -> None:
    random = Random(seed)
    boxes, wires = drawn(random.randint(1, 40), random.choice([0.03, 0.1, 0.4]), seed)
    layout = lay_out(boxes, wires)
    check(boxes, wires, layout)
    assert lay_out(boxes, wires) == layout


def test_nothing_and_one_box() -> None:
    assert lay_out([], []) == Layout(0.0, 0.0, [], [], [])
    assert lay_out([Box(5, 15, 10)], []) == Layout(20.0, 10.0, [(5.0, 5.0)], [], [])


def test_a_chain_is_a_straight_line() -> None:
    boxes = [Box(10.0 + i % 7, 12.0, 20.0) for i in range(50)]
    layout = lay_out(boxes, [Wire(i, i + 1) for i in range(49)])
    assert len({round(x, 6) for x, _ in layout.places}) == 1


def test_branches_do_not_cross() -> None:
    # Two fans that the numbering crosses: 0 to 1, 2, 3 by outlets from left to right, and 4, 5, 6 below in reverse.
    boxes = [Box(20.0, 20.0, 20.0)] * 7
    outs = [-10.0, 0.0, 10.0]
    wires = [Wire(0, 1 + i, outs[i]) for i in range(3)] + [Wire(1 + i, 6 - i) for i in range(3)]
    places = lay_out(boxes, wires).places
    assert places[1][0] < places[2][0] < places[3][0]
    assert places[6][0] < places[5][0] < places[4][0]


def test_what_nothing_leads_to_stands_above_what_needs_it() -> None:
    boxes = [Box(10.0, 10.0, 20.0)] * 6
    places = lay_out(boxes, [Wire(0, 2), Wire(2, 3), Wire(3, 4), Wire(1, 4), Wire(4, 5)]).places
    assert places[1][1] == places[3][1]


def nearest(wanted: list[float], weights: list[float]) -> float:
    """The least weighted square distance of numbers that never fall: of all ways to cut them into equal runs."""
    best = float("inf")
    for cuts in product([False, True], repeat=len(wanted) - 1):
        runs: list[list[int]] = [[0]]
        for i, cut in enumerate(cuts, 1):
            if cut:
                runs.append([i])
            else:
                runs[-1].append(i)
        means = [sum(wanted[i] * weights[i] for i in run) / sum(weights[i] for i in run) for run in runs]
        if all(a <= b for a, b in pairwise(means)):
            cost = sum(weights[i] * (wanted[i] - mean) ** 2 for run, mean in zip(runs, means, strict=True) for i in run)
            best = min(best, cost)
    return best


@pytest.mark.parametrize("seed", range(20))
def test_increasing_is_the_nearest(seed: int) -> None:
    random = Random(seed)
    count = random.randint(1, 8)
    wanted = [float(random.randint(-5, 5)) for _ in range(count)]
    weights = [random.choice([0.5, 1.0, 8.0]) for _ in range(count)]
    found = increasing(wanted, weights)
    assert all(a <= b + 1e-12 for a, b in pairwise(found))
    cost = sum(w * (a - b) ** 2 for w, a, b in zip(weights, wanted, found, strict=True))
    assert cost == pytest.approx(nearest(wanted, weights))


def test_long_wires_take_a_bounded_number_of_places() -> None:
    """A chain with a wire from every box to the last one and one from every box to its mirror image."""

    def points(count: int) -> int:
        boxes = [Box(10.0, 10.0, 20.0)] * count
        wires = [Wire(i, i + 1) for i in range(count - 1)]
        wires += [Wire(i, count - 1 - i, 1.0) for i in range(count // 2 - 1)]
        wires += [Wire(0, i, 2.0) for i in range(2, count)]
        layout = lay_out(boxes, wires)
        assert (None in layout.ends) == (count > 100)
        found = sum(map(len, layout.trunks)) + sum(len(end) for end in layout.ends if end is not None)
        # Two points at each place, and no more than four at the ends of a trunk and of a wire.
        assert found <= 2 * (2_000 + 8 * count) + 4 * 2 * len(wires)
        return found

    points(100)
    assert points(1_000) < 2.2 * points(500)
