"""NAS-Bench-201: which of its 15,625 cells are equal, by the canonical form and by the benchmark's own strings.

The benchmark counts 6,466 cells "by topology": it compares strings (`unique_string` below). They differ from equality
of functions in both directions, so no sound form has exactly these classes; docs/adr/0011 tells how. What is tested:
the strings give the published classes, and the canonical form gives the classes that a definition of equality
written for such cells alone gives.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from itertools import permutations, product

import pytest
from test_nasbench201 import EDGES, PUBLISHED, notation, operations

import einsyn

OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
Cell = tuple[str, ...]
CELLS: list[Cell] = list(product(OPS, repeat=6))
# The edges into each node: number of the edge, node that it comes from.
INTO = [[(0, 0)], [(1, 0), (2, 1)], [(3, 0), (4, 1), (5, 2)]]


def unique_string(cell: Cell) -> str:
    """The benchmark's rule: skips vanish, `none` and what leaves a node that is `#` is `#`, terms are sorted as text.

    A sum of zeros is no zero to it, and a sum inside of a sum stays where its first term puts it.
    """
    nodes = ["0"]
    for edges in INTO:
        terms: list[str] = []
        for edge, source in edges:
            op = cell[edge]
            if op == "none" or nodes[source] == "#":
                terms.append("#")
            else:
                terms.append(nodes[source] if op == "skip_connect" else f"({nodes[source]})@{op}")
        nodes.append("+".join(sorted(terms)))
    return nodes[-1]


def function(cell: Cell) -> Hashable:
    """What a cell computes, written with as few choices of names as there can be.

    A sum is a multiset of terms; a pooling of nothing is nothing; a convolution of nothing, of whatever kernel, is
    what its normalisation makes of zeros, a learned constant. Two convolutions are the same where they are one edge,
    so edges are named, and of all ways to name them the smallest result is taken.
    """
    Term = tuple[str, int, tuple]  # operation, edge of a convolution, terms it is applied to

    def terms(names: Mapping[int, int]) -> tuple:
        nodes: list[tuple] = [(("x", 0, ()),)]
        for edges in INTO:
            found: list[Term] = []
            for edge, source in edges:
                op, below = cell[edge], nodes[source]
                if op == "none" or (op == "avg_pool_3x3" and not below):
                    continue
                if op.startswith("nor_conv") and not below:
                    op = "normalised"
                found += list(below) if op == "skip_connect" else [(op, names.get(edge, 0), below)]
            nodes.append(tuple(sorted(found)))
        return nodes[-1]

    edges = [e for e in range(6) if cell[e].startswith("nor_conv")]
    return min(terms(dict(zip(edges, names, strict=True))) for names in permutations(range(1, len(edges) + 1)))


def partition(keys: Iterable[Hashable]) -> set[frozenset[int]]:
    """Which positions have equal keys."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for position, key in enumerate(keys):
        found[key].append(position)
    return {frozenset(members) for members in found.values()}


@pytest.fixture(scope="module")
def by_string() -> set[frozenset[int]]:
    return partition(map(unique_string, CELLS))


@pytest.fixture(scope="module")
def by_function() -> set[frozenset[int]]:
    return partition(map(function, CELLS))


def test_the_strings_of_the_benchmark_give_its_classes(by_string: set[frozenset[int]]) -> None:
    assert len(by_string) == 6_466
    if not PUBLISHED.exists():
        pytest.skip(f"the published data is not at {PUBLISHED}")
    import numpy as np

    with np.load(PUBLISHED, allow_pickle=False) as data:
        names = [str(name) for name in data["op_names"]]
        assert data["edges"].tolist() == EDGES
        group = {
            tuple(names[c] for c in codes): int(g) for codes, g in zip(data["ops"], data["iso_group"], strict=True)
        }
    assert partition(group[cell] for cell in CELLS) == by_string


def test_the_strings_are_neither_sound_nor_complete(
    by_string: set[frozenset[int]], by_function: set[frozenset[int]]
) -> None:
    """The figures of docs/adr/0011, with an example of each kind."""
    assert len(by_function) == 5_485

    def classes(groups: set[frozenset[int]]) -> dict[int, int]:
        return {member: number for number, group in enumerate(groups) for member in group}

    published, ours = classes(by_string), classes(by_function)
    assert sum(len({ours[m] for m in group}) > 1 for group in by_string) == 523
    assert sum(len({published[m] for m in group}) > 1 for group in by_function) == 759

    def equal(a: str, b: str) -> tuple[bool, bool]:
        first, second = CELLS.index(tuple(a.split())), CELLS.index(tuple(b.split()))
        return published[first] == published[second], ours[first] == ours[second]

    # One convolution added to itself is not the sum of two.
    assert equal(
        "nor_conv_1x1 none skip_connect none skip_connect skip_connect",
        "skip_connect none nor_conv_1x1 nor_conv_1x1 none skip_connect",
    ) == (True, False)
    # A convolution of nothing keeps a shift, which training moves.
    assert equal("none none none skip_connect nor_conv_1x1 none", "none none none skip_connect none none") == (
        True,
        False,
    )
    # A sum of two zeros is zero.
    assert equal("none none none none none skip_connect", "none none none none none none") == (False, True)
    # The order in which equal terms are added.
    assert equal(
        "skip_connect none skip_connect skip_connect nor_conv_1x1 skip_connect",
        "skip_connect none nor_conv_1x1 skip_connect skip_connect skip_connect",
    ) == (False, True)


def compare(cells: list[Cell], by_function: set[frozenset[int]]) -> None:
    space = einsyn.load("nasbench201", profile="test")
    forms = {cell: space.parse(notation(cell)).canonical for cell in cells}
    number = {member: n for n, group in enumerate(by_function) for member in group}
    expected = partition(number[CELLS.index(cell)] for cell in cells)
    assert partition(forms[cell] for cell in cells) == expected


def test_canonical_forms_of_some_cells(by_function: set[frozenset[int]]) -> None:
    # Whole classes, so that equal ones are among them.
    groups = sorted(map(sorted, by_function))
    compare([CELLS[m] for group in groups[::113] for m in group[:8]], by_function)


@pytest.mark.slow
def test_canonical_forms_of_all_cells(by_function: set[frozenset[int]]) -> None:
    compare(CELLS, by_function)


def test_operations_are_read_in_the_order_of_the_edges() -> None:
    space = einsyn.load("nasbench201", profile="test")
    cell = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "none")
    assert operations(space.derivation(notation(cell))) == cell
