"""Every shipped space at its test profile: samples build, run forward and backward, and are what was predicted."""

from __future__ import annotations

import pytest
from full_run import check_model, check_text, check_torch

import einsyn

# These have tests of their own, on more samples.
COVERED = {"einspace", "nasbench201"}
SPACES = sorted(set(einsyn.shipped_spaces()) - COVERED)


def check(name: str, count: int, seed: int) -> None:
    space = einsyn.load(name, profile="test")
    for architecture in space.sample(count, seed=seed):
        check_text(architecture)
        check_torch(architecture)
        assert check_model(architecture), f"not finite: {architecture.text}"


@pytest.mark.parametrize("name", SPACES)
def test_some_samples(name: str) -> None:
    check(name, 12, seed=5)


@pytest.mark.slow
@pytest.mark.parametrize("name", SPACES)
def test_two_hundred_samples(name: str) -> None:
    check(name, 200, seed=11)


@pytest.mark.parametrize("name", SPACES)
def test_the_test_profile_draws_mostly_well_typed_nets(name: str) -> None:
    sampler = einsyn.load(name, profile="test").sampler(seed=2)
    drawn = [next(sampler) for _ in range(100)]
    assert sampler.acceptance > 0.5
    # One draw in a hundred may be large; what tests run is small.
    assert sorted(a.macs for a in drawn)[90] <= 5_000_000
