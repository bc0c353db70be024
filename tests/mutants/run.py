"""Plants one bug after the other in a copy of einsyn and lets the strategies look for it: `make mutants`.

    python tests/mutants/run.py [NAME ...] [--seconds 60] [--jobs 2]

Each `.patch` beside this file is a bug. What was found, after how many seconds of processor time, and how many modules
the shrunk network has goes to `results.json`; runs of some patches leave the results of the others as they are.
`none` is the copy without a bug: nothing may be found in it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
RESULTS = HERE / "results.json"
CONTROL = "none"
FEW_MODULES = 4
# How long the processor time of a search and of shrinking may take on a busy machine.
PATIENCE = 20


def names() -> list[str]:
    """All planted bugs, and the control."""
    return [CONTROL, *sorted(p.stem for p in HERE.glob("*.patch"))]


def hunt(name: str, seconds: float) -> dict[str, Any]:
    """Plant one bug in a copy and run the finder there."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for part in ("einsyn", "grammars"):
            shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
        if name != CONTROL:
            env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
            command = ["git", "apply", str(HERE / f"{name}.patch")]
            env["GIT_CEILING_DIRECTORIES"] = str(copy.parent)
            if subprocess.run(command, cwd=copy, env=env, check=False).returncode:
                return {"found": False, "says": "the patch does not apply"}
        command = [sys.executable, str(HERE / "finder.py"), "--seconds", str(seconds)]
        env = {**os.environ, "PYTHONPATH": str(copy), "OMP_NUM_THREADS": "1"}
        try:
            done = subprocess.run(
                command, cwd=copy, env=env, capture_output=True, text=True, check=False, timeout=PATIENCE * seconds
            )
        except subprocess.TimeoutExpired:
            return {"found": False, "says": "the finder was stopped"}
    if done.returncode:
        return {"found": False, "says": done.stderr.strip().splitlines()[-1]}
    found = json.loads(done.stdout)
    if found["seconds"] is not None:
        found["seconds"] = round(found["seconds"], 1)
    return found


def main() -> int:
    """Run from the command line; exit status 1 if a bug escaped or the control found something."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="patches without their ending; all if none is given")
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time until a bug must be found")
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    wanted = options.names or names()
    known: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    with ThreadPoolExecutor(options.jobs) as pool:
        running = {pool.submit(hunt, name, options.seconds): name for name in wanted}
        for done in as_completed(running):
            name, result = running[done], done.result()
            known[name] = result
            shown = f"{result['modules']} modules: {result['arch']}" if result.get("found") else result.get("says", "")
            print(f"{name:50} {result.get('seconds') or '-'!s:6} {shown}", flush=True)
            RESULTS.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n", encoding="utf-8")
    bugs = {name: known[name] for name in names() if name in known and name != CONTROL}
    found = [r for r in bugs.values() if r["found"]]
    small = [r for r in found if r["modules"] <= FEW_MODULES]
    print(f"{len(bugs)} bugs: {len(found)} found, {len(small)} of them with at most {FEW_MODULES} modules")
    return 1 if len(found) < len(bugs) or known.get(CONTROL, {}).get("found") else 0


if __name__ == "__main__":
    sys.exit(main())
