"""Rewritten and unrewritten graphs of sampled networks of every shipped space compute the same, `make rewrites`.

    python tests/rewrite/agreement_run.py [-n 200] [--einspace 2000] [--space NAME ...] [--output FILE]

Outputs and gradients are compared in 64 bits, with random weights and running statistics, at the test profiles. Writes
a JSON record after each space, in which those that are not run this time keep what they had; exit status 1 if any
differs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import torch

import einsyn
from einsyn.testing.space_contract import check_rewritten
from einsyn.versions import versions

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "rewriting_agreement.json"


def run_one(name: str, samples: int) -> dict[str, Any]:
    """The networks of one space: how many, in how many each rule fired, and all that differ."""
    fired: Counter[str] = Counter()
    differ: list[dict[str, str]] = []
    for number, architecture in enumerate(einsyn.load(name, profile="test").sample(samples, seed=0), 1):
        fired.update(architecture.rewritten.fired.keys())
        try:
            check_rewritten(architecture)
        except Exception as error:  # whatever goes wrong with one network is a line of the result
            differ.append({"arch": architecture.text, "message": f"{type(error).__name__}: {error}"})
        if number % 50 == 0:
            print(f"{name}: {number} of {samples}, {len(differ)} differ", file=sys.stderr, flush=True)
    return {"networks": samples, "differ": differ, "networks in which a rule fired": dict(sorted(fired.items()))}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--einspace", type=int, default=2000)
    parser.add_argument("--space", action="append", default=[])
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {}
    if options.output.exists():
        found = json.loads(options.output.read_text(encoding="utf-8"))["spaces"]
    for name in options.space or einsyn.shipped_spaces():
        found[name] = run_one(name, options.einspace if name == "einspace" else options.n)
        record = {"spaces": dict(sorted(found.items())), "versions": versions()}
        options.output.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    differ = sum(len(each["differ"]) for each in found.values())
    print(f"{sum(each['networks'] for each in found.values())} networks of {len(found)} spaces, {differ} differ")
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
