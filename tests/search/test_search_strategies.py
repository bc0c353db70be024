"""Strategies keep their contract, and do what they are named for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from move_spaces import move_space
from small_spaces import small_space

import einsyn
from einsyn.search.strategies import STRATEGIES
from einsyn.search.strategies.evolution import NSGA2, Evolution, MuPlusLambda
from einsyn.search.strategies.local import LocalSearch
from einsyn.search.strategies.mcmc import MCMC
from einsyn.search.strategies.random import RandomSearch
from einsyn.search.strategy import Draft, Outcome, Proposal, Strategy
from einsyn.testing import ContractError, check_strategy

LAYERS = """
//@ input x f32[B, d:4]
start: layer
     | layer ";" start -> seq     //@ p 0.7
layer: "r" -> relu
     | "t" -> tanh
     | W -> linear
W: "4" | "8" | "16" | "32"
"""
Values = Callable[[Proposal], tuple[float, ...] | None]


def run(strategy: Strategy, values: Values, evaluations: int, batch: int = 1) -> list[Outcome]:
    """The outcomes of a search."""
    found: list[Outcome] = []
    while len(found) < evaluations:
        asked = strategy.ask(min(batch, evaluations - len(found)))
        if not asked:
            break
        outcomes = [Outcome(p, values(p)) for p in asked]
        strategy.tell(outcomes)
        found += outcomes
    return found


def wide(proposal: Proposal) -> tuple[float, ...]:
    """Few layers that are as wide as can be."""
    return (proposal.architecture.params / 100 - proposal.architecture.size,)


# The contract asks for thousands of proposals, and a model of the scores takes its time.
QUICKER: dict[str, dict[str, int]] = {"bayesian": {"initial": 4, "pool": 30}}


@pytest.mark.parametrize("name", STRATEGIES)
def test_contract(name: str) -> None:
    check_strategy(partial(STRATEGIES[name], **QUICKER.get(name, {})), small_space(LAYERS))


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "random"])
def test_contract_where_everything_has_been_evaluated(name: str) -> None:
    space, _ = move_space("widths")
    strategy = STRATEGIES[name](space)
    found = run(strategy, lambda p: (-float(p.architecture.params),) * 2, 1000, 8)
    forms = {o.proposal.architecture.canonical for o in found}
    # Each function once, and then there is nothing left to ask for.
    assert len(forms) == len(found) == len({a.canonical for a in space.enumerate()})
    assert strategy.ask(8) == []


def test_contract_on_einspace() -> None:
    check_strategy(Evolution, "einspace")


@pytest.mark.parametrize("make", [Evolution, MuPlusLambda, LocalSearch])
def test_better_than_random(make: type[Strategy]) -> None:
    """The best of 150 evaluations, over ten seeds, is better on average than that of as many draws."""
    space = small_space(LAYERS)

    def best(make: type[Strategy]) -> float:
        return sum(max(o.values[0] for o in run(make(space, s), wide, 150, 4) if o.values) for s in range(10)) / 10

    assert best(make) > best(RandomSearch) + 5


def test_evolution_ages() -> None:
    strategy = Evolution(small_space(LAYERS), population=4, tournament=2)
    run(strategy, wide, 30)
    assert strategy.report() == {"population": [26, 27, 28, 29]}


def test_mu_plus_lambda_keeps_the_best() -> None:
    strategy = MuPlusLambda(small_space(LAYERS), population=6)
    found = run(strategy, wide, 36, 4)
    best = sorted(found, key=lambda o: (-(o.values or (0,))[0], o.proposal.id))[:6]
    assert strategy.report() == {"population": [o.proposal.id for o in best]}
    assert {p for o in found for p in o.proposal.parents} - {o.proposal.id for o in found[:6]}


def test_local_search_goes_to_the_first_improvement() -> None:
    strategy = LocalSearch(small_space(LAYERS), patience=20)
    here: Outcome | None = None
    since = climbs = 0
    for _ in range(300):
        (asked,) = strategy.ask(1)
        if asked.parents:
            assert here is not None
            assert asked.parents == (here.proposal.id,)
            since += 1
        else:
            # A new climb begins where nothing near is better.
            assert here is None or since == 20 or since < 20
            climbs, since, here = climbs + 1, 0, None
        outcome = Outcome(asked, wide(asked))
        strategy.tell([outcome])
        if here is None or (outcome.values or (0,)) > (here.values or (0,)):
            here, since = outcome, 0
    assert strategy.report() == {"climbs": climbs}
    assert climbs > 3


def test_nsga2_finds_a_front() -> None:
    """Parameters against MACs of another kind: the width of the layers against their number."""

    def values(p: Proposal) -> tuple[float, ...]:
        return float(p.architecture.params), -float(p.architecture.size)

    space = small_space(LAYERS + "//@ max_size 14\n")
    strategy = NSGA2(space, population=16)
    found = run(strategy, values, 320, 8)
    front = [found[i].values for i in strategy.report()["front"]]
    drawn = [o.values for o in run(RandomSearch(space), values, 320)]
    assert len(set(front)) > 3
    for a in front:
        assert a is not None
        assert not any(b and b[0] >= a[0] and b[1] >= a[1] and b != a for b in front)
    # Nothing drawn is better than the front; some of the front is better than everything drawn.
    assert sum(any(b and a and b != a and b[0] >= a[0] and b[1] >= a[1] for b in drawn) for a in front) <= 1
    assert max(a[0] for a in front if a) > max(b[0] for b in drawn if b)


def test_chains_visit_as_often_as_they_should() -> None:
    """Far more steps than architectures: the frequencies are those of the target."""
    from math import exp

    space, limits = move_space("brackets")
    bounds = space.bounds(limits)
    weights = {a.text: exp(a.log_prob + (a.size - a.depth) / 2.0) for a in space.enumerate(**limits)}
    strategy = MCMC(space, 1, limits=bounds, temperature=2.0, chains=4)
    # Every network is asked for once at most: the chains go on by themselves with what they know.
    found = run(strategy, lambda p: (float(p.architecture.size - p.architecture.depth),), 2000)
    assert len(found) < 60
    assert strategy.report()["score"]["r_hat"] < 1.05
    sizes = [s for chain in strategy.chains for s in chain.sizes]
    expected = sum(w * space.parse(t).size for t, w in weights.items()) / sum(weights.values())
    assert abs(sum(sizes) / len(sizes) - expected) < 0.15


def test_tempered_chains_sample_at_the_first_temperature() -> None:
    space, limits = move_space("brackets")

    def score(p: Proposal) -> tuple[float]:
        return (2.0 * p.architecture.text.count("t"),)

    strategy = MCMC(space, 1, limits=space.bounds(limits), ladder=(1.0, 3.0, 9.0))
    run(strategy, score, 2000)
    report = strategy.report()
    assert report["offered"] > 1000
    assert 0.2 < report["exchanged"] / report["offered"] < 1
    from math import exp

    weights = {a: exp(a.log_prob + 2.0 * a.text.count("t")) for a in space.enumerate(**limits)}
    expected = sum(w * 2.0 * a.text.count("t") for a, w in weights.items()) / sum(weights.values())
    scores = strategy.chains[0].scores
    assert abs(sum(scores) / len(scores) - expected) < 0.4


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (Evolution, {"population": 0}),
        (Evolution, {"tournament": 0}),
        (Evolution, {"crossover": 1.5}),
        (LocalSearch, {"patience": 0}),
        (MCMC, {"chains": 0}),
        (MCMC, {"temperature": 0.0}),
        (MCMC, {"burn_in": 1.0}),
    ],
)
def test_options_out_of_range(make: Any, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least|above 0|below 1|probability"):
        make(small_space(LAYERS), **options)


class Cheats(RandomSearch):
    """Breaks several rules: proposes what exceeds the limits, and depends on nothing it is told or seeded with."""

    def _draft(self) -> Draft:
        return Draft(self.space.parse("32;32;32"), (self._asked,), "guess")


def test_the_contract_finds_what_is_wrong() -> None:
    with pytest.raises(ContractError) as raised:
        check_strategy(Cheats, small_space(LAYERS))
    assert [f.check.split(",")[0] for f in raised.value.findings] == [
        "Proposals are numbered in order",
        "Proposals are architectures of the space within the limits of the search",
        "The same seed gives the same search",
    ]


def test_a_strategy_in_a_few_lines() -> None:
    """What people write who own the loop."""
    space = einsyn.load("nasbench201", profile="test")
    strategy = Evolution(space, seed=0, population=5)
    best = max(run(strategy, lambda p: (-float(p.architecture.macs),), 20), key=lambda o: o.values or ())
    assert best.values == (-float(best.proposal.architecture.macs),)
