"""The full check of sampled einspace networks, `make einspace`: every sample builds, runs and is as predicted.

    python tests/spaces/full_run.py [--samples 10000] [--onnx 1000] [--seed 0] [--output FILE]

Writes a JSON record with counts, every failure, and the versions it ran with; exit status 1 if anything failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import einsyn
from einsyn import Architecture
from einsyn.testing.space_contract import check_model, check_module, check_text

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "einspace_full.json"
MOST_UNSTABLE = 0.01


def run(samples: int, with_onnx: int, seed: int) -> dict[str, Any]:
    """Draw and check; every failure is listed with the architecture that it concerns."""
    import onnx
    import onnxruntime
    import torch

    torch.set_num_threads(2)
    space = einsyn.load("einspace")
    started = time.perf_counter()
    drawn = space.sample(samples, seed=seed)
    sampling = time.perf_counter() - started
    lines = "\n".join(json.dumps(a.record()) for a in drawn).encode()
    again = "\n".join(json.dumps(a.record()) for a in space.sample(samples, seed=seed)).encode()
    failures: list[dict[str, str]] = []
    unstable: list[str] = []
    if lines != again:
        failures.append({"check": "determinism", "arch": "", "message": "two runs with one seed differ"})

    def attempt(name: str, check: Any, architecture: Architecture) -> Any:
        try:
            return check(architecture)
        except Exception as error:  # whatever goes wrong with one network is a line of the result
            failures.append({"check": name, "arch": architecture.text, "message": f"{type(error).__name__}: {error}"})
            return None

    for i, architecture in enumerate(drawn):
        attempt("text", check_text, architecture)
        attempt("torch", check_module, architecture)
        if i < with_onnx and attempt("onnx", check_model, architecture) is False:
            unstable.append(architecture.text)
        if (i + 1) % 500 == 0:
            print(f"{i + 1} of {samples}, {len(failures)} failures", file=sys.stderr, flush=True)
    return {
        "space": "einspace",
        "input": [f"{name} {t}" for name, t in space.inputs],
        "seed": seed,
        "samples": samples,
        "with_onnx": min(with_onnx, samples),
        "failures": failures,
        "unstable": unstable,
        "sha256": hashlib.sha256(lines).hexdigest(),
        "distinct": len({a.hash for a in drawn}),
        "params": {"median": sorted(a.params for a in drawn)[samples // 2], "max": max(a.params for a in drawn)},
        "size": {"median": sorted(a.size for a in drawn)[samples // 2], "max": max(a.size for a in drawn)},
        "seconds": {"sampling": round(sampling, 2), "all": round(time.perf_counter() - started, 1)},
        "versions": {
            "python": platform.python_version(),
            "einsyn": einsyn.__version__,
            "torch": torch.__version__,
            "onnx": onnx.__version__,
            "onnxruntime": onnxruntime.__version__,
        },
    }


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--onnx", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    result = run(options.samples, options.onnx, options.seed)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    failed, unstable = len(result["failures"]), len(result["unstable"])
    print(f"{result['samples']} networks, {result['with_onnx']} as ONNX: {failed} failures, {unstable} unstable")
    return 1 if failed or unstable > MOST_UNSTABLE * max(1, result["with_onnx"]) else 0


if __name__ == "__main__":
    sys.exit(main())
