"""What a search costs beside its evaluations: proposing, type-checking, finding repeats, storing."""

from __future__ import annotations

import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import einsyn
from einsyn.evaluate.named import objective_of
from einsyn.search.driver import Driver
from einsyn.search.executors import InProcess
from einsyn.search.plan import Plan
from einsyn.search.run import Run

BUDGET = {"random": 3_000, "evolution": 400}
LONG = 100_000
PART = 10_000


def run() -> dict[str, Any]:
    """Evaluations a second of processor time with an objective that costs nothing, and a run of 100,000."""
    found: dict[str, Any] = {}
    for space in ("nasbench201", "einspace"):
        for strategy, budget in BUDGET.items():
            rates, _ = _rates(space, strategy, budget, budget)
            found[f"{space}, {strategy}: evaluations/s"] = round(rates[0])
    rates, grown = _rates("einspace", "random", LONG, PART)
    found[f"einspace, random, {LONG:,} stored: first {PART:,}, evaluations/s"] = round(rates[0])
    found[f"einspace, random, {LONG:,} stored: last {PART:,}, evaluations/s"] = round(rates[-1])
    found[f"einspace, random, {LONG:,} stored: memory grown after the first {PART:,} (MiB)"] = round(grown / 2**20)
    return found


def _rates(space: str, strategy: str, budget: int, part: int) -> tuple[list[float], int]:
    """Evaluations a second of each part of a run, and the bytes that the process grew after the first."""
    with TemporaryDirectory() as folder:
        plan = Plan(strategy=strategy, budget=budget, baseline=False)
        with Run.create(Path(folder), einsyn.load(space), plan, [objective_of("max:params")]) as opened:
            driver = Driver(opened, InProcess(opened.objectives, 0))
            rates: list[float] = []
            first = 0
            for done in range(part, budget + 1, part):
                begun = time.process_time()
                driver.go(done)
                rates.append(part / (time.process_time() - begun))
                first = first or _most_memory()
            return rates, _most_memory() - first


def _most_memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
