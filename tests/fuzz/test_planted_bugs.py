"""Bugs planted in a stand-in for somebody's runtime: found, isolated, shrunk, and shown again without einsyn."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import planted
import pytest

import einsyn
from einsyn.testing.fuzz import Campaign
from einsyn.testing.plan import Plan
from einsyn.testing.replay import replay
from einsyn.testing.stored import folders, read_finding

# Function, what it does, operations to blame, networks that are tried.
BUGS = [
    ("refusing", "exception", ("abs",)),
    ("wrong", "values", ("avg_pool",)),
    ("crashing", "crash", ("max_pool", "sigmoid")),
    ("hanging", "hang", ("leaky_relu",)),
]
MODULES = 4


# Each restarts its process, or runs what differs with noise, many times: all but the first are for `make full`. What
# computes something else is also found by docs/how-to/fuzz-a-runtime.md, which is run.
@pytest.mark.parametrize(
    ("function", "kind", "ops"), [BUGS[0], *[pytest.param(*bug, marks=pytest.mark.slow) for bug in BUGS[1:]]]
)
def test_found_shrunk_and_reproduced(
    function: str, kind: str, ops: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    space = einsyn.load(planted.write(tmp_path))
    name = f"planted:{function}"
    campaign = Campaign(space, Plan.of([name], timeout=2.0), tmp_path / "found", limits={"max_size": 16})
    (finding,) = campaign.run(25)
    assert (finding.oracle, finding.kind, finding.ops) == (name, kind, ops)
    assert finding.reproducible
    assert finding.operations <= MODULES
    assert campaign.totals.agreed > 0  # the run went on

    (folder,) = folders(tmp_path / "found")
    assert read_finding(folder) == campaign.findings[0]
    assert "einsyn" not in (folder / "reproduce.py").read_text().split('"""')[2]
    # einsyn cannot be imported there, and nothing is left of this process.
    away = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    (tmp_path / "einsyn.py").write_text("raise ImportError('einsyn is not needed here')\n")
    command = [sys.executable, str(folder / "reproduce.py")]
    done = subprocess.run(command, cwd=tmp_path, env=away, capture_output=True, text=True, check=False)
    (tmp_path / "einsyn.py").unlink()
    assert done.returncode == 0, done.stdout + done.stderr

    assert [each.status for each in replay(tmp_path / "found", [name])] == ["fails"]
    # The runtime is repaired: script and replay say that it does not happen any more.
    fixed = planted.RUNTIME + f"\n\ndef {function}(data, inputs):\n    return run(data, inputs)\n"
    (tmp_path / "planted.py").write_text(fixed)
    done = subprocess.run(command, cwd=tmp_path, env=away, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert [each.status for each in replay(tmp_path / "found", [name])] == ["fixed"]


def test_a_runtime_that_takes_all_memory_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = einsyn.load(planted.write(tmp_path))
    campaign = Campaign(space, Plan.of(["planted:hungry"], timeout=20.0, memory=1 << 30), tmp_path / "found")
    (finding,) = campaign.run(15)
    assert (finding.kind, finding.ops, finding.memory) == ("memory", ("tanh",), 1 << 30)
    # Script and replay have the same bound: they do not take all memory either.
    (folder,) = folders(tmp_path / "found")
    command = [sys.executable, str(folder / "reproduce.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "planted:hungry: an exception"), done.stderr
    assert [each.status for each in replay(tmp_path / "found", ["planted:hungry"])] == ["fails"]


def test_a_replay_imports_no_function_that_was_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = einsyn.load(planted.write(tmp_path))
    Campaign(space, Plan.of(["planted:refusing"], timeout=20.0), tmp_path / "found").run(15)
    (tmp_path / "planted.py").write_text("open('ran', 'w')\n")
    (again,) = replay(tmp_path / "found")
    assert again.status == "skipped"
    assert not (tmp_path / "ran").exists()
