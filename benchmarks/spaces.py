"""Sampling every shipped space at its test profile: milliseconds of processor time for one architecture."""

from __future__ import annotations

import statistics
import time
from typing import Any

import einsyn
from einsyn.cli.main import collect_rarely
from einsyn.shipped import shipped_spaces

ROUNDS = 5
DRAWS = 60
# Draws that come before, so that what is worked out once for a space is not charged to one round.
WARM_UP = 20


def run() -> dict[str, Any]:
    """By space: the median of the rounds' medians, the slowest round's median, and the share of draws accepted.

    An architecture comes with its record: text, log_prob, params, macs, output and hash. Rejected draws are part of
    its time. The garbage collector is set as the command sets it.
    """
    collect_rarely()
    samplers = {name: einsyn.load(name, profile="test").sampler(seed=0) for name in shipped_spaces()}
    medians: dict[str, list[float]] = {name: [] for name in samplers}
    for sampler in samplers.values():
        for _ in range(WARM_UP):
            next(sampler).record()
    for _ in range(ROUNDS):
        for name, sampler in samplers.items():
            times: list[float] = []
            for _ in range(DRAWS):
                start = time.process_time()
                next(sampler).record()
                times.append(time.process_time() - start)
            medians[name].append(1000 * statistics.median(times))
    return {
        name: {
            "median (ms)": round(statistics.median(found), 2),
            "slowest round (ms)": round(max(found), 2),
            "acceptance": round(samplers[name].acceptance, 3),
        }
        for name, found in medians.items()
    }
