"""The long fuzzing run, `make fuzz`: every shipped space at its test profile, and the space of every operation.

    python tests/fuzz/long_run.py [-n 20000] [--share 500] [--folder DIR] [--output FILE]

Torch is compared with onnxruntime on all networks, and with the ONNX reference evaluator on a share. Whatever
disagrees has to be explained by the corpus beside this file. Writes a JSON record; exit status 1 if something is new.
A run that was interrupted goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import einsyn
from einsyn.testing.every_op import every_op_space
from einsyn.testing.finding import RECORD, folders, read_finding
from einsyn.testing.fuzz import STATE, Campaign, Plan
from einsyn.testing.versions import versions

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
RESULT = HERE.parents[1] / "benchmarks" / "results" / "fuzz.json"
EVERY_OP = "every operation"
# The reference evaluator is slow: it gets small networks.
SMALL = {"max_params": 20_000, "max_macs": 300_000}
TIMEOUT = 120.0


def spaces(folder: Path) -> dict[str, einsyn.Space]:
    """What is run, by name; the share of each is equal."""
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
    known = explained()
    new = [finding.title for finding in campaign.findings if finding.key not in known]
    summary = campaign.summary()
    del summary["versions"]
    return {**summary, "unexplained": new, "unstable_archs": campaign.totals.unstable_archs[:20]}


def run(n: int, share: int, folder: Path) -> dict[str, Any]:
    """All campaigns."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, Any] = {}
    loaded = spaces(folder)
    for name, space in loaded.items():
        place = folder / name.replace(" ", "-")
        found[name] = run_one(space, ("torch", "onnxruntime"), -(-n // len(loaded)), place)
        found[f"{name}, reference"] = run_one(
            space, ("torch", "reference"), -(-share // len(loaded)), folder / f"{place.name}-reference", **SMALL
        )
    return {
        "networks": sum(each["tried"] for each in found.values()),
        "unexplained": [title for each in found.values() for title in each["unexplained"]],
        "runs": found,
        "versions": versions(),
    }


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("-n", type=int, default=20_000)
    parser.add_argument("--share", type=int, default=500)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "einsyn-fuzz")
    parser.add_argument("--output", type=Path, default=RESULT)
    options = parser.parse_args()
    result = run(options.n, options.share, options.folder)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(f"{result['networks']} networks, {len(result['unexplained'])} findings that the corpus does not explain")
    for title in result["unexplained"]:
        print(f"  {title}")
    return 1 if result["unexplained"] else 0


if __name__ == "__main__":
    sys.exit(main())
