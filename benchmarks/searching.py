"""What a search costs beside its evaluations: proposing, type-checking, finding repeats, storing."""

from __future__ import annotations

import gc
import os
import sys
import time
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import einsyn
from benchmarks.measure import say
from einsyn.cli.main import collect_rarely
from einsyn.evaluate.named import objective_of
from einsyn.search.driver import Driver
from einsyn.search.executors import InProcess
from einsyn.search.plan import Plan
from einsyn.search.run import Run

if TYPE_CHECKING:
    from collections.abc import Generator

    from einsyn.architecture import Architecture

# Without pressure, and towards the largest networks there are.
OBJECTIVES = {"values at random": "python:benchmarks.searching:at_random", "most parameters": "max:params"}
BUDGET = {"random": 3_000, "evolution": 1_000}
LONG = 100_000
PARTS = 10


class Part(NamedTuple):
    """A part of a run.

    Args:
        rate: evaluations a second of processor time.
        memory: bytes of the process at its end.
    """

    rate: float
    memory: int


def at_random(architecture: Architecture, seed: int) -> float:
    """A number that says nothing of an architecture."""
    return int(architecture.hash, 16) / 2**64


def run() -> dict[str, Any]:
    """Evaluations a second of processor time with an objective that costs nothing, and long runs."""
    found: dict[str, Any] = {}
    for space in ("nasbench201", "einspace"):
        for strategy, budget in BUDGET.items():
            for said, objective in OBJECTIVES.items():
                (part,) = _parts(space, strategy, objective, budget, 1)
                found[f"{space}, {strategy}, {said}: evaluations/s"] = round(part.rate)
    for strategy in BUDGET:
        found |= long_run("einspace", strategy, LONG)
    return found


def long_run(space: str, strategy: str, budget: int) -> dict[str, Any]:
    """Rate and memory by parts of a run that stores many evaluations."""
    parts = _parts(space, strategy, OBJECTIVES["values at random"], budget, PARTS)
    grown = [round((b.memory - a.memory) / 2**20) for a, b in pairwise(parts)]
    name = f"{space}, {strategy}, {budget:,} stored in {PARTS} parts"
    return {
        f"{name}: evaluations/s by part": [round(p.rate) for p in parts],
        f"{name}: memory at the end of the first part (MiB)": round(parts[0].memory / 2**20),
        f"{name}: memory grown in each further part (MiB)": grown,
    }


def _parts(space: str, strategy: str, objective: str, budget: int, count: int) -> list[Part]:
    """A run in equal parts."""
    with TemporaryDirectory() as folder, _as_the_command():
        plan = Plan(strategy=strategy, budget=budget, baseline=False)
        with Run.create(Path(folder), einsyn.load(space), plan, [objective_of(objective)]) as opened:
            driver = Driver(opened, InProcess(opened.objectives, 0))
            found: list[Part] = []
            for number in range(1, count + 1):
                begun = time.process_time()
                driver.go(number * budget // count)
                rate = budget / count / (time.process_time() - begun)
                found.append(Part(rate, _memory()))
                say(f"{space}, {strategy}: {number * budget // count:,} of {budget:,}")
            return found


@contextmanager
def _as_the_command() -> Generator[None]:
    """Collect garbage as rarely as `einsyn search` does."""
    before = gc.get_threshold()
    collect_rarely()
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def _memory() -> int:
    """The bytes of memory that the process has now."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    # `python -m benchmarks.searching SPACE STRATEGY BUDGET`: one long run of a size that can be afforded.
    for what, figure in long_run(sys.argv[1], sys.argv[2], int(sys.argv[3])).items():
        print(f"{what}: {figure}")
