"""Asking and telling: numbers, order, and what a strategy refuses."""

from __future__ import annotations

import math

import pytest
from small_spaces import small_space

from einsyn.search.strategies import STRATEGIES
from einsyn.search.strategies.random import RandomSearch
from einsyn.search.strategy import Outcome

SPACE = """
//@ input x f32[B, d:4]
start: layer | layer ";" start -> seq
layer: "r" -> relu
     | "t" -> tanh
"""


def test_random_search_is_the_sampler() -> None:
    space = small_space(SPACE)
    search = RandomSearch(space, seed=3)
    asked = [*search.ask(2), *search.ask(3)]
    assert [p.id for p in asked] == [0, 1, 2, 3, 4]
    again = RandomSearch(space, seed=3).ask(5)
    assert [p.architecture.text for p in asked] == [p.architecture.text for p in again]
    assert RandomSearch(space, seed=4).ask(5) != again
    assert {(p.parents, p.move) for p in asked} == {((), "sample")}


def test_what_is_given_comes_first() -> None:
    space = small_space(SPACE)
    given = [space.parse("r;t;r"), space.parse("t")]
    asked = RandomSearch(space, start=given).ask(3)
    assert [p.architecture for p in asked[:2]] == given
    assert [p.move for p in asked] == ["start", "start", "sample"]


def test_each_proposal_has_one_outcome() -> None:
    search = RandomSearch(small_space(SPACE))
    first, second = search.ask(2)
    assert search.waiting == 2
    search.tell([Outcome(first, None)])
    for wrong in ([Outcome(first, (1.0,))], [Outcome(second, (1.0,)), Outcome(second, (1.0,))]):
        with pytest.raises(ValueError, match="does not wait"):
            search.tell(wrong)
    assert search.waiting == 1
    search.tell([Outcome(second, (math.nan,))])
    assert search.waiting == 0


def test_strategies_are_known_by_name() -> None:
    assert STRATEGIES["random"] is RandomSearch
