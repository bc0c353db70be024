"""Probabilities of alternatives are exact."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from small_trees import load


def probabilities(text: str, rule: str = "start", **options: object) -> list[Fraction]:
    return [p.probability for p in load(text, **options).rules[rule].productions]


def alternatives(*pragmas: str) -> str:
    lines = [f'"t{i}x"{"  //@ " + p if p else ""}' for i, p in enumerate(pragmas)]
    return "start: " + "\n  | ".join(lines) + "\n"


@pytest.mark.parametrize(
    ("pragmas", "expected"),
    [
        (("", "", ""), "1/3 1/3 1/3"),
        (("p 0.32", "", ""), "8/25 17/50 17/50"),
        (("p 1/3", "p 1/3", "p 1/3"), "1/3 1/3 1/3"),
        (("p 0.1", "p 0.2", "p 0.7"), "1/10 1/5 7/10"),
        (("p 0", "", ""), "0 1/2 1/2"),
        (("p 1", "", ""), "1 0 0"),
        (("p 1e-3", ""), "1/1000 999/1000"),
        (("p (1 - 0.4) / 2", ""), "3/10 7/10"),
        (("p 2 ** -2", ""), "1/4 3/4"),
        (("p if 2 > 1 and not 1 == 2 then 0.5 else 3", ""), "1/2 1/2"),
        (("p min(0.2, 0.9)", "p max(0.1, 0.8)"), "1/5 4/5"),
        (("p 7 % 4 / 10", ""), "3/10 7/10"),
        (("w 1", "w 2", "w 3"), "1/6 1/3 1/2"),
        (("w 3", "", ""), "3/5 1/5 1/5"),
        (("w 0", "w 0.5", "w 1.5"), "0 1/4 3/4"),
        (("p 0.5 // because", ""), "1/2 1/2"),
    ],
)
def test_shares(pragmas: tuple[str, ...], expected: str) -> None:
    assert probabilities(alternatives(*pragmas)) == [Fraction(e) for e in expected.split()]


def test_parameters_count_as_the_decimal_that_they_are_written_as() -> None:
    text = "//@ param computation 0.32\n" + alternatives("p computation", "", "", "")
    assert probabilities(text)[0] == Fraction(32, 100)
    assert probabilities(text, params={"computation": 0.4})[0] == Fraction(4, 10)
    assert probabilities(text, params={"computation": 1}) == [1, 0, 0, 0]


def test_what_is_never_drawn() -> None:
    rule = load(alternatives("p 0", "p 0.25", "")).rules["start"]
    assert [p.position for p in rule.drawable] == [1, 2]
    assert rule.cumulative == (0.25, 1.0)
    assert rule.productions[0].log_prob == -math.inf
    assert rule.productions[1].log_prob == pytest.approx(math.log(0.25), rel=1e-15)


def test_cumulative_ends_in_one_whatever_the_rounding() -> None:
    for number in (3, 7, 10, 49, 97):
        rule = load(alternatives(*[""] * number)).rules["start"]
        assert rule.cumulative[-1] == 1.0
        assert len(rule.cumulative) == number


def test_uniform_counts_the_choices_below() -> None:
    text = 'start: x N  //@ uniform\n  | "a"\n  | "b" y\nx: "c" | "d" N\ny: M\nN: "1" | "2" | "3"\n'
    text += 'M: "4" | "5"  //@ p 1 0\n'
    # (1 + 3) * 3, 1, and 1 because 5 is never drawn
    assert probabilities(text) == [Fraction(12, 14), Fraction(1, 14), Fraction(1, 14)]
    assert probabilities(text, "x") == [Fraction(1, 2), Fraction(1, 2)]


def test_uniform_weighs_expansions_one_by_one() -> None:
    text = 'start: "a" [N]  //@ uniform\n  | "b"\nN: "1" | "2" | "3"\n'
    assert probabilities(text) == [Fraction(3, 5), Fraction(1, 5), Fraction(1, 5)]


def test_a_pragma_may_follow_an_empty_alternative_and_a_group() -> None:
    assert probabilities('start: -> nothing  //@ p 0.125\n  | "a"\n') == [Fraction(1, 8), Fraction(7, 8)]
    text = 'start: ("a"\n  | "b") "c"  //@ p 0.5\n  | "d"\n'
    assert probabilities(text) == [Fraction(1, 4), Fraction(1, 4), Fraction(1, 2)]


def test_many_thousand_alternatives_sum_to_one() -> None:
    grammar = load("start: " + "\n  | ".join(f'"w{i:04}"' for i in range(3000)) + "\n")
    assert sum(p.probability for p in grammar.rules["start"].productions) == 1
