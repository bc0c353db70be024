"""The finite domains of terminals: texts, values, weights."""

from __future__ import annotations

import math
import time
from fractions import Fraction

import pytest
from small_trees import load, parse

from einsyn.errors import ArchitectureError
from einsyn.grammar.domains import Domain


def domain(definition: str, **options: object) -> Domain:
    grammar = load(f'start: "<" T ">" | "nothing"\n{definition}\n', **options)
    return grammar.terminals["T"].domain


def texts(found: Domain) -> list[str]:
    return [found.text(i) for i in range(len(found))]


def values(found: Domain) -> list[object]:
    return [found.value(i) for i in range(len(found))]


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ('T: "16" | "4" | "8"', "16 4 8"),
        ('T: "a".."d"', "a b c d"),
        ('T: "x" ("1" | "2") ["y"]', "x1y x1 x2y x2"),
        ('T: "a" ~ 1..3', "a aa aaa"),
        ('T: ("a" | "b") ~ 2', "aa ab ba bb"),
        ('T: A | "z"\nA: "x" B\nB: "1" | "2"', "x1 x2 z"),
        ("T: /[0-9]+/  //@ int 1..4", "1 2 3 4"),
        ("T: /[0-9]+/  //@ int 8..32 step 8", "8 16 24 32"),
        ("T: /-?[0-9]+/  //@ int -2..1", "-2 -1 0 1"),
        ("T: /[0-9]+/  //@ int 1..2 also 5..6 also 9", "1 2 5 6 9"),
        (r"T: /[0-9.]+/  //@ float 0.5..2 step 0.5", "0.5 1.0 1.5 2.0"),
        (r"T: /[0-9.]+/  //@ float 0.9..1.1 step 0.05", "0.9 0.95 1.0 1.05 1.1"),
        (r"T: /-?[0-9.]+/  //@ float -0.5..0.5 step 0.5", "-0.5 0.0 0.5"),
        (r"T: /[0-9.]+/  //@ float 1..3 step 1", "1.0 2.0 3.0"),
        ("T: /[a-z]+/  //@ one_of b a also c", "b a c"),
        ('T: /[^;>]+/  //@ one_of "a b" c/d // remark', "a b|c/d"),
        ("%import common.INT -> T  //@ int 3..5", "3 4 5"),
        ('T: "0".."9"+  //@ int 9..11', "9 10 11"),
    ],
)
def test_texts(definition: str, expected: str) -> None:
    found = domain(definition)
    wanted = expected.split("|" if "|" in expected else " ")
    assert texts(found) == wanted
    assert [found.index_of(t) for t in wanted] == list(range(len(wanted)))
    assert sum(found.probability(i) for i in range(len(found))) == 1


@pytest.mark.parametrize(
    ("definition", "expected"),
    [
        ('T: "16" | "-4" | "0"', [16, -4, 0]),
        ('T: "0.75" | "1" | "1.5"', [0.75, 1.0, 1.5]),
        ('T: "true" | "false"', [True, False]),
        ('T: "007" | "1e5" | "-0x" | "3"', ["007", "1e5", "-0x", 3]),
        ('T: "0.5" | "x"', [0.5, "x"]),
        (r"T: /[0-9.]+/  //@ float 0.1..0.3 step 0.1", [0.1, 0.2, 0.3]),
        (r"T: /[0-9.]+/  //@ one_of 0.5 2.0", [0.5, 2.0]),
    ],
)
def test_values(definition: str, expected: list[object]) -> None:
    found = values(domain(definition))
    assert found == expected
    assert list(map(type, found)) == list(map(type, expected))


def test_decimals_are_not_binary() -> None:
    found = domain(r"T: /[0-9]\.[0-9]+/  //@ float 1.5..3.0 step 0.01")
    assert len(found) == 151
    assert texts(found)[:4] == ["1.5", "1.51", "1.52", "1.53"]
    assert found.text(150) == "3.0"
    assert all(float(t) == v for t, v in zip(texts(found), values(found), strict=True))


def test_bounds_may_use_parameters() -> None:
    text = "T: /[0-9]+/  //@ int 2 * least..most step least\n//@ param least 4\n//@ param most 16"
    assert texts(domain(text)) == ["8", "12", "16"]
    assert texts(domain(text, params={"least": 2, "most": 8})) == ["4", "6", "8"]


def test_weights() -> None:
    found = domain('T: "1" | "2" | "3"  //@ p 0.7 0.3 0')
    assert [found.probability(i) for i in range(3)] == [Fraction(7, 10), Fraction(3, 10), 0]
    assert found.drawable == 2
    assert found.cumulative == (0.7, 1.0, 1.0)
    assert found.log_prob(0) == pytest.approx(math.log(0.7), rel=1e-14)
    assert found.log_prob(2) == -math.inf
    found = domain('T: "1" | "2"  //@ w 2 1')
    assert found.probability(0) == Fraction(2, 3)
    assert domain('T: "1" | "2"').cumulative == (0.5, 1.0)


def test_what_is_only_parsed_is_never_drawn() -> None:
    found = domain("T: /[0-9]+/  //@ int 1..8 also 9..400")
    assert (len(found), found.drawable) == (400, 8)
    assert found.probability(7) == Fraction(1, 8)
    assert found.probability(8) == 0
    assert found.log_prob(8) == -math.inf
    assert found.index_of("400") == 399
    assert found.index_of("401") is None


def test_log_weighs_by_the_inverse() -> None:
    found = domain("T: /[0-9]+/  //@ int 1..4 log")
    assert [found.probability(i) for i in range(4)] == [
        Fraction(12, 25),
        Fraction(6, 25),
        Fraction(4, 25),
        Fraction(3, 25),
    ]
    assert found.cumulative is not None
    assert found.cumulative[-1] == 1.0
    assert found.log_prob(1) == pytest.approx(math.log(6 / 25), rel=1e-14)
    long = domain("T: /[0-9]+/  //@ int 1..20000 log")
    assert long.probability(0) / long.probability(9) == pytest.approx(10, rel=1e-12)


def test_large_ranges_cost_nothing_to_declare() -> None:
    start = time.process_time()
    found = domain("T: /[1-9][0-9]*/  //@ int 1..1000000000")
    assert time.process_time() - start < 0.5
    assert len(found) == 10**9
    assert found.text(10**9 - 1) == "1000000000"
    assert found.index_of("123456789") == 123456788
    assert found.log_prob(5) == pytest.approx(-math.log(10**9))


@pytest.mark.parametrize(
    ("definition", "text", "suggestion"),
    [
        (r"T: /[0-9.]+/  //@ float 0.1..0.9 step 0.1", "0.10", "0.1"),
        (r"T: /[0-9.]+/  //@ float 0.1..0.9 step 0.1", "0.33", "0.3"),
        ("T: /[0-9]+/  //@ int 1..8", "9", "8"),
        ("T: /[0-9]+/  //@ int 1..8", "007", "7"),
        ("T: /[0-9]+/  //@ int 8..64 step 8", "13", "16"),
        ("T: /[a-z]+/  //@ one_of relu gelu", "relo", "relu"),
        ("T: /[a-zA-Z]+/  //@ one_of relu gelu", "ReLU", "relu"),
        ("T: /[0-9]+/  //@ int 1..8 also 100..200", "99", "100"),
    ],
)
def test_only_the_canonical_spelling_is_in_the_language(definition: str, text: str, suggestion: str) -> None:
    grammar = load(f'start: "<" T ">"\n{definition}\n')
    with pytest.raises(ArchitectureError) as caught:
        parse(grammar, f"<{text}>")
    found = caught.value.diagnostics[0]
    assert found.code == "A005"
    assert found.hint == f"write `{suggestion}`"
    assert (found.span.line, found.span.column) == (1, 2)
    parse(grammar, f"<{suggestion}>")
