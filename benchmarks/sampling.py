"""Sampling einspace against a lean sampler written by hand for its grammar alone."""

from __future__ import annotations

import statistics
import time
from typing import Any

import einsyn
from benchmarks.lean_sampler import Sampler as LeanSampler

DRAWS = 2000
ROUNDS = 7


def run() -> dict[str, Any]:
    """Accepted architectures a second of processor time, of both in turn.

    Ours come with text, log_prob, params, macs, output and hash.
    """
    space = einsyn.load("einspace")
    ours_sampler = space.sampler(seed=0)
    lean_sampler = LeanSampler(0)
    tried = 0

    def ours() -> float:
        start = time.process_time()
        for _ in range(DRAWS):
            next(ours_sampler).record()
        return DRAWS / (time.process_time() - start)

    def lean() -> float:
        nonlocal tried
        accepted = 0
        start = time.process_time()
        while accepted < DRAWS:
            tried += 1
            try:
                lean_sampler.draw()
            except (ValueError, TypeError):
                continue
            accepted += 1
        return DRAWS / (time.process_time() - start)

    ours(), lean()
    rates = [(ours(), lean()) for _ in range(ROUNDS)]
    return {
        "einsyn accepted/s": round(statistics.median(a for a, _ in rates)),
        "lean accepted/s": round(statistics.median(b for _, b in rates)),
        "ratio": round(statistics.median(a / b for a, b in rates), 3),
        "einsyn acceptance": round(ours_sampler.acceptance, 4),
        "lean acceptance": round(DRAWS * (ROUNDS + 1) / tried, 4),
    }
