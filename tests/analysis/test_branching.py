"""Figures about a grammar against all of its derivations, written out one by one."""

from __future__ import annotations

import math
import random
from collections import Counter

import numpy as np
import pytest
from small_spaces import SEQUENCE, small_space

from einsyn.analysis.branching import EXACT_RULES, Branching
from einsyn.analysis.draws import draw
from einsyn.analysis.linear import solve, spectral_radius
from einsyn.derivation.enumerate import derivations
from einsyn.derivation.tree import Derivation
from einsyn.grammar.loader import load_grammar
from einsyn.grammar.model import Grammar

FINITE = """
start: "n" act? head ~ 1..2 K -> net
act: "r" -> relu            //@ p 0.9
   | "t" -> tanh
head: "d" W                 //@ w 3
    | "-" act               //@ w 1
    | "x" W W               //@ w 0
W: "8" | "16" | "9"         //@ p 0.5 0.4 0.1
K: /[0-9]+/                 //@ int 1..3 also 4..9
"""
# Beyond 17 productions there is less than 1e-4 of the probability.
RECURSIVE = """
start: "(" item ";" start ")" -> seq  //@ p 1/10
     | item
item: "a"                   //@ w 9
    | "[" start "]"         //@ w 1
"""


def load(text: str) -> Grammar:
    return load_grammar("space.lark", text=f"//@ einsyn 1\n{text}")


def brute(grammar: Grammar, max_size: int | None = None) -> tuple[float, float, float, float, Counter[int]]:
    """Probability, mean and variance of the size, entropy, and uses of productions by number, by enumeration."""
    uses: Counter[int] = Counter()
    moments = [0.0, 0.0, 0.0]
    entropy = 0.0
    for tree in derivations(grammar, max_size):
        p = float(tree.probability)
        assert math.isclose(math.log(p), tree.log_prob, rel_tol=1e-9, abs_tol=1e-9)
        for k in range(3):
            moments[k] += p * tree.size**k
        entropy -= p * math.log(p)
        for node in tree.nodes():
            if isinstance(node, Derivation):
                uses[node.production.index] += p
    return moments[0], moments[1], moments[2] - moments[1] ** 2, entropy, uses


def test_a_finite_grammar() -> None:
    grammar = load(FINITE)
    total, size, variance, entropy, uses = brute(grammar)
    found = Branching(grammar)
    assert math.isclose(total, 1)
    assert (found.spectral_radius, found.cycles, found.consistent) == (0.0, [], True)
    assert math.isclose(found.expected_size, size)
    assert math.isclose(found.size_variance, variance)
    assert math.isclose(found.entropy, entropy)
    assert found.uses is not None
    assert {p.index: pytest.approx(n) for p, n in found.uses.items() if n} == dict(uses)


def test_a_recursive_grammar() -> None:
    grammar = load(RECURSIVE)
    total, size, variance, entropy, uses = brute(grammar, 17)
    found = Branching(grammar)
    assert 1 - total < 1e-4
    assert [r.name for r in found.cycles[0]] == ["start", "item"]
    assert found.expected_size == pytest.approx(size, rel=1e-3)
    assert found.size_variance == pytest.approx(variance, rel=1e-2)
    assert found.entropy == pytest.approx(entropy, rel=1e-3)
    assert found.uses is not None
    assert sum(found.uses.values()) == pytest.approx(found.expected_size)
    assert {p.index: pytest.approx(n, rel=1e-3) for p, n in found.uses.items()} == dict(uses)
    # By hand: s = 1 + s / 10 + i and i = 1 + s / 10.
    assert found.expected_size == pytest.approx(2 / (1 - 1 / 10 - 1 / 10))
    # By hand: the matrix [[1/10, 1], [1/10, 0]].
    assert found.spectral_radius == pytest.approx(0.05 + math.sqrt(0.0025 + 1 / 10), rel=1e-12)


@pytest.mark.parametrize(("p", "radius", "consistent", "finite"), [
    ("1/4", 0.5, True, True), ("1/2", 1.0, True, False), ("0.6", 1.2, False, False),
    ("0.49999999", 0.99999998, True, True),
])  # fmt: skip
def test_binary_trees(p: str, radius: float, consistent: bool, finite: bool) -> None:
    """The Galton-Watson process with two children or none: mean 1 / (1 - 2p), variance 4 p (1 - p) / (1 - 2p)^3."""
    found = Branching(load(f'start: "(" start start ")" -> seq //@ p {p}\n | "a"\n'))
    assert found.spectral_radius == pytest.approx(radius, rel=1e-13)
    assert (found.consistent, found.finite) == (consistent, finite)
    if finite:
        q = radius / 2
        assert found.expected_size == pytest.approx(1 / (1 - radius), rel=1e-9)
        assert found.size_variance == pytest.approx(4 * q * (1 - q) / (1 - radius) ** 3, rel=1e-6)
    else:
        assert math.inf == found.expected_size == found.size_variance == found.entropy
        assert found.uses is None


def test_what_is_never_drawn_does_not_count() -> None:
    found = Branching(load('start: "(" start start ")" -> seq //@ p 0\n | "a"\n'))
    assert (found.cycles, found.expected_size, found.entropy) == ([], 1.0, 0.0)


@pytest.mark.parametrize("rules", [EXACT_RULES - 10, 350])
def test_many_rules_in_a_circle(rules: int) -> None:
    """Against dense linear algebra; every rule leads to the next and to a random other one."""
    rng = random.Random(rules)
    lines = ["start: r0"]
    for i in range(rules):
        j, k = (i + 1) % rules, rng.randrange(rules)
        lines += [f'r{i}: "a{i}" r{j} "b" r{k} "." -> f //@ w {rng.randint(1, 4)}', f' | "c{i}" r{k} -> g //@ w 1']
        lines += [f' | "d{i}" //@ w {rng.randint(3, 9)}']
    found = Branching(load("\n".join(lines) + "\n"))
    dense = np.zeros((rules + 1, rules + 1))
    for i, row in enumerate(found.means):
        for j, value in row.items():
            dense[i, j] = value
    radius = max(abs(np.linalg.eigvals(dense)))
    assert found.spectral_radius == pytest.approx(radius, rel=1e-9)
    assert found.finite == (radius < 1) == found.consistent
    assert found.finite
    sizes = np.linalg.solve(np.eye(rules + 1) - dense, np.ones(rules + 1))
    assert found.expected_size == pytest.approx(sizes[0], rel=1e-9)


def test_a_long_circle_has_its_geometric_mean() -> None:
    """A matrix whose eigenvalues all have one absolute value: power iteration would never end."""
    size = 200
    matrix = [{(i + 1) % size: 0.25 if i % 2 else 4.0} for i in range(size)]
    assert spectral_radius(matrix) == pytest.approx(1.0, rel=1e-9)
    assert solve(matrix, [[1.0] * size], 0.999) is None
    assert solve(matrix, [[1.0] * size], 1.001) is not None


# Draws.

TYPED = (
    SEQUENCE
    + """
start: "[" f "+" f "]" -> plus
f: "r" -> relu //@ p 0.5
 | "l" W -> linear
 | "z" -> identity
W: "4" | "8" | "16" //@ p 0.5 0.3 0.2
//@ define plus(a, b)(x) = a(x) + b(x)
"""
)


def test_all_derivations_are_looked_at_where_they_are_few() -> None:
    space = small_space(TYPED)
    found = draw(space, 1000, 0)
    assert found.exact
    assert found.draws == space.count() == 25
    # Both have width 8, or both 4, or both 16.
    eight, four, sixteen = 0.5 + 0.25 + 0.25 * 0.3, 0.25 * 0.5, 0.25 * 0.2
    assert found.well_typed == pytest.approx(eight**2 + four**2 + sixteen**2)
    assert found.interval == (found.well_typed, found.well_typed)
    by_hand = sum(float(a.derivation.probability) * a.params for a in found.architectures) / found.well_typed
    distribution = found.distribution([a.params for a in found.architectures])
    assert distribution is not None
    assert distribution["mean"] == pytest.approx(by_hand)
    assert (distribution["min"], distribution["median"], distribution["max"]) == (0, 0, 288)
    # [r+z] is [z+r], and so on: of 11 texts 3 + 2 are the other way round.
    assert found.texts == 11
    assert found.graphs == len({a.canonical for a in found.architectures}) == 8


def test_draws_estimate_the_same() -> None:
    space = small_space(TYPED)
    exact = draw(space, 25, 0)
    found = draw(space, 24, 3)
    assert (exact.exact, found.exact) == (True, False)
    many = draw(small_space(TYPED.replace('"z" -> identity', '"z" f -> residual')), 3000, 1)
    assert not many.exact
    low, high = many.interval
    assert 0 < low < many.well_typed < high < 1
    assert high - low < 0.04
    again = draw(small_space(TYPED.replace('"z" -> identity', '"z" f -> residual')), 3000, 1)
    assert [a.text for a in again.architectures] == [a.text for a in many.architectures]


def test_limits_are_told_apart_from_types() -> None:
    found = draw(small_space(TYPED, max_params=100), 1000, 0)
    assert found.exact
    assert found.over_limits > 0
    assert max(a.params for a in found.architectures) <= 100
    none = draw(small_space(TYPED, max_params=0, max_ops=0), 10, 0)
    assert (none.well_typed, none.over_limits, none.distribution([])) == (0.0, 1.0, None)
