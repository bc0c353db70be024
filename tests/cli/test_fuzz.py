"""`einsyn fuzz` on the command line: what it prints and leaves, wrong command lines, damaged folders, interruptions."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from command_line import Command

from einsyn.testing.finding import FILES, RECORD
from einsyn.testing.state import STATE

SPACE = """//@ einsyn 1
//@ input x f32[B, s:4, d:8]
start: "(" start ";" start ")" -> seq  //@ p 0.2
     | "linear" -> wide
     | "leaky" -> leaky_relu
     | "tanh" -> tanh
//@ define wide()(x) = linear(8)(x)
"""
RUNTIME = '''
import os
import time

import onnx
import onnxruntime


def run(model, inputs):
    """Refuses LeakyRelu."""
    if any(node.op_type == "LeakyRelu" for node in onnx.load_from_string(model).graph.node):
        raise NotImplementedError("no LeakyRelu")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"]).run(None, inputs)


def forever(model, inputs):
    """Writes down the process and its group, and does not end."""
    with open("here.part", "w") as file:
        file.write("%d %d" % (os.getpid(), os.getpgrp()))
    os.replace("here.part", "here")
    while True:
        time.sleep(1)
'''
ORACLE = "odd_runtime:run"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]], int]:
    """A folder with a run that found one thing, what `--json` printed, and the exit status."""
    folder = tmp_path_factory.mktemp("found")
    (folder / "small.lark").write_text(SPACE)
    (folder / "odd_runtime.py").write_text(RUNTIME)
    done = subprocess.run(
        command("small.lark", "--against", ORACLE, "-n", "12", "-o", "run", "--json"),
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert all("progress" in json.loads(line) for line in done.stderr.splitlines())
    return folder, [json.loads(line) for line in done.stdout.splitlines()], done.returncode


@pytest.fixture
def here(
    found: tuple[Path, list[dict[str, Any]], int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, Path]:
    """A copy of that folder, where the command runs, and the folder of the finding in it."""
    shutil.copytree(found[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    (place,) = (path.parent for path in (tmp_path / "run").rglob(RECORD))
    return tmp_path, place


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "einsyn", "fuzz", *arguments]


def test_json_lines_are_findings_and_a_summary(found: tuple[Path, list[dict[str, Any]], int]) -> None:
    folder, (finding, summary), status = found
    assert status == 1
    assert (finding["oracle"], finding["kind"], finding["ops"]) == (ORACLE, "exception", ["leaky_relu"])
    assert (finding["arch"], finding["size"], finding["operations"]) == ("leaky", 1, 1)
    place = folder / finding["folder"]
    assert {path.name for path in place.iterdir()} == {*FILES, RECORD}
    stored = json.loads((place / RECORD).read_text())
    # The count goes on after the line was printed.
    assert {**stored, "seen": 0} == {k: v for k, v in {**finding, "seen": 0}.items() if k != "folder"}
    assert stored["seen"] == summary["failed"] > 1
    assert summary["tried"] == summary["agreed"] + summary["failed"] == 12
    assert summary["findings"] == [f"{ORACLE}: exception in leaky_relu (NotImplementedError: no LeakyRelu)"]
    assert summary["coverage"]["ops"] == 3
    assert (folder / "run" / STATE).exists()


def test_replay(einsyn: Command, here: tuple[Path, Path]) -> None:
    folder, place = here
    done = einsyn("fuzz", "--replay", "run", "--json")
    assert (done.status, [r["status"] for r in done.records()]) == (0, ["skipped"])
    done = einsyn("fuzz", "--replay", "run", "--against", ORACLE, "--json")
    (record,) = done.records()
    assert (done.status, done.err) == (1, "")
    assert record == {
        "folder": str(place.relative_to(folder)),
        "status": "fails",
        "detail": "NotImplementedError: no LeakyRelu",
        "title": f"{ORACLE}: exception in leaky_relu (NotImplementedError: no LeakyRelu)",
    }
    (folder / "odd_runtime.py").write_text(RUNTIME.replace('"LeakyRelu"', '"None"'))
    done = einsyn("fuzz", "--replay", str(place), "--against", ORACLE)
    assert done.status == 0
    assert done.out.startswith(f"fixed     {place}  ")


def test_resume_says_what_is_in_the_folder(einsyn: Command, here: tuple[Path, Path]) -> None:
    arguments = ("fuzz", "small.lark", "--against", ORACLE, "-o", "run", "--json")
    done = einsyn(*arguments, "-n", "12", "--resume")
    (summary,) = done.records()  # nothing new
    assert (done.status, summary["tried"], len(summary["findings"])) == (1, 12, 1)
    for wrong, code in (((), "F011"), (("--resume", "--seed", "7"), "F011"), (("--resume", "--max-size", "9"), "F011")):
        done = einsyn(*arguments, "-n", "12", *wrong)
        assert (done.status, done.out, done.findings()[0]["code"]) == (1, "", code)


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["small.lark", "--against", "onnxruntim"], 2, "U020"),
        (["small.lark", "--against", "torch"], 2, "U022"),
        (["small.lark", "--against", "onnxruntime,onnxruntime"], 2, "U022"),
        (["small.lark", "--against", "not_here:run", "-n", "1"], 2, "U021"),
        (["small.lark", "--against", "odd_runtime:absent", "-n", "1"], 2, "U021"),
        (["small.lark", "--time", "soon"], 2, "U023"),
        (["small.lark", "--time", "0"], 2, "U023"),
        (["small.lark", "--timeout", "0"], 2, "U023"),
        (["small.lark", "--timeout", "nan"], 2, "U023"),
        (["small.lark", "-n", "0"], 2, "U000"),
        (["small.lark", "-n", "many"], 2, "U000"),
        (["small.lark", "--child-memory", "much"], 2, "U009"),
        (["small.lark", "--resume"], 2, "U000"),
        ([], 2, "U000"),
        (["smal.lark"], 1, "F001"),
        (["small.lark", "-o", "odd_runtime.py"], 1, "F009"),
        (["small.lark", "-o", "odd_runtime.py/below"], 1, "F009"),
        (["small.lark", "-o", "none", "--resume"], 1, "F001"),
        (["--replay", "none"], 1, "F001"),
        (["--replay", "odd_runtime.py"], 1, "F001"),
        (["--replay", "."], 0, ""),
        (["--replay", "run", "--against", "onnxruntim"], 2, "U020"),
        (["small.lark", "--replay", "run"], 2, "U000"),
        (["--replay", "run", "-n", "3"], 2, "U000"),
        (["--replay", "run", "--time", "1m"], 2, "U000"),
        (["--replay", "run", "-o", "other"], 2, "U000"),
        (["--replay", "run", "--resume"], 2, "U000"),
        (["--replay", "run", "--max-params", "9"], 2, "U000"),
    ],
)
def test_wrong_command_lines(
    arguments: list[str], status: int, code: str, einsyn: Command, here: tuple[Path, Path]
) -> None:
    before = sorted(path for path in here[0].rglob("*"))
    done = einsyn("fuzz", *arguments, "--json")
    assert done.status == status
    assert [record["code"] for record in done.findings()] == ([code] if code else [])
    assert all(record["hint"] for record in done.findings())
    assert sorted(path for path in here[0].rglob("*")) == before


def test_of_time_and_number_what_comes_first_ends_it(einsyn: Command, here: tuple[Path, Path]) -> None:
    arguments = ("fuzz", "small.lark", "--against", "torch,float64", "--json")
    done = einsyn(*arguments, "--time", "1h", "-n", "3")
    assert (done.status, done.records()[-1]["tried"]) == (0, 3)
    done = einsyn(*arguments, "--time", "0.001s", "-n", "1000000")
    assert done.status == 0
    assert done.records()[-1]["tried"] < 1000


WRONG_FIELDS: list[tuple[str, Any]] = [
    ("kind", "odd"),
    ("kind", 3),
    ("ops", None),
    ("ops", 3),
    ("oracle", ["torch"]),
    ("reference", None),
    ("timeout", "10"),
    ("timeout", -1),
    ("timeout", float("inf")),
    ("seed", "x"),
    ("seed", -1),
    ("seen", None),
    ("memory", "4GiB"),
    ("memory", -5),
    ("versions", 3),
    ("reproducible", "yes"),
]


@pytest.mark.parametrize(("field", "value"), WRONG_FIELDS)
def test_a_record_with_a_wrong_field(field: str, value: Any, einsyn: Command, here: tuple[Path, Path]) -> None:
    record = json.loads((here[1] / RECORD).read_text())
    (here[1] / RECORD).write_text(json.dumps({**record, field: value}))
    _refused(einsyn)


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", '{"oracle": "torch"}', "{"])
def test_a_record_that_is_none(text: str, einsyn: Command, here: tuple[Path, Path]) -> None:
    (here[1] / RECORD).write_text(text)
    _refused(einsyn)


@pytest.mark.parametrize("name", ["graph.ir", "model.onnx", "inputs.npz", RECORD])
def test_a_file_of_a_finding_that_is_damaged(name: str, einsyn: Command, here: tuple[Path, Path]) -> None:
    file = here[1] / name
    whole = file.read_bytes()
    for data in (b"", whole[: len(whole) // 2], b"\x00\xff" * 40, b"nonsense"):
        file.write_bytes(data)
        _refused(einsyn)
    file.unlink()
    _refused(einsyn)
    file.mkdir()
    _refused(einsyn)


def _refused(einsyn: Command) -> None:
    """A replay of the folder says in one diagnostic what is wrong with a file."""
    done = einsyn("fuzz", "--replay", "run", "--against", ORACLE, "--json")
    (told,) = done.findings()
    assert (done.status, done.out, told["code"][0]) == (1, "", "F")


def started(folder: Path, *arguments: str) -> tuple[subprocess.Popen[str], int, int]:
    """A run whose runtime does not end, once it runs; and the process and group that it runs in."""
    process = subprocess.Popen(
        command("small.lark", "--against", "odd_runtime:forever", "-n", "9", "--timeout", "500", *arguments),
        cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 240
    while not (folder / "here").exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    pid, group = map(int, (folder / "here").read_text().split())
    assert pid != process.pid
    os.killpg(group, 0)  # it is there
    return process, pid, group


def gone(group: int) -> bool:
    """Whether no process of a group is left, at once or soon."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_control_c_ends_everything_and_leaves_what_can_be_resumed(tmp_path: Path) -> None:
    (tmp_path / "small.lark").write_text(SPACE)
    (tmp_path / "odd_runtime.py").write_text(RUNTIME)
    process, _, group = started(tmp_path, "-o", "run")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert gone(group)
    assert list((tmp_path / "run").iterdir()) == []  # not one network was done with


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_process_is_left_when_the_command_is_killed(number: signal.Signals, tmp_path: Path) -> None:
    (tmp_path / "small.lark").write_text(SPACE)
    (tmp_path / "odd_runtime.py").write_text(RUNTIME)
    process, _, group = started(tmp_path)
    process.send_signal(number)
    process.communicate(timeout=60)
    assert process.returncode == -number
    assert gone(group)
