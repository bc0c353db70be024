"""Evaluations on a Ray cluster: the same results as without it, whatever is killed, and nothing left behind."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from said import Said
from small_runs import Fallen, Falls, begin, carry_out, in_process, pool, results, write_halves, write_space

import einsyn
from einsyn.errors import EinsynError
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training
from einsyn.search import cluster as cluster_module
from einsyn.search.cluster import Cluster
from einsyn.search.executors import Executor
from einsyn.search.plan import Plan
from einsyn.search.run import Run
from einsyn.search.store import Evaluation

with_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")

# A cluster of two cores that lasts until its input ends; it says where it is.
START = """
import sys
import ray
context = ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""

# Ray's own process is two above the one that evaluates.
FUNCTIONS = """
import os
import signal
import time

KEPT = []


def kill_rays_worker():
    status = open(f"/proc/{os.getppid()}/status").read()
    os.kill(int(status.split("PPid:")[1].split()[0]), signal.SIGKILL)
    time.sleep(600)


def lost(architecture, seed):
    once = f"lost-{architecture.hash}"
    if architecture.text.startswith("2") and not os.path.exists(once):
        open(once, "w").close()
        if architecture.size % 2:
            os.kill(os.getpid(), signal.SIGKILL)
        kill_rays_worker()
    return float(architecture.params)


def ends(architecture, seed):
    if architecture.text == "2r":
        time.sleep(600)
    if architecture.text == "4r":
        KEPT.append(bytearray(5_000_000_000))
    if architecture.text == "8r":
        kill_rays_worker()
    if architecture.text == "2t":
        return float("nan")
    return float(os.environ["OMP_NUM_THREADS"]) + len(KEPT)
"""


@pytest.fixture(scope="module", autouse=True)
def token() -> Iterator[None]:
    """Who may use the clusters here; without it Ray would keep one at home."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        yield


@pytest.fixture(scope="module")
def address(token: None) -> Iterator[str]:
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    with subprocess.Popen(
        [sys.executable, "-c", START], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(60)


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("failing", "ending"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "ending.py").write_text(FUNCTIONS)
    return einsyn.load(write_space(tmp_path))


def cluster(run: Run, address: str | None, workers: int = 2, **options: Any) -> Executor:
    plan = run.plan
    bounds = {"timeout": plan.timeout, "memory": plan.memory}
    return Cluster(run.space, run.objectives, plan.seed, address=address, workers=workers, **bounds, **options)


def statuses(found: list[Evaluation]) -> list[str]:
    return [e.status for e in found]


@with_ray
def test_the_results_are_those_of_the_pool_and_a_run_goes_on(space: einsyn.Space, tmp_path: Path, address: str) -> None:
    options = {"strategy": "evolution", "options": {"population": 4}, "budget": 13, "seed": 2}
    found: list[list[Evaluation]] = []
    with begin(tmp_path / "pool", space, ["python:failing:odd"], **options) as run:
        carry_out(run, pool(run, 2))
        found.append(results(run))
    with begin(tmp_path / "run", space, ["python:failing:odd"], **options) as run, cluster(run, address) as executor:
        with pytest.raises(Fallen):
            carry_out(run, Falls(executor, 9))
    with Run.open_(tmp_path / "run", write=True) as run:
        assert len(results(run)) >= 9
        carry_out(run, cluster(run, address, workers=1))
        found.append(results(run))
    assert found[0] == found[1]
    assert {"done", "crash", "exception", "nan"} == set(statuses(found[0]))
    assert "ray" not in sys.modules


@with_ray
def test_workers_that_are_killed_change_nothing(space: einsyn.Space, tmp_path: Path, address: str) -> None:
    options = {"strategy": "evolution", "start": ["2t", "2r;2r", "2r"], "budget": 12, "baseline": False}
    found: list[list[Evaluation]] = []
    for name in ("disturbed", "undisturbed"):
        with begin(tmp_path / name, space, ["python:ending:lost"], **options) as run:
            carry_out(run, cluster(run, address) if name == "disturbed" else in_process(run))
            found.append(results(run))
    killed = {space.parse(e.arch).hash for e in found[0] if e.arch.startswith("2")}
    assert {p.name for p in tmp_path.glob("lost-*")} == {f"lost-{hash_}" for hash_ in killed}
    assert len(killed) >= 3
    assert found[0] == found[1]


@with_ray
def test_every_end_is_recorded(space: einsyn.Space, tmp_path: Path, address: str) -> None:
    start = ["2r", "4r", "8r", "2t", "4t"]
    options = {"start": start, "budget": 5, "baseline": False, "memory": 1_000_000_000, "timeout": 3.0}
    with begin(tmp_path / "run", space, ["python:ending:ends"], **options) as run:
        carry_out(run, cluster(run, address))
        kept = results(run)
    assert statuses(kept) == ["timeout", "memory", "crash", "nan", "done"]
    assert kept[0].message == "no answer within 3 s"
    assert kept[2].message.startswith("the worker was lost twice")
    assert kept[4].values == (1.0,)


@with_ray
@pytest.mark.parametrize("inherit", [True, False])
def test_weights_and_states_are_sent_along(space: einsyn.Space, tmp_path: Path, address: str, inherit: bool) -> None:
    write_halves(120)
    space = einsyn.load(tmp_path / "small.lark")
    options: dict[str, Any] = {"options": {"population": 4, "tournament": 2}, "budget": 10, "batch": 4}
    found: list[Any] = []
    for name, executor in (("one", in_process), ("ray", lambda run: cluster(run, address))):
        plan = Plan(strategy="evolution", inherit=inherit, baseline=False, **options)
        recipe = Recipe(epochs=1) if inherit else Recipe(epochs=4, halving=2)
        with Run.create(tmp_path / name, space, plan, [Training("halves.npz", recipe)]) as run:
            carry_out(run, executor(run))
            weights = {file.name: file.read_bytes() for file in run.folder.glob("weights/*")}
            rungs = [run.store.rungs(e.arm, e.number) for e in results(run)]
            found.append((results(run), weights, [[rung[:4] for rung in each] for each in rungs]))
    assert any(e.parents for e in found[0][0])
    assert bool(found[0][1]) == inherit
    assert any(found[0][2]) != inherit
    assert found[0] == found[1]


def refused(run: Run, executor: Executor) -> EinsynError:
    with pytest.raises(EinsynError) as caught:
        carry_out(run, executor)
    assert results(run) == []
    return caught.value


@with_ray
def test_machines_that_are_unlike_are_refused(
    space: einsyn.Space, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_halves(40)
    space = einsyn.load(tmp_path / "small.lark")
    with Run.create(tmp_path / "run", space, Plan(budget=2), [Training("halves.npz", Recipe(epochs=1))]) as run:
        with monkeypatch.context() as patch:
            patch.setattr(cluster_module, "versions", lambda: {"einsyn": "9.9", "python": "3.99"})
            error = refused(run, cluster(run, address))
        assert error.code == "Q014"
        assert f"python {'.'.join(map(str, sys.version_info[:3]))} there, 3.99 here" in str(error)
        # As on a machine that has other data under that path.
        rng = np.random.default_rng(1)
        np.savez("halves.npz", x=rng.normal(size=(40, 4)), y=rng.integers(0, 2, 40))
        error = refused(run, cluster(run, address))
        assert error.code == "Q014"
        assert "train is another one here" in str(error)
        assert "digest" in str(error)


@with_ray
def test_addresses_that_do_not_answer(space: einsyn.Space, tmp_path: Path) -> None:
    with socket.socket() as mute, begin(tmp_path / "run", space, ["python:failing:plain"], budget=2) as run:
        mute.bind(("127.0.0.1", 0))
        port = mute.getsockname()[1]
        # Nobody listens; somebody does and says nothing.
        assert "nothing answers" in str(refused(run, cluster(run, f"127.0.0.1:{port}")))
        mute.listen(64)
        error = refused(run, cluster(run, f"127.0.0.1:{port}", patience=5.0))
        assert error.code == "Q013"
        assert "does not answer within 5 s" in str(error)
        assert "is no address" in str(refused(run, cluster(run, "nonsense")))


def test_it_is_an_extra(space: einsyn.Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_module, "find_spec", lambda name: None)
    with begin(tmp_path / "run", space, ["params"], budget=2) as run:
        with pytest.raises(EinsynError) as caught:
            cluster(run, None)
        assert caught.value.code == "B001"
        assert "einsyn[ray]" in str(caught.value)


def test_an_address_is_of_ray(space: einsyn.Space, capfd: pytest.CaptureFixture[str]) -> None:
    said = Said(capfd)
    assert said("search", "small.lark", "--objective", "params", "--address", "auto") == 2
    assert said.err.startswith("error[U000]: --address needs --executor ray")


def begun_here(folder: Path) -> set[int]:
    """The processes that work in a folder, this one left out."""
    found: set[int] = set()
    for process in Path("/proc").iterdir():
        try:
            if process.name.isdecimal() and (process / "cwd").readlink() == folder:
                found.add(int(process.name))
        except OSError:
            continue
    return found - {os.getpid()}


@with_ray
def test_ctrl_c_leaves_nothing_behind(space: einsyn.Space, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text("import time\n\ndef slow(a, s):\n    time.sleep(0.5)\n    return 1.0\n")
    command = [sys.executable, "-m", "einsyn", "search", "small.lark", "--objective", "python:slow:slow", "-o", "run"]
    with subprocess.Popen(
        [*command, "--executor", "ray", "--workers", "2", "--budget", "500"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    ) as process:
        deadline = time.monotonic() + 200
        while not kept(tmp_path / "run") and time.monotonic() < deadline:
            time.sleep(0.2)
        assert len(begun_here(tmp_path)) > 5
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "ray" not in err.lower()
    deadline = time.monotonic() + 60
    while begun_here(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert begun_here(tmp_path) == set()


def kept(folder: Path) -> int:
    try:
        with Run.open_(folder) as run:
            return len(results(run))
    except EinsynError:
        return 0
