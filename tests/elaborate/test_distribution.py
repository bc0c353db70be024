"""Sampled frequencies against exact conditional probabilities: chi-squared at one in a thousand, fixed seeds.

Every derivation of a small space is enumerated; the probabilities of the well-typed ones, divided by their sum,
are what sampling must follow.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import pytest
from small_spaces import SEQUENCE, small_space

from einsyn.space import Space

_Z = 3.0902  # of the normal distribution, exceeded once in a thousand
_LEAST_EXPECTED = 5

# Half of the trees are badly typed, deeper ones more often.
TYPED = (
    SEQUENCE
    + """
start: "(" start ";" start ")" -> seq        //@ w 1
     | "[" start "+" start "]" -> plus       //@ w 2
     | "r" -> relu                           //@ w 2
     | "l" W -> linear                       //@ w 3
W: "4" | "8"
//@ define plus(a, b)(x) = a(x) + b(x)
"""
)
# One argument is applied at three types: some choices fit all of them, some do not.
SEVERAL_TYPES = (
    SEQUENCE
    + """
start: "n" f g -> net
f: "r" -> relu | "l" W -> linear | "h" -> halve | "c" f f -> chain
g: "a" -> relu | "b" W -> linear
W: "3" | "4" | "8"
//@ define halve()(x) = linear(size_of(x, -1) / 2)(x)
//@ define chain(a, b)(x) = b(a(x))
//@ define net(f, g)(x) {
//@   y = f(x)
//@   z = f(linear(6)(x))
//@   return concat("s")(y, z, f(g(y)))
//@ }
"""
)
LIMITED = (
    SEQUENCE
    + """
//@ max_params 300
start: "[" layer ~ 1..3 "]" -> stack
layer: "l" W -> linear  //@ p 1/2
     | "r" -> relu      //@ p 1/3
     | "n" -> layer_norm
W: "4" | "8" | "16"     //@ p 0.2 0.3 0.5
//@ define stack(layers) = seq(*layers)
"""
)
# Weights of texts, an option, a repetition, a range that is partly never drawn, an argument that is never applied.
MIXED = (
    SEQUENCE
    + """
start: "n" act? head ~ 1..2 K -> net
act: "r" -> relu            //@ p 0.9
   | "t" -> tanh
head: "d" W -> dense        //@ w 3
    | "-" -> identity       //@ w 1
W: "8" | "16" | "9"         //@ p 0.5 0.4 0.1
K: /[0-9]+/                 //@ int 1..3 also 4..9
//@ define dense(w)(x) { require w % 8 == 0 return linear(w)(x) }
//@ define net(act, heads, k)(x) {
//@   y = if k == 3 or act == none then x else act(x)
//@   return seq(*heads)(y)
//@ }
"""
)
SPACES: dict[str, tuple[str, dict[str, int]]] = {
    "typed": (TYPED, {"max_size": 5}),
    "several types": (SEVERAL_TYPES, {"max_size": 6}),
    "limited": (LIMITED, {}),
    "mixed": (MIXED, {}),
}


def exact(space: Space, **limits: int) -> dict[str, float]:
    """The probability of every architecture, given that a draw is one."""
    chances = {a.text: math.exp(a.log_prob) for a in space.enumerate(**limits)}
    total = math.fsum(chances.values())
    return {text: p / total for text, p in chances.items()}


def chi_squared(seen: Mapping[str, int], chances: Mapping[str, float]) -> tuple[float, float]:
    """The statistic and the value that it exceeds once in a thousand; rare outcomes are put together."""
    draws = sum(seen.values())
    cells: list[tuple[int, float]] = []
    rare, rare_expected = 0, 0.0
    for text, p in sorted(chances.items(), key=lambda item: item[1]):
        if p * draws < _LEAST_EXPECTED or (rare_expected and rare_expected < _LEAST_EXPECTED):
            rare, rare_expected = rare + seen.get(text, 0), rare_expected + p * draws
        else:
            cells.append((seen.get(text, 0), p * draws))
    if rare_expected:
        cells.append((rare, rare_expected))
    statistic = sum((count - expected) ** 2 / expected for count, expected in cells)
    freedom = len(cells) - 1
    share = 2 / (9 * freedom)
    return statistic, freedom * (1 - share + _Z * math.sqrt(share)) ** 3  # Wilson and Hilferty


@pytest.mark.parametrize("name", SPACES)
def test_sampling_follows_the_conditional_distribution(name: str) -> None:
    text, limits = SPACES[name]
    space = small_space(text)
    chances = exact(space, **limits)
    sampler = space.sampler(seed=1, **limits)
    seen = Counter(next(sampler).text for _ in range(12_000))
    assert set(seen) <= set(chances)
    assert sampler.rejected > 1000
    statistic, critical = chi_squared(seen, chances)
    assert statistic < critical


@pytest.mark.parametrize("name", SPACES)
def test_acceptance_is_the_probability_of_being_well_typed(name: str) -> None:
    text, limits = SPACES[name]
    space = small_space(text)
    sampler = space.sampler(seed=2, **limits)
    for _ in range(5000):
        next(sampler)
    valid = math.fsum(math.exp(a.log_prob) for a in space.enumerate(**limits))
    draws = sampler.accepted + sampler.rejected
    assert sampler.acceptance == pytest.approx(valid, abs=4 * math.sqrt(valid * (1 - valid) / draws))


def test_the_test_can_tell_another_distribution() -> None:
    # Drawing the widths of the typed space evenly among the well-typed trees is not the same thing.
    space = small_space(TYPED)
    chances = exact(space, max_size=5)
    seen = Counter(a.text for a in space.sample(12_000, seed=1, max_size=5))
    even = {text: 1 / len(chances) for text in chances}
    statistic, critical = chi_squared(seen, even)
    assert statistic > critical
    tilted = {text: p * (1.4 if "[" in text else 1) for text, p in chances.items()}
    total = sum(tilted.values())
    statistic, critical = chi_squared(seen, {text: p / total for text, p in tilted.items()})
    assert statistic > critical


def test_probabilities_by_hand() -> None:
    # P(r) = 2/8, P(l8) = P(l4) = 3/16, P([a+b]) = 2/8 P(a) P(b) where the shapes agree, (a;b) always.
    space = small_space(TYPED)
    leaf = {"r": 2 / 8, "l4": 3 / 16, "l8": 3 / 16}
    expected = dict(leaf)
    for a, p in leaf.items():
        for b, q in leaf.items():
            expected[f"({a};{b})"] = p * q / 8
            if ("4" in a) == ("4" in b):
                expected[f"[{a}+{b}]"] = 2 * p * q / 8
    total = sum(expected.values())
    assert exact(space, max_size=3) == pytest.approx({text: p / total for text, p in expected.items()}, rel=1e-12)


def test_unique_draws_are_draws_without_replacement() -> None:
    space = small_space(LIMITED.replace("1..3", "1..1"))
    chances = exact(space)
    # l4, l8, l16, r, n: the pair (a, b) has probability p(a) p(b) / (1 - p(a)).
    pairs = {f"{a} {b}": p * q / (1 - p) for a, p in chances.items() for b, q in chances.items() if a != b}
    assert math.fsum(pairs.values()) == pytest.approx(1)
    seen = Counter(" ".join(a.text for a in space.sample(2, seed=seed, unique=True)) for seed in range(3000))
    statistic, critical = chi_squared(seen, pairs)
    assert statistic < critical
    everything = [a.text for a in space.sample(len(chances), seed=9, unique=True)]
    assert sorted(everything) == sorted(chances)
