"""Counts and sizes are exact, for finite, huge and infinite spaces."""

from __future__ import annotations

from small_trees import by_size, load

from einsyn.grammar import analysis

CELL = (
    'start: cell\ncell: "|" op "~0|+|" op "~0|" op "~1|+|" op "~0|" op "~1|" op "~2|" -> dag4\n'
    'op: "none" -> zero | "skip_connect" -> skip | "nor_conv_1x1" -> c1 | "nor_conv_3x3" -> c3\n'
    '  | "avg_pool_3x3" -> pool\n'
)
TREE = 'start: "(" start "," start ")" | "a" N | "b"\nN: "1" | "2" | "3"\n'


def test_finite_counts() -> None:
    assert analysis.count(load(CELL)) == 15_625
    assert analysis.count(load('start: x ~ 1..8\nx: N M N\nN: "a".."t"\nM: "1" | "2"\n')) == sum(
        800**k for k in range(1, 9)
    )
    assert analysis.count(load('start: "a"\n')) == 1


def test_counts_beyond_any_float() -> None:
    rules = "".join(f'r{i}: "a" r{i + 1} | "b" r{i + 1}\n' for i in range(1200))
    assert analysis.count(load(f'start: r0\n{rules}r1200: "c"\n')) == 2**1200


def test_infinite() -> None:
    grammar = load(TREE)
    assert analysis.count(grammar) is None
    assert analysis.count(grammar, all=True) is None
    assert {r.name for r in analysis.recursive_rules(grammar)} == {"start"}


def test_what_is_never_drawn_is_counted_on_request() -> None:
    grammar = load('start: x N\nx: "a" | "b" | "c" //@ p 0\n'.replace('"b" |', '"b"\n  |') + 'N: "1" | "2" //@ p 1 0\n')
    assert analysis.count(grammar) == 2
    assert analysis.count(grammar, all=True) == 6
    recursion = load('start: "a"\n  | "(" start ")"  //@ p 0\n')
    assert analysis.count(recursion) == 1
    assert analysis.count(recursion, all=True) is None


def test_counts_by_size_equal_brute_force() -> None:
    for text in (TREE, CELL, 'start: x ["," start]\nx: "p" N ~ 0..2 | "q"\nN: "1" | "2"\n'):
        grammar = load(text)
        nodes = by_size(grammar, 7)
        assert analysis.count_by_size(grammar, 7) == [len(nodes.get(size, [])) for size in range(8)]
    # Catalan numbers, four leaves: C(k) * 4 ** (k + 1) trees of 2k + 1 productions
    assert analysis.count_by_size(load(TREE), 9) == [0, 4, 0, 16, 0, 2 * 64, 0, 5 * 256, 0, 14 * 1024]
    assert analysis.count(load(TREE), sizes=5) == 4 + 16 + 128


def test_smallest_derivations() -> None:
    grammar = load('start: x | y\nx: "(" x x ")" | "a" y\ny: "[" z "]"\nz: "c"\n')
    sizes = {rule.name: size for rule, size in analysis.min_sizes(grammar).items()}
    assert sizes == {"start": 3, "x": 3, "y": 2, "z": 1}


def test_reachable_without_what_is_never_drawn() -> None:
    grammar = load('start: x\n  | y  //@ p 0\nx: "a"\ny: "b"\n')
    assert {r.name for r in analysis.reachable_rules(grammar)} == {"start", "x", "y"}
    assert {r.name for r in analysis.reachable_rules(grammar, all=False)} == {"start", "x"}
    assert {r.name for r in analysis.productive_rules(grammar)} == {"start", "x", "y"}
