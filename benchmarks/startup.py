"""Start-up of the command line, as whole processes."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Any

ROUNDS = 9
COMMANDS = {
    "einsyn --help": ["--help"],
    "einsyn sample nasbench201": ["sample", "nasbench201"],
    "einsyn sample einspace": ["sample", "einspace"],
}


def run() -> dict[str, Any]:
    """Median seconds from start to exit."""
    found: dict[str, Any] = {}
    for name, arguments in COMMANDS.items():
        times: list[float] = []
        for _ in range(ROUNDS + 1):
            start = time.perf_counter()
            subprocess.run([sys.executable, "-m", "einsyn", *arguments], check=True, capture_output=True)
            times.append(time.perf_counter() - start)
        found[f"{name} (s)"] = round(statistics.median(times[1:]), 3)
    return found
