"""Every shipped space keeps the contract, and is worth drawing from."""

from __future__ import annotations

import pytest

import einsyn
from einsyn.shipped import shipped_spaces
from einsyn.testing import check_space

FEW, MANY = 10, 200
# Parts, so that a busy machine is done with each within the time that a test may take.
PARTS = 4
every_space = pytest.mark.parametrize("name", list(shipped_spaces()))


@every_space
def test_contract(name: str) -> None:
    assert check_space(name, samples=FEW) == 0


@pytest.mark.slow
@every_space
@pytest.mark.parametrize("part", range(PARTS))
def test_contract_on_many_samples(name: str, part: int) -> None:
    samples = MANY // PARTS
    assert check_space(name, samples=samples, seed=1 + part) <= 0.02 * samples


@every_space
def test_a_fifth_of_the_draws_are_networks(name: str) -> None:
    sampler = einsyn.load(name, profile="test").sampler(seed=1)
    assert len({next(sampler).text for _ in range(MANY)}) > 1
    assert sampler.acceptance > 0.2
