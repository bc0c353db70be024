"""A search that is killed at any moment goes on, and ends as one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from small_runs import begin, carry_out, in_process, results, write_space

import einsyn
from einsyn.search.plan import fitting_options
from einsyn.search.run import STORE, Run

SLOW = """
import time

def slow(architecture, seed):
    time.sleep(0.01)
    return float(architecture.params)
"""
BUDGET = 60


def killed_again_and_again(folder: Path, moments: list[float], executor: str) -> int:
    """Start the command, kill it after so many seconds, and again; how often it was killed before it had ended."""
    kills = 0
    for moment in moments:
        command = [sys.executable, "-m", "einsyn", "search"]
        if (folder / STORE).exists() and begun(folder):
            command += ["--resume", str(folder)]
        else:
            command += ["small.lark", "--objective", "python:slow:slow", "--budget", str(BUDGET), "-o", str(folder)]
        process = subprocess.Popen(
            [*command, "--executor", executor],
            cwd=folder.parent,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        before = stored(folder)
        deadline = time.monotonic() + 60
        # Moments count from when it goes on with its work.
        while process.poll() is None and stored(folder) <= before and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moment)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
        assert stored(folder) >= before
    return kills


def begun(folder: Path) -> bool:
    try:
        Run.open_(folder).close()
    except einsyn.EinsynError:
        return False
    return True


def stored(folder: Path) -> int:
    try:
        with Run.open_(folder) as run:
            return len(results(run))
    except einsyn.EinsynError:
        return 0


@pytest.mark.parametrize(
    ("times", "executor"),
    [
        (3, "in-process"),
        pytest.param(30, "in-process", marks=pytest.mark.slow),
        pytest.param(8, "pool", marks=pytest.mark.slow),
    ],
)
def test_killed_at_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: int, executor: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    space = einsyn.load(write_space(tmp_path))
    (tmp_path / "slow.py").write_text(SLOW)
    # As the command has it.
    population = fitting_options("evolution", BUDGET)
    options: dict[str, Any] = {"strategy": "evolution", "options": population, "budget": BUDGET, "memory": 2**33}
    with begin(tmp_path / "whole", space, ["python:slow:slow"], **options) as run:
        carry_out(run, in_process(run))
        whole = results(run)
    random = Random(times)
    moments = [random.uniform(0, 0.3 / times**0.5) for _ in range(times)]
    kills = killed_again_and_again(tmp_path / "run", moments, executor)
    assert kills >= times // 2
    with Run.open_(tmp_path / "run", write=True) as run:
        before = results(run)
        assert set(before) <= set(whole)
        carry_out(run, in_process(run))
        assert results(run) == whole
