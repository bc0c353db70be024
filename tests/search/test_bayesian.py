"""Bayesian optimisation: features of networks, the model of scores, and the search."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from small_spaces import small_space

from einsyn.errors import UsageError
from einsyn.search.features import ASPECTS, Features, features, kinds
from einsyn.search.strategies import bayesian
from einsyn.search.strategies.bayesian import Bayesian
from einsyn.search.strategies.evolution import Evolution
from einsyn.search.strategies.random import RandomSearch
from einsyn.search.strategy import Outcome, Proposal, Strategy
from einsyn.search.surrogate import Surrogate, distances, normal_scores, spread
from einsyn.search.views import Views
from einsyn.space import Space

LAYERS = """
//@ input x f32[B, d:4]
start: layer
     | layer ";" start -> seq     //@ p 0.8
layer: "r" -> relu
     | "t" -> tanh
     | "i" -> identity
     | W -> linear
     | "[" layer "+" layer "]" -> both
//@ max_size 40
W: "4" | "8" | "16" | "32"
//@ define both(a, b)(x) = add(linear(8)(a(x)), linear(8)(b(x)))
"""


def found(space: Space, *texts: str) -> list[Features]:
    """The features of some architectures."""
    views = Views(space)
    return [features(views.met(space.parse(text))) for text in texts]


def points(*places: float) -> list[Features]:
    """Features that are far from each other as points on a line are."""
    return [({"place": place}, *[{}] * (ASPECTS - 1)) for place in places]


# Features.


def test_what_only_hands_on_and_the_order_of_a_sum_change_no_pattern() -> None:
    plain, handed, exchanged, other = found(small_space(LAYERS), "[r+t];8", "[r+t];i;8;i", "[t+r];8", "[t+t];8")
    assert plain[:-1] == handed[:-1] == exchanged[:-1]
    assert plain[:-1] != other[:-1]


def test_widths_are_another_thing_by_attributes_alone() -> None:
    narrow, wide, more = found(small_space(LAYERS), "8;r", "16;r", "8;r;r")
    assert narrow[:4] == wide[:4]
    assert all(a != b for a, b in zip(narrow[4:], wide[4:], strict=True))
    assert kinds(narrow) == kinds(wide) == kinds(more)
    assert narrow[:4] != more[:4]


def test_operations_in_loops_count() -> None:
    space = small_space(
        """
        //@ input x f32[B, s:5, d:4]
        start: act -> loop
        act: "r" -> relu | "t" -> tanh
        //@ define step(act)(h, x) {
        //@   y = act(linear(4)(x) + h)
        //@   return y, y
        //@ }
        //@ define loop(act)(x) = scan("s", step(act))(zero(mean("s")(x)), x)[1]
        """.replace("        ", "")
    )
    relu, tanh = found(space, "r", "t")
    assert kinds(relu) ^ kinds(tanh)
    assert len(kinds(relu)) == len(kinds(tanh))


# The model.


def test_distances_are_those_of_logarithms_in_medians() -> None:
    apart = distances(points(0, 1, 4))
    assert apart.shape == (ASPECTS, 3, 3)
    assert np.allclose(apart[0], np.array([[0, 1, 4], [1, 0, 3], [4, 3, 0]]) / 3)
    assert not apart[1:].any()


def test_scores_are_normal_whatever_the_scale() -> None:
    values = [0.1, 0.97, 0.98, 0.98, 0.2]
    scores = normal_scores(values)
    assert scores[2] == scores[3]
    assert np.array_equal(np.argsort(values, kind="stable"), np.argsort(scores, kind="stable"))
    assert np.allclose(scores, normal_scores([np.exp(9 * v) for v in values]))
    assert np.allclose([scores.mean(), scores.std()], [0, 1])
    assert not normal_scores([3.0, 3.0]).any()


def test_expectations_are_those_of_scikit_learn() -> None:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern

    random = np.random.default_rng(5)
    known, asked = random.uniform(0, 9, 20), random.uniform(0, 9, 7)
    scores = normal_scores(list(np.sin(known)))
    surrogate = Surrogate(points(*known), scores, [], points(*asked), 3)
    kernel, variance = surrogate.kernel, surrogate.variance
    everything = np.concatenate([known, asked])
    median = np.median(np.abs(everything[:, None] - everything)[np.triu_indices(27, 1)])
    # By the other aspects all are the same.
    like: Any = ConstantKernel(kernel.weights[0]) * Matern(kernel.lengths[0] * median, nu=0.5)
    regressor: Any = GaussianProcessRegressor
    process: Any = regressor(
        ConstantKernel(variance) * (like + ConstantKernel(1 - kernel.weights[0])), alpha=variance * kernel.noise,
        optimizer=None,
    ).fit(known[:, None], scores)  # fmt: skip
    mean, deviation, best = surrogate.expected()
    expected = process.predict(asked[:, None], return_std=True)
    assert np.allclose(mean, expected[0], atol=1e-8)
    assert np.allclose(deviation, expected[1], atol=1e-6)
    assert best == pytest.approx(process.predict(known[:, None]).max(), abs=1e-8)


def test_the_greatest_expected_improvement_is_chosen() -> None:
    random = np.random.default_rng(6)
    known, asked = random.uniform(0, 9, 12), random.uniform(0, 9, 15)
    surrogate = Surrogate(points(*known), normal_scores(list(np.sin(known))), [], points(*asked), 1)
    chosen: list[int] = []
    for _ in asked:
        mean, deviation, best = surrogate.expected()
        # The mean of what is above the best so far, by adding up.
        steps = np.linspace(-8, 8, 4001)
        density = np.exp(-(steps**2) / 2) / np.sqrt(2 * np.pi) * (steps[1] - steps[0])
        gains = np.maximum(mean[:, None] + deviation[:, None] * steps - best, 0) @ density
        number = surrogate.choose()
        assert gains[number] >= max(gain for k, gain in enumerate(gains) if k not in chosen) - 1e-4
        chosen.append(number)
        # What is waited for is known to be as expected.
        again = surrogate.expected()[0]
        assert again[number] == pytest.approx(mean[number], abs=0.05)
        assert surrogate.expected()[1][number] < deviation[number]
    assert sorted(chosen) == list(range(15))


def test_what_is_waited_for_is_not_chosen_beside() -> None:
    known, scores = points(0, 1, 2, 3), normal_scores([0, 1, 2, 3])
    alone = Surrogate(known, scores, [], points(9, 4), 0)
    beside = Surrogate(known, scores, points(4), points(9, 4), 0)
    assert beside.expected()[1][1] < alone.expected()[1][1]


def test_what_may_be_chosen_is_the_best_of_some() -> None:
    known, scores = points(0, 1, 2, 3), normal_scores([0, 1, 2, 3])
    surrogate = Surrogate(known, scores, [], points(0.5, 3.5, 0.4, 2.9), 0)
    assert surrogate.choose([True, False, True, False]) in (0, 2)
    assert surrogate.choose([False, False, False, True]) == 3
    # Where none is left of them it is the best of all.
    assert surrogate.choose([False, False, False, True]) == 1


def test_aspects_that_say_nothing_weigh_little() -> None:
    random = np.random.default_rng(2)
    one, other = random.uniform(0, 9, 60), random.uniform(0, 9, 60)
    rows: list[Features] = [
        ({"a": a}, {"b": b}, *[{}] * (ASPECTS - 2)) for a, b in zip(one.tolist(), other.tolist(), strict=True)
    ]
    weights = Surrogate(rows, normal_scores(list(np.sin(one))), [], rows[:1], 0).kernel.weights
    assert weights[0] > 4 * weights[1]


def test_what_is_spread_is_far_from_each_other() -> None:
    assert spread(points(0, 1, 2, 9, 5), 3) == [0, 3, 4]
    assert spread(points(3, 3, 4), 9) == [0, 2, 1]


# The search.


def searched(strategy: Strategy, evaluations: int, batch: int = 4) -> list[Outcome]:
    """Outcomes where sixteen layers of which none repeats the one before are best; those with two sums fail."""
    outcomes: list[Outcome] = []
    while len(outcomes) < evaluations:
        told = [Outcome(p, score(p)) for p in strategy.ask(batch)]
        strategy.tell(told)
        outcomes += told
    return outcomes


def score(proposal: Proposal) -> tuple[float, ...] | None:
    text = proposal.architecture.text
    layers = text.split(";")
    if text.count("+") > 1:
        return None
    return (sum([a != b for a, b in pairwise(layers)]) - abs(len(layers) - 16),)


def test_fewer_evaluations_than_by_chance() -> None:
    space = small_space(LAYERS)

    def best(make: type[Strategy], evaluations: int) -> float:
        runs = [searched(make(space, seed), evaluations) for seed in range(2)]
        return sum([max(o.values[0] for o in run if o.values) for run in runs]) / 2

    assert best(Bayesian, 60) >= best(RandomSearch, 600)
    assert best(Bayesian, 60) > best(Evolution, 60) + 2


def test_it_begins_with_what_is_unlike() -> None:
    space = small_space(LAYERS)
    views = Views(space)
    asked = [Bayesian(space, 0, initial=12).ask(40), RandomSearch(space, 0).ask(12)]
    # What is more than to begin with depends on outcomes.
    assert len(asked[0]) == 12
    assert all(p.move == "sample" and not p.parents for p in asked[0])
    among = distances([features(views.met(p.architecture)) for each in asked for p in each]).sum(axis=0)
    np.fill_diagonal(among, np.inf)
    unlike, drawn = among[:12, :12].min(axis=0), among[12:, 12:].min(axis=0)
    assert unlike.min() > drawn.min()
    assert unlike.mean() > 1.3 * drawn.mean()


def test_every_third_proposal_is_of_another_kind() -> None:
    space = small_space(LAYERS)
    views = Views(space)
    # One kind is best by far.
    strategy = Bayesian(space, 0)
    proposals: list[Proposal] = []
    while len(proposals) < 60:
        asked = strategy.ask(4)
        strategy.tell([Outcome(p, (-float(len({*p.architecture.text} & {*"rt+"})),)) for p in asked])
        proposals += asked
    kinds_ = [kinds(features(views.met(p.architecture))) for p in proposals]
    third = [n for n in range(28, 60) if proposals[n].id % 3 == 0]
    assert all(kinds_[n] not in kinds_[n - 8 : n] for n in third)
    others = [n for n in range(28, 60) if n not in third]
    assert sum(kinds_[n] in kinds_[n - 8 : n] for n in others) > len(others) / 2


def test_failures_are_avoided() -> None:
    space = small_space(LAYERS)
    drawn = [score(p) is None for p in RandomSearch(space, 1).ask(300)]
    outcomes = searched(Bayesian(space, 1), 60)
    late = [o.values is None for o in outcomes[30:]]
    assert sum(late) / len(late) < 0.5 * sum(drawn) / len(drawn)


def test_where_all_fail_it_goes_on() -> None:
    strategy = Bayesian(small_space(LAYERS), 0, initial=4, pool=20)
    for _ in range(6):
        strategy.tell([Outcome(p, None) for p in strategy.ask(4)])
    (proposal,) = strategy.ask(1)
    assert proposal.id == 24


def test_the_model_knows_the_best_and_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []

    class Watched(Surrogate):
        def __init__(self, known: Sequence[Features], *others: object) -> None:
            sizes.append(len(known))
            super().__init__(known, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(bayesian, "Surrogate", Watched)
    monkeypatch.setattr(bayesian, "_BEST", 6)
    monkeypatch.setattr(bayesian, "_LATEST", 5)
    strategy = Bayesian(small_space(LAYERS), 0, pool=20)
    for _ in range(10):
        strategy.tell([Outcome(p, (float(p.id % 7),)) for p in strategy.ask(4)])
    assert 6 < min(sizes) < max(sizes) <= 11


def test_kinds_are_reported() -> None:
    space = small_space(LAYERS)
    strategy = Bayesian(space, start=[space.parse(text) for text in ("4;r", "8;r;16", "t", "r;4")], initial=4)
    strategy.tell([Outcome(p, (1.0,)) for p in strategy.ask(4)])
    assert strategy.report() == {"kinds": 2}


@pytest.mark.parametrize("options", [{"initial": 0}, {"pool": 0}, {"fresh": 1.5}, {"crossover": -0.1}])
def test_options_out_of_range(options: dict[str, float]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has its own words
        Bayesian(small_space(LAYERS), 0, **options)  # type: ignore[arg-type]


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(UsageError, match="Q017"):
        Bayesian(small_space(LAYERS), 0)
