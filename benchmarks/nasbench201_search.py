"""Sample efficiency on NAS-Bench-201: the shipped strategies against minimal ones written for the table.

    python -m benchmarks.nasbench201_search [STRATEGY ...]

A search evaluates 100 cells; the score of a cell is the validation accuracy of its first seed after 200 epochs.
Reported is the mean test accuracy of the best cell found, over repeats that are paired by their seed; dear strategies
have fewer of them, and so have the baselines that they are compared with. The shipped strategies see the space as any
other: a grammar, and architectures to be scored. They search it with one cell a stage, which changes no derivation, and
which networks are equal neither, and makes networks that are built faster.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import einsyn
from benchmarks.measure import machine, say
from benchmarks.nasbench201_baselines import CELLS, evolution, local_search, random_search
from einsyn.search.strategies import STRATEGIES
from einsyn.search.strategy import Outcome
from einsyn.search.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from einsyn.architecture import Architecture
    from einsyn.search.strategy import Strategy

TABLE = Path(__file__).parents[2] / "shared" / "reference" / "nb201.npz"
RESULTS = Path(__file__).parent / "results" / "nasbench201_search.json"
BUDGET = 100
REPEATS = 1000
# A search of these takes ten seconds, one of the others some hundredths.
FEWER = {"bayesian": 24}
BASELINES = {"random": random_search, "minimal evolution": evolution, "minimal local search": local_search}
OPS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")


class Table:
    """The cells of the space by their text, with what is known of each."""

    def __init__(self, file: Path = TABLE) -> None:
        import numpy as np

        with np.load(file, allow_pickle=False) as table:
            assert tuple(table["op_names"]) == OPS
            rows = [tuple(row) for row in table["ops"].tolist()]
            order = [rows.index(cell) if rows[i] != cell else i for i, cell in enumerate(CELLS)]
            self.names: list[str] = [str(name) for name in table["datasets"]]
            self.scores: list[list[float]] = table["val200_seeds"][:, order, 0].tolist()
            self.tests: list[list[float]] = table["test200_mean"][:, order].tolist()
        form = "|{}~0|+|{}~0|{}~1|+|{}~0|{}~1|{}~2|"
        self.numbers = {form.format(*[OPS[op] for op in cell]): number for number, cell in enumerate(CELLS)}
        # Architectures that have been met, so that each is elaborated once in thousands of searches.
        self._held: dict[str, tuple[Architecture, int]] = {}

    def number(self, architecture: Architecture) -> int:
        """The number of a cell."""
        text = architecture.text
        if text not in self._held:
            self._held[text] = architecture, self.numbers[text]
        return self._held[text][1]


def searched(strategy: Strategy, table: Table, scores: Sequence[float]) -> list[int]:
    """The cells that a shipped strategy evaluates."""
    found: list[int] = []
    while len(found) < BUDGET:
        (proposal,) = strategy.ask(1)
        number = table.number(proposal.architecture)
        strategy.tell([Outcome(proposal, (scores[number],))])
        found.append(number)
    return found


def run(strategies: Sequence[str], repeats: int = REPEATS) -> dict[str, Any]:
    """Mean test accuracy by data set and strategy, with standard errors, and paired differences to the baselines."""
    table = Table()
    space = einsyn.load("nasbench201", profile="test")
    views = Views(space)
    searches: dict[str, Callable[[int, Sequence[float]], list[int]]] = {}
    for name, baseline in BASELINES.items():
        searches[name] = lambda seed, scores, search=baseline: search(Random(seed), scores, BUDGET)
    for name in strategies:
        searches[f"einsyn {name}"] = lambda seed, scores, name=name: searched(
            STRATEGIES[name](space, seed, views=views), table, scores
        )
    chosen: dict[str, dict[str, list[float]]] = {}
    for name, search in searches.items():
        start = time.process_time()
        for data, scores, tests in zip(table.names, table.scores, table.tests, strict=True):
            found = [max(search(seed, scores), key=scores.__getitem__) for seed in range(repeats)]
            chosen.setdefault(data, {})[name] = [tests[cell] for cell in found]
        say(f"{name}: {time.process_time() - start:.0f} s")
    return {data: summary(by_name) for data, by_name in chosen.items()}


def summary(chosen: dict[str, list[float]]) -> dict[str, Any]:
    """Means, and for each shipped strategy how far it is above the baselines, in standard errors of the difference."""
    means = {name: statistics.fmean(values) for name, values in chosen.items()}
    best = max(BASELINES, key=lambda name: means[name])
    found: dict[str, Any] = {}
    for name, values in chosen.items():
        row = {"repeats": len(values), "mean": round(means[name], 3), "standard error": round(error(values), 4)}
        found[name] = row
        if name not in BASELINES:
            for what, other in (("best baseline", best), ("minimal evolution", "minimal evolution")):
                differences = [a - b for a, b in zip(values, chosen[other], strict=True)]
                above = statistics.fmean(differences)
                found[name][f"above {what}"] = round(above, 3)
                found[name][f"above {what}, in standard errors"] = round(above / error(differences), 1)
    return found


def error(values: Sequence[float]) -> float:
    """The standard error of the mean."""
    return statistics.stdev(values) / len(values) ** 0.5


def main() -> None:
    """Run some strategies, or all for one objective, and keep the result beside what is known of the others."""
    if not TABLE.exists():
        sys.exit(f"the table of NAS-Bench-201 is not at {TABLE}")
    names = sys.argv[1:] or [name for name, each in STRATEGIES.items() if not each.several]
    known = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else {}
    for repeats in sorted({FEWER.get(name, REPEATS) for name in names}):
        figures = run([name for name in names if FEWER.get(name, REPEATS) == repeats], repeats)
        keep(known, figures)
    RESULTS.write_text(json.dumps({"machine": machine(), "figures": known}, indent=2) + "\n")


def keep(known: dict[str, Any], figures: dict[str, Any]) -> None:
    """Say what was found and take it into what is known, but for baselines of fewer repeats than those that are."""
    for data, by_name in figures.items():
        print(data)
        for name, row in by_name.items():
            print(f"  {name:22} " + "  ".join(f"{what} {figure}" for what, figure in row.items()))
        before = known.setdefault(data, {})
        for name, row in by_name.items():
            if name not in BASELINES or name not in before or before[name]["repeats"] <= row["repeats"]:
                before[name] = row


if __name__ == "__main__":
    main()
