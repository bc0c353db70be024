"""Standard streams that are closed, full or not read, and what no UTF-8 is."""

from __future__ import annotations

import io
import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from command_line import Command

SPACE = '//@ einsyn 1\n//@ input x f32[B, c:4, h:8, w:8]\nstart: "a" -> relu | "b" -> tanh\n'
EINSYN = shlex.join([sys.executable, "-m", "einsyn"])
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no device that is always full")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "t.lark").write_text(SPACE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def shell(line: str, unbuffered: str = "") -> tuple[int, str, str]:
    """Status, output and messages of a line of bash, in which `einsyn` is a command."""
    line = f'einsyn() {{ PYTHONUNBUFFERED={unbuffered} {EINSYN} "$@"; }}; {line}'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@FULL
@pytest.mark.parametrize(
    ("line", "unbuffered"),
    [
        ("sample t.lark -n 3", ""),
        ("sample t.lark -n 3", "1"),
        ("sample t.lark -n 9000", ""),
        ("check t.lark a", ""),
        ("check --help", ""),
        ("check --help", "1"),
    ],
)
def test_a_full_disk_is_said(folder: Path, line: str, unbuffered: str) -> None:
    status, _, err = shell(f"einsyn {line} > /dev/full", unbuffered)
    assert (status, err.splitlines()[0]) == (
        1, "error[F009]: standard output cannot be written: No space left on device")  # fmt: skip


@FULL
def test_a_full_disk_is_said_in_json(folder: Path) -> None:
    status, _, err = shell("einsyn sample t.lark --json > /dev/full")
    assert (status, json.loads(err)["code"]) == (1, "F009")


@FULL
@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("einsyn sample nosuch 2> /dev/full", 2),
        ("einsyn sample t.lark 2> /dev/full", 0),
        ("einsyn sample nosuch > /dev/full 2>&1", 2),
        ("einsyn check t.lark c > /dev/full", 1),
    ],
)
def test_messages_that_cannot_be_written_leave_the_status(folder: Path, line: str, status: int) -> None:
    assert shell(line)[0] == status


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("einsyn sample nosuch 2>&-", 2, ""),
        ("einsyn sample nosuch <&- >&- 2>&-", 2, ""),
        ("einsyn sample nosuch >&-", 2, "error[U005]"),
        ("einsyn sample t.lark 2>&-", 0, ""),
        ("einsyn spaces >&-", 1, "error[F009]: standard output cannot be written: "),
        ("einsyn --help >&-", 1, "error[F009]: standard output cannot be written: "),
        ("einsyn sample t.lark -o drawn >&-", 0, "acceptance"),
        ("einsyn check t.lark - <&-", 1, "error[F006]: standard input cannot be read: "),
    ],
)
def test_closed_streams(folder: Path, line: str, status: int, said: str) -> None:
    found, out, err = shell(line)
    assert (found, out.strip() in ("a", "b", "")) == (status, True)
    assert err.startswith(said)
    assert said or not err


def test_a_closed_stream_gives_its_number_to_no_file(folder: Path) -> None:
    # What C libraries write to standard error would be written into the file.
    code = """
import os, sys
from einsyn.cli.main import run
run(["--version"])
assert os.open("x", os.O_CREAT | os.O_RDWR) > 2
"""
    assert shell(f"{shlex.join([sys.executable, '-c', code])} 2>&-")[0] == 0


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("einsyn sample nosuch 2>&1 | true", 2),
        ("einsyn explain t.lark zz 2>&1 | true", 1),
        ("einsyn sample t.lark -n 2 | true", 0),
        ("einsyn --help | true", 0),
    ],
)
def test_an_error_that_nobody_reads_keeps_its_status(folder: Path, line: str, status: int) -> None:
    # The reader is gone before anything is written.
    found = shell(f"{line.replace('einsyn', '{ sleep 0.2; einsyn').replace(' |', '; } |')}; exit ${{PIPESTATUS[0]}}")
    assert found == (status, "", "")


@pytest.mark.parametrize("gone", ["stdout", "stderr"])
def test_there_may_be_no_stream_at_all(einsyn: Command, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    monkeypatch.setattr(sys, gone, None)
    assert einsyn("sample", "nosuch").status == 2
    monkeypatch.setattr(sys, gone, None)
    assert einsyn("spaces").status == (1 if gone == "stdout" else 0)


def test_a_byte_order_mark_on_standard_input(einsyn: Command, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xef\xbb\xbfb\n")))
    done = einsyn("check", "t.lark", "-", "--json")
    assert done.status == 0, done.err
    assert done.records()[0]["arch"] == "b"


@pytest.mark.parametrize("encoding", ["utf-8:strict", "latin-1"])
@pytest.mark.parametrize("line", [r"explain t.lark $'\xff'", "explain t.lark é☃", r"compile t.lark a -o $'\xff.py'"])
def test_what_is_no_text_is_escaped(folder: Path, line: str, encoding: str) -> None:
    def outputs(*options: str) -> Iterator[bytes]:
        command = f"PYTHONIOENCODING={encoding} PYTHONUTF8=1 {EINSYN} {shlex.join(options)} {line}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, timeout=60, check=False)
        assert done.returncode == (0 if line.startswith("compile") else 1)
        assert b"X001" not in done.stderr
        yield from (*done.stdout.splitlines(), *done.stderr.splitlines())

    given = [json.loads(text.decode("utf-8")) for text in outputs("--json")]
    assert given[0]["arch"] in ("\udcff", "é☃", "a")
    assert given[0].get("file") in (None, "\udcff.py")
    shown = b"\n".join(outputs())
    assert b"\xff" not in shown
    assert (rb"\udcff" in shown) == ("xff" in line)


def test_a_space_whose_name_is_no_text(folder: Path) -> None:
    (folder / "t.lark").rename(folder / "\udcfe.lark")
    status, out, err = shell(r"einsyn compile $'\xfe.lark' a -o net.py -o net.onnx && einsyn show net.onnx")
    assert (status, err) == (0, "")
    assert r"space: \udcfe" in out.splitlines()
    assert r"# space: \udcfe" in (folder / "net.py").read_text().splitlines()
