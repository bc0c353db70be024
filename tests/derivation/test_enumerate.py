"""Enumeration: complete, without repetition, by size and then by alternative; counting agrees with it."""

from __future__ import annotations

import math
from itertools import islice, product

import pytest
from small_spaces import SEQUENCE, small_space

import einsyn
from einsyn.derivation.enumerate import derivations
from einsyn.derivation.tree import Derivation, Token
from einsyn.space import Space

RECURSIVE = (
    SEQUENCE
    + """
start: "(" start ";" start ")" -> seq
     | "r" -> relu
     | "l" W -> linear
     | "t" -> tanh                 //@ p 0
W: "4" | "8" | "9"                 //@ p 0.5 0 0.5
"""
)
OPTIONS = (
    SEQUENCE
    + """
start: [sign] layer ~ 1..2 ("," W)? -> net
sign: "-" -> minus
layer: "r" -> relu | "l" W -> linear
W: "4" | "8"
//@ define minus() = 1
//@ define net(sign, layers, w)(x) = seq(*layers)(x)
"""
)


def sentences(space: Space, alphabet: list[str], longest: int) -> set[str]:
    """All texts of up to `longest` tokens that the parser accepts and that are ever drawn: brute force."""
    found: set[str] = set()
    for length in range(1, longest + 1):
        for tokens in product(alphabet, repeat=length):
            text = "".join(tokens)
            try:
                tree = space.derivation(text)
            except einsyn.ArchitectureError:
                continue
            if tree.log_prob > -math.inf:
                found.add(text)
    return found


def key(node: Derivation | Token) -> tuple[object, ...]:
    """What enumeration goes by: size, then alternative, then the children from left to right."""
    if isinstance(node, Token):
        return (0, node.index)
    return (node.size, node.production.index, *[key(child) for child in node.children])


@pytest.mark.parametrize(
    ("text", "alphabet", "longest", "max_size", "number"),
    [
        (RECURSIVE, ["(", ")", ";", "r", "l4", "l9"], 5, 3, 3 + 9),
        (OPTIONS, ["-", ",4", ",8", "r", "l4", "l8"], 4, 4, 2 * (3 + 9) * 3),
    ],
)
def test_every_sentence_is_enumerated_once(
    text: str, alphabet: list[str], longest: int, max_size: int, number: int
) -> None:
    space = small_space(text)
    trees = list(derivations(space.grammar, max_size))
    texts = [tree.text for tree in trees]
    assert len(set(texts)) == len(texts)
    assert set(texts) == sentences(space, alphabet, longest)
    assert len(texts) == number


@pytest.mark.parametrize("text", [RECURSIVE, OPTIONS])
def test_order_is_by_size_then_alternative(text: str) -> None:
    space = small_space(text)
    keys = [key(tree) for tree in islice(derivations(space.grammar), 400)]
    assert keys == sorted(keys)


def test_counts_by_size_equal_enumeration() -> None:
    space = small_space(RECURSIVE)
    counts = space.count_by_size(9)
    sizes = [tree.size for tree in derivations(space.grammar, 9)]
    assert counts == {size: sizes.count(size) for size in range(1, 10)}
    # Binary trees with k leaves, Catalan(k - 1) of them; every leaf is r, l4 or l9.
    assert counts[9] == 14 * 3**5
    assert space.count() == math.inf
    assert space.count(all=True) == math.inf


def test_count_of_a_finite_grammar_equals_enumeration() -> None:
    space = small_space(OPTIONS)
    assert space.count() == len(list(derivations(space.grammar))) == 2 * (3 + 9) * 3


def test_count_with_all_includes_what_is_never_drawn() -> None:
    text = RECURSIVE.replace('"(" start ";" start ")" -> seq', '"(" leaf ";" leaf ")" -> seq').replace(
        '     | "r"', 'leaf: "r"'
    )
    space = small_space(text)
    assert space.count() == 9
    assert space.count(all=True) == 25
    assert len(list(derivations(space.grammar))) == 9


def test_huge_counts_are_exact() -> None:
    # OFA-MobileNetV3: five units of 2 to 4 blocks, each with 3 kernels and 3 expansions.
    space = small_space(
        SEQUENCE
        + """
start: unit ~ 5 -> net
unit: "[" block ~ 2..4 "]" -> unit
block: KERNEL EXPAND -> block
KERNEL: "3" | "5" | "7"
EXPAND: "a" | "b" | "c"
//@ define block(k, e)(x) = x
//@ define unit(blocks) = seq(*blocks)
//@ define net(units) = seq(*units)
"""
    )
    assert space.count() == (9**2 + 9**3 + 9**4) ** 5 == 21758655492572485851


def test_wide_domains_and_deep_grammars_are_counted_without_listing_them() -> None:
    rules = "\n".join(f'r{i}: "x" r{i + 1} "," N -> deeper | "y" r{i + 1} "," N -> deeper' for i in range(30))
    space = small_space(
        SEQUENCE
        + f"""
start: r0
{rules}
r30: "z" -> identity
N: /[0-9]+/  //@ int 1..1000000
//@ define deeper(inner, n) = inner
"""
    )
    assert space.count() == (2 * 10**6) ** 30
    first = next(derivations(space.grammar))
    assert first.size == 32


def test_enumerate_yields_the_valid_ones_only() -> None:
    space = small_space(
        SEQUENCE
        + """
start: f f -> both
f: "a" W -> linear
W: "4" | "8"
//@ define both(f, g)(x) = f(x) + g(x)
"""
    )
    assert [a.text for a in space.enumerate()] == ["a4a4", "a8a8"]
    assert space.count() == 4
    assert space.count_valid() == (2, True)
    assert space.count_valid(limit=3) == (1, False)
    assert [a.text for a in space.enumerate(max_params=100)] == ["a4a4"]
    assert [a.text for a in space.enumerate(max_size=2)] == []


def test_a_large_domain_takes_no_longer_than_a_small_one() -> None:
    space = small_space(f"{SEQUENCE}start: W -> linear\nW: /[0-9]+/ //@ int 4..1000000000000\n")
    assert [a.text for a in islice(space.enumerate(), 2)] == ["4", "5"]
    assert space.count() == 10**12 - 3
