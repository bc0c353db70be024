"""Comparisons of several objectives against brute force, and measures of mixing against what is known."""

from __future__ import annotations

from math import inf, isnan
from random import Random

import numpy as np
import pytest

from einsyn.search.mixing import effective_size, r_hat
from einsyn.search.population import crowding, dominates, fronts


def peeled(points: list[tuple[float, ...]]) -> list[list[int]]:
    """Ranks by definition: take away what nothing that is left dominates, again and again."""
    left = list(range(len(points)))
    found: list[list[int]] = []
    while left:
        found.append([i for i in left if not any(dominates(points[j], points[i]) for j in left)])
        left = [i for i in left if i not in found[-1]]
    return found


@pytest.mark.parametrize("objectives", [1, 2, 3, 5])
def test_fronts_against_brute_force(objectives: int) -> None:
    random = Random(objectives)
    for count in (0, 1, 2, 7, 40):
        for values in (3, 1000):  # with many equal ones, and with few
            points = [tuple(float(random.randrange(values)) for _ in range(objectives)) for _ in range(count)]
            assert fronts(points) == peeled(points)


def test_crowding_by_hand() -> None:
    points = [(0.0, 10.0), (1.0, 6.0), (4.0, 5.0), (10.0, 0.0)]
    assert crowding(points) == [inf, pytest.approx(4 / 10 + 5 / 10), pytest.approx(9 / 10 + 6 / 10), inf]
    assert crowding([]) == []
    assert crowding([(1.0, 1.0)] * 3).count(inf) >= 2


def walk(correlation: float, length: int, chains: int, seed: int) -> list[list[float]]:
    """Stationary chains x' = correlation x + noise."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((chains, length))
    x = np.empty_like(noise)
    x[:, 0] = noise[:, 0] / (1 - correlation**2) ** 0.5
    for t in range(1, length):
        x[:, t] = correlation * x[:, t - 1] + noise[:, t]
    return x.tolist()


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.9, -0.5])
def test_effective_size_of_an_autoregression(correlation: float) -> None:
    """It is n (1 - a) / (1 + a)."""
    chains = walk(correlation, 20_000, 4, 1)
    expected = 80_000 * (1 - correlation) / (1 + correlation)
    assert effective_size(chains) == pytest.approx(expected, rel=0.15)
    assert r_hat(chains) < 1.01


def test_r_hat_of_chains_that_disagree() -> None:
    chains = walk(0.5, 1000, 4, 2)
    assert r_hat(chains) < 1.02
    assert r_hat([chains[0], [x + 3 for x in chains[1]]]) > 1.3
    drifting = [[x + 4 * t / 1000 for t, x in enumerate(chain)] for chain in chains]
    assert r_hat(drifting) > 1.2
    assert effective_size(drifting) < 100


def test_nothing_is_said_of_too_little() -> None:
    assert isnan(r_hat([[1.0, 2.0]]))
    assert isnan(effective_size([]))
    assert isnan(r_hat([[1.0] * 50]))
    assert isnan(effective_size([[1.0] * 50]))
