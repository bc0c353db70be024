"""Walking over steps gives what elaborating every draw as a whole gives: the same draws, costs and rejections."""

from __future__ import annotations

from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_spaces import SEQUENCE, small_space

import einsyn
from einsyn.elaborate.summaries import Summaries, Walk
from einsyn.errors import SamplingError
from einsyn.shipped import shipped_spaces
from einsyn.testing import grammars

# What a definition needs to know of types, weights tied, arguments applied again at equal and at other types or never.
MIXED = f"""{SEQUENCE}
start: net
net: "l" W -> linear                     //@ p 0.3
   | "r" -> relu                         //@ p 0.2
   | "(" net net ")" -> seq              //@ p 0.15
   | "+" net net -> plus                 //@ p 0.05
   | "~" net -> twice                    //@ p 0.05
   | "=" net -> tied                     //@ p 0.05
   | "^" net -> turned                   //@ p 0.05
   | "#" N net -> repeated               //@ p 0.05
   | "%" N net -> branches               //@ p 0.05
   | "?" net net -> first                //@ p 0.05
W: "4" | "8" | "16"                      //@ p 0.2 0.7 0.1
N: /[0-9]/                               //@ int 0..3
//@ define plus(a, b)(x) = a(x) + b(x)
//@ define twice(f)(x) = f(f(x))
//@ define tied(f)(x) {{ g = shared(f) return g(g(x)) }}
//@ define turned(f)(x) = if size_of(x, "s") > 4 then permute(2, 1)(f(permute(2, 1)(x))) else f(x)
//@ define repeated(n, f) = repeat(n, f)
//@ define branches(n, f)(x) = if n == 0 then x else add(*[f(y) for y in clone(n)(x)])
//@ define first(a, b)(x) = a(x)
"""
DEEP = f'{SEQUENCE}start: "(" start ")" -> residual //@ p 0.996\n | "r" -> relu\n'


def drawn(space: einsyn.Space, n: int, seed: int, *, whole: bool, **limits: int) -> tuple[list[Any], Any, list[Any]]:
    """Records with the memory and the derivation, the acceptance rate, and the causes of rejections."""
    if whole:
        space.summaries(space.bounds(limits)).worthwhile = False
    sampler = space.sampler(seed, max_tries=2000, **limits)
    try:
        found = [
            (a.record(), a.memory, a.derivation, space.parse(a.text, **limits).derivation) for a in islice(sampler, n)
        ]
    except SamplingError as error:
        return [error.diagnostics[0].code], sampler.acceptance, []
    assert all(derivation == parsed for _, _, derivation, parsed in found)
    return [(record, memory) for record, memory, _, _ in found], sampler.acceptance, sorted(sampler.causes())


LIMITS: list[dict[str, int]] = [
    {},
    {"max_params": 300_000},
    {"max_macs": 10_000_000},
    {"max_memory": 2_000_000},
    {"max_ops": 4},
    {"max_size": 15},
    {"max_depth": 4},
]


@pytest.mark.parametrize("limits", LIMITS, ids=lambda limits: next(iter(limits), "none"))
def test_einspace(limits: dict[str, int]) -> None:
    walked = drawn(einsyn.load("einspace"), 120, 5, whole=False, **limits)
    assert walked == drawn(einsyn.load("einspace"), 120, 5, whole=True, **limits)
    assert len(walked[0]) == 120


@pytest.mark.parametrize("text", ["c:3,l:64", "s:16,d:32"])
def test_einspace_on_other_inputs(text: str) -> None:
    walked = drawn(einsyn.load("einspace", input=text), 100, 1, whole=False)
    assert walked == drawn(einsyn.load("einspace", input=text), 100, 1, whole=True)


@pytest.mark.parametrize("name", [name for name in shipped_spaces() if name != "einspace"])
def test_every_shipped_space(name: str) -> None:
    walked, whole = (einsyn.load(name, profile="test") for _ in range(2))
    whole.summaries(whole.limits).worthwhile = False
    assert [a.record() for a in walked.sample(15, seed=1)] == [a.record() for a in whole.sample(15, seed=1)]


@pytest.mark.parametrize("limits", [{}, {"max_params": 400}, {"max_ops": 6}, {"max_size": 9}, {"max_macs": 3000}])
def test_whatever_a_definition_does(limits: dict[str, int]) -> None:
    walked = drawn(small_space(MIXED), 400, 2, whole=False, **limits)
    assert walked == drawn(small_space(MIXED), 400, 2, whole=True, **limits)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(grammars(), st.integers(0, 2**32))
def test_random_spaces(text: str, seed: int) -> None:
    limits = {"max_ops": 60, "max_params": 50_000, "max_size": 40}
    walked = drawn(small_space(text), 60, seed, whole=False, **limits)
    assert walked == drawn(small_space(text), 60, seed, whole=True, **limits)


def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """How the draws that follow are made."""
    counts = {"generated": 0, "walked": 0, "whole": 0}
    quickly, walk = Summaries._quickly, Summaries.walk

    def count_quickly(self: Summaries, *args: Any) -> Any:
        found = quickly(self, *args)
        counts["generated"] += found is not None
        return found

    def count_walk(self: Summaries, *args: Any) -> Any:
        found = walk(self, *args)
        counts["walked" if found is not None else "whole"] += 1
        return found

    monkeypatch.setattr(Summaries, "_quickly", count_quickly)
    monkeypatch.setattr(Summaries, "walk", count_walk)
    return counts


def test_most_draws_are_walked_and_then_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = counted(monkeypatch)
    einsyn.load("einspace").sample(1000, seed=0)
    assert counts["whole"] < 0.01 * counts["walked"]
    assert counts["generated"] > 0.8 * counts["walked"]


def test_deeper_than_the_stack_of_python(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = counted(monkeypatch)
    architectures = small_space(DEEP, max_ops=10**6).sample(500, seed=0)
    assert max(a.depth for a in architectures) > 1200
    assert counts["generated"] > 0
    walked = [a.hash for a in architectures]
    space = small_space(DEEP, max_ops=10**6)
    space.summaries(space.limits).worthwhile = False
    assert [a.hash for a in space.sample(500, seed=0)] == walked


def test_given_up_where_it_is_of_no_use() -> None:
    space = small_space(f'{SEQUENCE}start: "a" N -> tied\nN: "1" | "2"\n//@ define tied(n)(x) = shared(linear(n))(x)\n')
    space.sample(300, seed=0)
    assert not space.summaries(space.limits).worthwhile


def test_a_walk_builds_the_whole_when_it_is_asked_for() -> None:
    space = einsyn.load("einspace")
    for architecture in space.sample(50, seed=3):
        assert isinstance(architecture._found, Walk)
        again = space.parse(architecture.text)
        assert (architecture.graph, architecture.memory, architecture.ops) == (again.graph, again.memory, again.ops)
        assert architecture.source() == again.source()
