"""The shipped strategies, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.search.strategies.bayesian import Bayesian
from einsyn.search.strategies.evolution import NSGA2, Evolution, MuPlusLambda
from einsyn.search.strategies.local import LocalSearch
from einsyn.search.strategies.mcmc import MCMC
from einsyn.search.strategies.random import RandomSearch

if TYPE_CHECKING:
    from einsyn.search.strategy import Strategy

STRATEGIES: dict[str, type[Strategy]] = {
    each.name: each for each in (RandomSearch, Bayesian, Evolution, MuPlusLambda, MCMC, LocalSearch, NSGA2)
}
