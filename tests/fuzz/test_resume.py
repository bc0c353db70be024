"""A run that was interrupted anywhere and goes on is the run that was never interrupted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import planted
import pytest

import einsyn
from einsyn.errors import FileError
from einsyn.testing import fuzz
from einsyn.testing.case import Case
from einsyn.testing.finding import FILES, RECORD
from einsyn.testing.fuzz import Campaign
from einsyn.testing.judge import InProcess
from einsyn.testing.oracles import Results
from einsyn.testing.outcome import Outcome
from einsyn.testing.plan import Plan
from einsyn.testing.state import STATE
from einsyn.testing.stored import folders

NETWORKS = 18
CHECKPOINT = 5
PLAN = Plan(("torch", "onnxruntime", "reference"), seed=5, max_tests=40)
LIMITS = {"max_size": 10}


class Killed(BaseException):
    """The process is gone: nobody is left to save anything."""


class Stand(InProcess):
    """In place of the child process: two oracles with a bug each, in this process, which may be stopped at any call.

    Args:
        script: `at`, the number of the call that raises `error`, and the number of `calls` so far.
    """

    def __init__(self, script: dict[str, Any]) -> None:
        self.script = script

    def __call__(self, *_: object) -> Stand:
        return self

    def __enter__(self) -> Stand:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def stop(self) -> None:
        pass

    def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
        number = self.script["calls"]
        self.script["calls"] += 1
        if number == self.script["at"]:
            raise self.script["error"]
        found = super().run(case, names, gradients=gradients)
        if "onnxruntime" in found and b"AveragePool" in case.model:
            wrong = [2 * array + 1 for array in found["onnxruntime"].outputs]
            found["onnxruntime"] = Outcome.of(Results(wrong, {}))
        if "reference" in found and b"LeakyRelu" in case.model:
            found["reference"] = Outcome("exception", exception="Refused", message="no LeakyRelu here")
        return found


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> einsyn.Space:
    return einsyn.load(planted.write(tmp_path_factory.mktemp("space")))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made: dict[str, Any] = {"at": None, "error": None, "calls": 0}
    monkeypatch.setattr(fuzz, "Child", Stand(made))
    monkeypatch.setattr(fuzz, "_CHECKPOINT", CHECKPOINT)
    return made


def files(folder: Path) -> dict[str, bytes]:
    """Every file by its path; of archives the arrays, because they have times in them."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".npz":
            with np.load(path) as file:
                found[str(path.relative_to(folder))] = b"".join(file[name].tobytes() for name in file.files)
        elif path.is_file():
            found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def test_interrupted_anywhere_and_resumed(space: einsyn.Space, script: dict[str, Any], tmp_path: Path) -> None:
    whole = Campaign(space, PLAN, tmp_path / "whole", limits=LIMITS)
    expected = whole.run(NETWORKS)
    calls = script["calls"]
    assert {(f.oracle, f.kind, f.ops) for f in expected} == {
        ("onnxruntime", "values", ("avg_pool",)),
        ("reference", "exception", ("leaky_relu",)),
    }
    assert all(finding.seen > 1 for finding in expected)
    assert whole.totals.tried == NETWORKS

    went_on_from: set[tuple[str, int]] = set()
    for number, at in enumerate((1, calls // 3, 2 * calls // 3, calls - 1)):
        for error in (KeyboardInterrupt(), Killed()):
            folder = tmp_path / f"{number}-{type(error).__name__}"
            script.update(at=at, error=error, calls=0)
            with pytest.raises(type(error)):
                Campaign(space, PLAN, folder, limits=LIMITS).run(NETWORKS)
            script.update(at=None)
            # What stands there is whole: either a finding or nothing.
            assert all((place / RECORD).exists() for place in folder.iterdir() if place.is_dir())
            going_on = (folder / STATE).exists()
            resumed = Campaign(space, PLAN, folder, resume=going_on, limits=LIMITS)
            went_on_from.add((type(error).__name__, resumed.totals.tried))
            assert resumed.run(NETWORKS) == expected
            assert resumed.totals == whole.totals
            assert files(folder) == files(tmp_path / "whole")
    # Whoever interrupts loses the network in hand, and a process that is killed what came since the last checkpoint.
    assert ("KeyboardInterrupt", NETWORKS - 1) in went_on_from
    assert ("Killed", NETWORKS - 1 - (NETWORKS - 1) % CHECKPOINT) in went_on_from


def test_going_on_with_what_is_complete_does_nothing(
    space: einsyn.Space, script: dict[str, Any], tmp_path: Path
) -> None:
    before = Campaign(space, PLAN, tmp_path / "run", limits=LIMITS)
    before.run(10)
    kept, calls = files(tmp_path / "run"), script["calls"]
    again = Campaign(space, PLAN, tmp_path / "run", resume=True, limits=LIMITS)
    assert again.run(10) == before.findings
    assert script["calls"] == calls
    assert files(tmp_path / "run") == kept
    longer = Campaign(space, PLAN, tmp_path / "run", resume=True, limits=LIMITS)
    longer.run(NETWORKS)
    whole = Campaign(space, PLAN, tmp_path / "whole", limits=LIMITS)
    whole.run(NETWORKS)
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_an_interruption_while_a_finding_is_written_leaves_none(
    space: einsyn.Space, script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Campaign(space, PLAN, tmp_path / "whole", limits=LIMITS)
    whole.run(NETWORKS)
    for error in (KeyboardInterrupt(), OSError(28, "No space left on device")):
        folder = tmp_path / type(error).__name__

        def full(*_: object, error: BaseException = error, **__: object) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(np, "savez", full)
            with pytest.raises((KeyboardInterrupt, FileError)):
                Campaign(space, PLAN, folder, limits=LIMITS).run(NETWORKS)
        assert [path for path in folder.rglob("*") if path.name != STATE] == []
        resumed = Campaign(space, PLAN, folder, resume=(folder / STATE).exists(), limits=LIMITS)
        resumed.run(NETWORKS)
        assert files(folder) == files(tmp_path / "whole")


def test_files_of_others_stay_where_a_finding_was_given_up(
    space: einsyn.Space, script: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Campaign(space, PLAN, tmp_path / "whole", limits=LIMITS).run(NETWORKS)
    first = next(folders(tmp_path / "whole")).name
    place = tmp_path / "run" / first
    place.mkdir(parents=True)
    (place / "notes.txt").write_text("mine")

    def full(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(KeyboardInterrupt):
        Campaign(space, PLAN, tmp_path / "run", limits=LIMITS).run(NETWORKS)
    assert [path.name for path in place.iterdir()] == ["notes.txt"]


def test_another_run_is_not_gone_on_with(space: einsyn.Space, script: dict[str, Any], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    Campaign(space, PLAN, folder, limits=LIMITS).run(4)
    kept = files(folder)
    others = [
        (Plan(PLAN.against, seed=6), LIMITS, "seed"),
        (Plan(("torch", "reference"), seed=5), LIMITS, "against"),
        (PLAN, {"max_size": 11}, "limits"),
    ]
    for plan, limits, what in others:
        with pytest.raises(FileError, match=f"another {what}") as caught:
            Campaign(space, plan, folder, resume=True, limits=limits)
        assert caught.value.code == "F011"
    other = einsyn.load("mlp")
    with pytest.raises(FileError, match="F011"):
        Campaign(other, PLAN, folder, resume=True, limits=LIMITS)
    with pytest.raises(FileError, match="holds a run already"):
        Campaign(space, PLAN, folder, limits=LIMITS)
    with pytest.raises(FileError, match="F001"):
        Campaign(space, PLAN, tmp_path / "nothing", resume=True)
    assert files(folder) == kept


DAMAGE: list[tuple[str, Any]] = [
    ("totals", {"tried": 3, "grown": 4}),
    ("totals", {"tried": 3}),
    ("totals", []),
    ("findings", [{"folder": "../elsewhere", "seen": 1}]),
    ("findings", [{"folder": "001"}]),
    ("findings", {"folder": "001"}),
    ("coverage", {}),
    ("coverage", None),
    ("plan", 7),
]


@pytest.mark.parametrize(("key", "value"), DAMAGE)
def test_a_damaged_state_is_refused(
    key: str, value: Any, space: einsyn.Space, script: dict[str, Any], tmp_path: Path
) -> None:
    Campaign(space, PLAN, tmp_path, limits=LIMITS).run(2)
    record = json.loads((tmp_path / STATE).read_text())
    for text in (json.dumps({**record, key: value}), json.dumps({k: v for k, v in record.items() if k != key})):
        (tmp_path / STATE).write_text(text)
        with pytest.raises(FileError, match="F010"):
            Campaign(space, PLAN, tmp_path, resume=True, limits=LIMITS)


def test_a_finding_has_the_files_that_are_named(space: einsyn.Space, script: dict[str, Any], tmp_path: Path) -> None:
    Campaign(space, PLAN, tmp_path, limits=LIMITS).run(NETWORKS)
    for folder in folders(tmp_path):
        assert sorted(path.name for path in folder.iterdir()) == sorted((*FILES, RECORD))
