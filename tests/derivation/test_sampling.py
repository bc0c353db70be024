"""Sampling: reproducible, without side effects, without replacement where asked, and able to say why not."""

from __future__ import annotations

import random

import pytest
from small_spaces import SEQUENCE, small_space

import einsyn

FOUR = (
    SEQUENCE
    + """
start: f f -> both
f: "a" -> relu | "b" W -> linear
W: "4" | "8"
//@ define both(f, g)(x) = f(x) + g(x)
"""
)
NOTHING = SEQUENCE + 'start: "a" -> a\n//@ define a()(x) = linear(4)(x) + x\n'


def test_same_seed_same_architectures() -> None:
    space = einsyn.load("einspace")
    first = [a.record() for a in space.sample(40, seed=11)]
    assert [a.record() for a in space.sample(40, seed=11)] == first
    assert [a.record() for a in einsyn.load("einspace").sample(40, seed=11)] == first
    assert [a.record() for a in space.sample(40, seed=12)] != first
    # Fewer are the first of more.
    assert [a.record() for a in space.sample(7, seed=11)] == first[:7]


def test_global_random_states_stay_as_they_are() -> None:
    import numpy as np
    import torch

    space = einsyn.load("nasbench201", profile="test")
    before = random.getstate(), np.random.get_state(), torch.random.get_rng_state()  # noqa: NPY002 - the global one
    for architecture in space.sample(3, seed=1):
        architecture.module(seed=4)
        architecture.onnx(seed=4)
        architecture.verify(seed=4)
    list(zip(range(5), space.enumerate(), strict=False))
    assert random.getstate() == before[0]
    state = np.random.get_state()  # noqa: NPY002 - the global one
    assert state[0] == before[1][0]
    assert (state[1] == before[1][1]).all()
    assert state[2:] == before[1][2:]
    assert torch.equal(torch.random.get_rng_state(), before[2])


def test_global_seeds_do_not_matter() -> None:
    space = einsyn.load("einspace")
    random.seed(1)
    first = [a.text for a in space.sample(10, seed=0)]
    random.seed(2)
    assert [a.text for a in space.sample(10, seed=0)] == first


def test_unique_draws_everything_there_is_once() -> None:
    space = small_space(FOUR)
    valid = {a.text for a in space.enumerate()}
    drawn = [a.text for a in space.sample(len(valid), seed=0, unique=True)]
    assert set(drawn) == valid == {"aa", "ab8", "b8a", "b8b8", "b4b4"}
    assert len(drawn) == len(valid)


def test_unique_refuses_more_than_the_grammar_has() -> None:
    space = small_space(FOUR)
    with pytest.raises(einsyn.SamplingError) as caught:
        space.sample(10, unique=True)
    assert caught.value.code == "S002"
    assert "the grammar has 9" in str(caught.value)


def test_unique_ends_when_the_valid_ones_run_out() -> None:
    with pytest.raises(einsyn.SamplingError) as caught:
        small_space(FOUR).sample(6, unique=True, max_tries=300)
    assert caught.value.code == "S002"
    assert "5 different ones were found" in str(caught.value)


def test_a_space_without_valid_architectures_says_why() -> None:
    sampler = small_space(NOTHING).sampler(max_tries=50)
    with pytest.raises(einsyn.SamplingError) as caught:
        next(sampler)
    assert caught.value.code == "S001"
    assert "50 draws in a row were rejected; acceptance 0.00%" in str(caught.value)
    assert sampler.causes() == [("T020", "`plus` needs sizes that agree or are N; axis d of (s, d) is N and N", 50)]
    assert "100.0 %  T020" in str(caught.value)


def test_acceptance_counts_draws() -> None:
    sampler = small_space(FOUR).sampler(seed=0)
    for _ in range(2000):
        next(sampler)
    assert sampler.accepted == 2000
    # Each of a and b has probability 1/2, each width 1/2: 1/4 + 2/8 + 2/16 of the draws are well typed.
    assert sampler.acceptance == pytest.approx(0.625, abs=0.03)
    assert sum(count for _, _, count in sampler.causes()) == sampler.rejected


def test_limits_hold_for_every_draw() -> None:
    space = einsyn.load("einspace")
    bounds = {"max_params": 5_000, "max_macs": 2_000_000, "max_depth": 6, "max_size": 30, "max_memory": 200_000}
    for architecture in space.sample(60, seed=2, **bounds):
        assert architecture.params <= 5_000
        assert architecture.macs <= 2_000_000
        assert architecture.depth <= 6
        assert architecture.size <= 30
        assert architecture.memory <= 200_000
        assert architecture.depth == architecture.derivation.depth
        assert architecture.size == architecture.derivation.size
    assert all(len(a.graph.operations) <= 8 for a in space.sample(30, max_ops=8))


def test_limits_may_be_written_as_floats() -> None:
    space = small_space(FOUR)
    assert [a.text for a in space.sample(5, max_params=2e6)] == [a.text for a in space.sample(5, max_params=2_000_000)]


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda s: s.sample(-1), "U003"),
        (lambda s: s.sample(1, max_parms=3), "U001"),
        (lambda s: s.sample(1, max_params=-3), "U003"),
        (lambda s: s.sample(1, max_params=2.5), "U003"),
        (lambda s: s.sample(1, max_params=float("nan")), "U003"),
        (lambda s: s.sample(1, max_params="2e6"), "U003"),
        (lambda s: einsyn.load("einspace", input=(3, 32, 32)), "U008"),
    ],
)
def test_wrong_arguments(call: object, code: str) -> None:
    with pytest.raises(einsyn.UsageError) as caught:
        call(small_space(FOUR))  # type: ignore[operator]
    assert caught.value.code == code
    assert caught.value.diagnostics[0].hint or code == "U003"


def test_sampling_nothing_draws_nothing() -> None:
    assert small_space(NOTHING).sample(0) == []
