"""Long chains on NAS-Bench-201 against the distribution that they are to sample, which can be enumerated there.

    python -m benchmarks.nasbench201_mcmc [STATES]

Two million states, every second step of four chains, of Metropolis-Hastings on P(tree) exp(score / 2), the score being
the validation accuracy on CIFAR-10 in percent. Compared are how often each operation stands on each edge, and how often
scores fall into twenty bins that are equally likely. Ends with an error if a total variation distance exceeds 0.01.
"""

from __future__ import annotations

import json
import sys
from bisect import bisect_right
from collections import Counter
from math import exp, fsum
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import einsyn
from benchmarks.measure import machine
from benchmarks.nasbench201_baselines import CELLS
from benchmarks.nasbench201_search import OPS, TABLE, Table
from einsyn.derivation.enumerate import derivations
from einsyn.search.choices import RandomChoices
from einsyn.search.kernel import Kernel, State, Target
from einsyn.search.mixing import effective_size, r_hat
from einsyn.search.moves import MOVES
from einsyn.search.moves.mixture import every_move
from einsyn.search.views import Views

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.search.views import View

RESULTS = Path(__file__).parent / "results" / "nasbench201_mcmc.json"
STATES = 2_000_000
CHAINS = 4
THINNING = 2
BURN_IN = 10_000
BINS = 20
BOUND = 0.01


def run(states: int = STATES) -> dict[str, Any]:
    """The distances, and how well the chains mixed."""
    space = einsyn.load("nasbench201", profile="test")
    table = Table()
    numbers = {tree: table.numbers[tree.text] for tree in derivations(space.grammar)}
    scores = table.scores[0]

    def score(view: View) -> float:
        return scores[numbers[view.tree]]

    views = Views(space)
    kernel = Kernel(every_move(views, MOVES), Target(1.0, 2.0))
    visits = [0] * len(CELLS)
    tried, accepted, traces = Counter[str](), Counter[str](), list[list[float]]()
    for chain in range(CHAINS):
        choices = RandomChoices(Random(chain))
        view = views.met(space.sample(1, seed=chain)[0])
        state, trace = State(view, score(view)), list[float]()
        for number in range(BURN_IN + THINNING * states // CHAINS):
            step = kernel.step(state, choices, score)
            state = step.state
            tried[step.move.name] += 1
            accepted[step.move.name] += step.accepted
            if number >= BURN_IN and number % THINNING == 0:
                visits[numbers[state.view.tree]] += 1
                trace.append(score(state.view))
        traces.append(trace)
    best = max(scores)
    weights = [exp((s - best) / 2) for s in scores]
    return {
        "states": sum(visits),
        "steps": sum(tried.values()),
        "total variation of operations, the largest of six edges": max(
            distance(shares(visits, [cell[edge] for cell in CELLS]), shares(weights, [cell[edge] for cell in CELLS]))
            for edge in range(6)
        ),
        "total variation of scores in twenty bins": distance(*binned(visits, weights, scores)),
        "largest difference of a share": max(
            abs(a - b)
            for edge in range(6)
            for a, b in zip(
                shares(visits, [cell[edge] for cell in CELLS]),
                shares(weights, [cell[edge] for cell in CELLS]),
                strict=True,
            )
        ),
        "accepted": {name: round(accepted[name] / count, 4) for name, count in sorted(tried.items())},
        "r_hat": r_hat(traces),
        "effective size": round(effective_size(traces)),
    }


def shares(weights: Sequence[float], groups: Sequence[int]) -> list[float]:
    """The share of the weight of each of five operations."""
    found = [0.0] * len(OPS)
    for weight, group in zip(weights, groups, strict=True):
        found[group] += weight
    total = fsum(found)
    return [each / total for each in found]


def binned(
    visits: Sequence[float], weights: Sequence[float], scores: Sequence[float]
) -> tuple[list[float], list[float]]:
    """The shares of both in bins of scores; their edges are the quantiles of the target."""
    order = sorted(range(len(scores)), key=scores.__getitem__)
    total, passed, edges = fsum(weights), 0.0, list[float]()
    for cell in order:
        passed += weights[cell]
        if len(edges) < BINS - 1 and passed >= total * (len(edges) + 1) / BINS:
            edges.append(scores[cell])
    both: tuple[list[float], list[float]] = ([0.0] * BINS, [0.0] * BINS)
    for cell, score in enumerate(scores):
        for found, given in zip(both, (visits, weights), strict=True):
            found[bisect_right(edges, score)] += given[cell]
    return [each / fsum(both[0]) for each in both[0]], [each / total for each in both[1]]


def distance(a: Sequence[float], b: Sequence[float]) -> float:
    """The total variation distance of two distributions."""
    return fsum(abs(x - y) for x, y in zip(a, b, strict=True)) / 2


def main() -> None:
    """Run, keep the result of a whole run, and fail if it is not near enough."""
    if not TABLE.exists():
        sys.exit(f"the table of NAS-Bench-201 is not at {TABLE}")
    states = int(sys.argv[1]) if len(sys.argv) > 1 else STATES
    figures = run(states)
    for what, figure in figures.items():
        print(f"{what:60} {figure}")
    if states == STATES:
        RESULTS.write_text(json.dumps({"machine": machine(), "figures": figures}, indent=2) + "\n")
    far = [what for what, figure in figures.items() if what.startswith("total") and figure > BOUND]
    if far:
        sys.exit(f"above {BOUND}: {', '.join(far)}")


if __name__ == "__main__":
    main()
