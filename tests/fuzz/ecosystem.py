"""What generated networks find in the tools around: so many minutes for each, `make ecosystem`.

    python tests/fuzz/ecosystem.py [--minutes 10] [--system NAME ...] [--folder DIR] [--output FILE]

Networks are chains of every registered operation. The levels of optimisation of onnxruntime are compared with
onnxruntime without any, `torch.compile` with torch, gradients included, and for the tools that take and give ONNX what
onnxruntime makes of a model before and after. Whatever disagrees has to be explained by the corpus beside this file.
Writes a JSON record, in which systems that are not run this time keep what they had; exit status 1 if something is new.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from long_run import HERE, explained

import einsyn
from einsyn.testing.every_op import every_op_space
from einsyn.testing.fuzz import Campaign
from einsyn.testing.plan import Plan

RESULT = HERE.parents[1] / "benchmarks" / "results" / "ecosystem.json"


@dataclass(frozen=True)
class System:
    """A tool under test.

    Args:
        against: the reference, and the ways to run the tool.
        packages: those whose versions are recorded beside einsyn's own.
        max_tests: derivations tried to shrink one failure.
        limits: what networks may cost.
    """

    against: tuple[str, ...]
    packages: tuple[str, ...] = ()
    max_tests: int = 1_000
    limits: dict[str, int | None] = field(default_factory=dict[str, "int | None"])


SYSTEMS = {
    "onnxruntime-levels": System(("onnxruntime-off", "onnxruntime-basic", "onnxruntime-extended", "onnxruntime")),
    # Seconds a network: few and small ones, and little shrinking.
    "torch-compile": System(("torch", "compile"), max_tests=40, limits={"max_ops": 8, "max_params": 20_000}),
    "onnx-shape-inference": System(("onnxruntime-off", "systems:inferred")),
    "onnx-version-converter": System(("onnxruntime-off", "systems:upgraded", "systems:downgraded")),
    "onnxslim": System(("onnxruntime-off", "systems:slimmed"), packages=("onnxslim",)),
    "onnxsim": System(("onnxruntime-off", "systems:simplified"), packages=("onnxsim",)),
}
TIMEOUT = 60.0


def run_one(name: str, minutes: float, folder: Path) -> dict[str, Any]:
    """One system; the summary of its campaign, and what of it is new."""
    system = SYSTEMS[name]
    place = folder / name
    space = folder / "every.lark"
    space.parent.mkdir(parents=True, exist_ok=True)
    space.write_text(every_op_space(), encoding="utf-8")
    plan = Plan.of(system.against, timeout=TIMEOUT, max_tests=system.max_tests, packages=system.packages)
    campaign = Campaign(einsyn.load(space), plan, place, limits=system.limits)
    shown = time.monotonic()

    def progress(of: Campaign) -> None:
        nonlocal shown
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            print(f"{name}: {of.totals.tried} networks, {len(of.findings)} findings", file=sys.stderr, flush=True)

    campaign.run(seconds=60 * minutes, progress=progress)
    known = explained()
    new = [finding.title for finding in campaign.findings if finding.key not in known]
    return {"minutes": minutes, **campaign.summary(), "unexplained": new}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--system", action="append", choices=list(SYSTEMS), default=[])
    parser.add_argument("--folder", type=Path, help="a new one where findings go")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    # Threads of a compiler would outlive a network that is ended.
    os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")
    folder = options.folder or Path(tempfile.mkdtemp(prefix="einsyn-ecosystem-"))
    record: dict[str, Any] = json.loads(options.output.read_text("utf-8")) if options.output.exists() else {}
    for name in options.system or SYSTEMS:
        record[name] = run_one(name, options.minutes, folder)
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(json.dumps(dict(sorted(record.items())), indent=2) + "\n", encoding="utf-8")
    unexplained = [title for each in record.values() for title in each["unexplained"]]
    print(f"{sum(each['tried'] for each in record.values())} networks, findings in {folder}")
    for title in unexplained:
        print(f"not explained by the corpus: {title}")
    return 1 if unexplained else 0


if __name__ == "__main__":
    sys.exit(main())
