"""The long fuzzing run, `make fuzz`: every shipped space at its test profile, and the space of every operation.

    python tests/fuzz/long_run.py [-n 750] [--share 40] [--space NAME ...] [--folder DIR] [--output FILE]

Torch is compared with onnxruntime on all networks, and with the ONNX reference evaluator on a share. Whatever
disagrees has to be explained by the corpus beside this file. Writes a JSON record after each space, in which those that
are not run this time keep what they had; exit status 1 if something is new. A run that was interrupted goes on where it
was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import einsyn
from einsyn.testing.every_op import every_op_space
from einsyn.testing.finding import RECORD
from einsyn.testing.fuzz import Campaign
from einsyn.testing.plan import Plan
from einsyn.testing.state import STATE
from einsyn.testing.stored import folders, read_finding
from einsyn.versions import versions

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
RESULT = HERE.parents[1] / "benchmarks" / "results" / "fuzz.json"
EVERY_OP = "every operation"
# The reference evaluator is slow: it gets small networks.
SMALL = {"max_params": 200_000, "max_macs": 1_000_000}
TIMEOUT = 120.0


def spaces(folder: Path) -> dict[str, einsyn.Space]:
    """What is run, by name."""
    text = folder / "every.lark"
    text.write_text(every_op_space(), encoding="utf-8")
    shipped = {name: einsyn.load(name, profile="test") for name in einsyn.shipped_spaces()}
    return {**shipped, EVERY_OP: einsyn.load(text)}


def explained() -> set[Any]:
    """The keys of the findings that the corpus explains."""
    return {read_finding(folder).key for folder in folders(CORPUS)} if any(CORPUS.rglob(RECORD)) else set()


def run_one(
    space: einsyn.Space, against: tuple[str, ...], n: int, folder: Path, **limits: int | None
) -> dict[str, Any]:
    """One campaign to its end; its summary, and what of it is new."""
    resume = (folder / STATE).exists()
    campaign = Campaign(space, Plan(against, timeout=TIMEOUT), folder, resume=resume, limits=limits)
    shown = time.monotonic()

    def progress(of: Campaign) -> None:
        nonlocal shown
        if time.monotonic() - shown > 30:
            shown = time.monotonic()
            print(f"{folder.name}: {of.totals.tried} of {n}, {len(of.findings)} findings", file=sys.stderr, flush=True)

    campaign.run(n, progress=progress)
    print(f"{folder.name}: {campaign.totals.tried} of {n} done, {len(campaign.findings)} findings", file=sys.stderr)
    known = explained()
    new = [finding.title for finding in campaign.findings if finding.key not in known]
    summary = campaign.summary()
    del summary["versions"]
    return {**summary, "unexplained": new, "unstable_archs": campaign.totals.unstable_archs[:20]}


def run(n: int, share: int, only: list[str], folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """The campaigns of some spaces, or of all: the name and what came of each."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, space in spaces(folder).items():
        if only and name not in only:
            continue
        place = folder / name.replace(" ", "-")
        if n:
            yield name, run_one(space, ("torch", "onnxruntime"), n, place)
        if share:
            beside = folder / f"{place.name}-reference"
            yield f"{name}, reference", run_one(space, ("torch", "reference"), share, beside, **SMALL)


def record(found: dict[str, Any]) -> dict[str, Any]:
    """What is written, of the results of all campaigns by name."""
    return {
        "networks": sum(each["tried"] for each in found.values()),
        "unexplained": [title for each in found.values() for title in each["unexplained"]],
        "runs": dict(sorted(found.items())),
        "versions": versions(),
    }


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", type=int, default=750)
    parser.add_argument("--share", type=int, default=40)
    parser.add_argument("--space", action="append", default=[])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "einsyn-fuzz")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    before = json.loads(options.output.read_text(encoding="utf-8")) if options.output.exists() else {}
    found: dict[str, Any] = before.get("runs", {})
    options.output.parent.mkdir(parents=True, exist_ok=True)
    for name, summary in run(options.n, options.share, options.space, options.folder):
        found[name] = summary
        options.output.write_text(json.dumps(record(found), indent=2) + "\n", encoding="utf-8")
    result = record(found)
    print(f"{result['networks']} networks, {len(result['unexplained'])} findings that the corpus does not explain")
    for title in result["unexplained"]:
        print(f"  {title}")
    return 1 if result["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
