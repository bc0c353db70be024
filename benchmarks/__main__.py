"""`python -m benchmarks [NAME ...]`: run benchmarks, print their figures, keep them as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import building, deep, exporting, rewriting, sampling, searching, spaces, startup, testing
from benchmarks.measure import machine, say

BENCHMARKS = {
    "startup": startup.run,
    "sampling": sampling.run,
    "spaces": spaces.run,
    "deep": deep.run,
    "rewriting": rewriting.run,
    "building": building.run,
    "exporting": exporting.run,
    "searching": searching.run,
    "testing": testing.run,
}
RESULTS = Path(__file__).parent / "results" / "benchmarks.json"


def main(names: list[str]) -> None:
    """Run the benchmarks of these names, or all."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names or list(BENCHMARKS):
        say(f"{name} ...")
        figures = BENCHMARKS[name]()
        known[name] = {"machine": machine(), "figures": figures}
        print(f"\n{name}")
        for what, figure in figures.items():
            print(f"  {what:55} {figure}")
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(known, indent=2) + "\n")


main(sys.argv[1:])
