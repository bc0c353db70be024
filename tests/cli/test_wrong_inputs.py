"""Wrong architectures, files and command lines: diagnostics, exit status, nothing half written."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import Command

CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"

# arguments, status, code
WRONG = {
    "text not in the language": (["check", "nasbench201", "|nore~0|"], 1, "A002"),
    "text that ends early": (["check", "einspace", "(linear64;"], 1, "A003"),
    "text that goes on": (["check", "einspace", "(norm;norm))"], 1, "A004"),
    "a value that is not declared": (["check", "einspace", "(linear65;norm)"], 1, "A002"),
    "an empty text": (["check", "einspace", ""], 1, "A001"),
    "control characters": (["check", "einspace", "\x1b[2J\r\n"], 1, "A002"),
    "a shape that fits nowhere": (["check", "einspace", "branch(clone2,linear16,linear32,add)"], 1, "T014"),
    "a permutation of another rank": (["check", "einspace", "route(im2col(4,4,0),norm,permute132)"], 1, "T017"),
    "a window that is too large": (
        ["check", "einspace", "route(im2col(16,16,0),norm,identity)", "--input", "c:3,h:8,w:8"], 1, "T015"),
    "a group that does not divide": (["check", "einspace", "branch(group2/1,norm,norm,add)"], 1, "T016"),
    "too many parameters": (["check", "nasbench201", CELL, "--max-params", "5"], 1, "L002"),
    "too many MACs": (["check", "nasbench201", CELL, "--max-macs", "5"], 1, "L003"),
    "too much memory": (["check", "nasbench201", CELL, "--max-memory", "5KiB"], 1, "L004"),
    "too many operations": (["check", "nasbench201", CELL, "--max-ops", "5"], 1, "L001"),
    "too deep": (["check", "einspace", "(norm;(norm;norm))", "--max-depth", "2"], 1, "L005"),
    "too many productions": (["check", "einspace", "(norm;(norm;norm))", "--max-size", "3"], 1, "L006"),
    "nothing can be drawn": (["sample", "nasbench201", "--max-params", "5", "--max-tries", "20"], 1, "S001"),
    "more than there are": (["sample", "nasbench201", "-n", "15626", "--unique"], 1, "S002"),
    "a missing file": (["sample", "missing.lark"], 1, "F001"),
    "a directory": (["sample", "./folder"], 1, "F002"),
    "a binary file": (["sample", "binary.lark"], 1, "F005"),
    "an empty file": (["sample", "empty.lark"], 1, "G001"),
    "a missing text": (["check", "einspace", "@missing.arch"], 1, "F001"),
    "a directory as text": (["check", "einspace", "@folder"], 1, "F002"),
    "a binary text": (["check", "einspace", "@binary.lark"], 1, "F005"),
    "an .arch line that is not known": (["check", "einspace", "@odd.arch"], 1, "F007"),
    "an ONNX file of others": (["show", "binary.onnx"], 1, "F008"),
    "a missing ONNX file": (["show", "missing.onnx"], 1, "F001"),
    "a directory as ONNX file": (["show", "folder.onnx"], 1, "F002"),
    "a name that is too long to write": (["sample", "nasbench201", "-o", "a" * 300], 1, "F009"),
    "a name that is too long to read": (["sample", "a" * 300 + ".lark"], 1, "F006"),
    "a name that is too long for a space": (["sample", "a" * 300], 2, "U005"),
    "a name that is too long for a run": (["report", "a" * 300], 1, "Q002"),
    "a name that is too long for a new run": (["fuzz", "nasbench201", "-o", "a" * 300], 1, "F009"),
    "a folder that is not there": (["sample", "nasbench201", "-o", "no/such/folder.txt"], 1, "F009"),
    "a directory to write to": (["sample", "nasbench201", "-o", "folder"], 1, "F002"),
    "an impossible opset": (["compile", "nasbench201", CELL, "-o", "net.onnx", "--opset", "3"], 1, "B002"),
    # The command line itself.
    "no such command": (["sampel"], 2, "U000"),
    "no such option": (["sample", "einspace", "--nope"], 2, "U000"),
    "no space": (["sample"], 2, "U000"),
    "a number that is none": (["sample", "einspace", "-n", "many"], 2, "U000"),
    "a negative number": (["sample", "einspace", "-n", "-3"], 2, "U000"),
    "no such space": (["sample", "einspac"], 2, "U005"),
    "no such reference": (["check", "einspace", "ref:resnet"], 2, "U004"),
    "no such profile": (["sample", "einspace", "--profile", "tset"], 2, "U006"),
    "no such parameter": (["sample", "einspace", "--set", "clases=3"], 2, "U010"),
    "a parameter without value": (["sample", "einspace", "--set", "classes"], 2, "U014"),
    "a parameter twice": (["sample", "einspace", "--set", "classes=3", "--set", "classes=4"], 2, "U014"),
    "a parameter of a wrong kind": (["sample", "einspace", "--set", "classes=many"], 2, "U011"),
    "an input of too many digits": (["sample", "einspace", "--input", f"{10**30}x9x9"], 2, "U008"),
    "an input that is no type": (["sample", "einspace", "--input", "3xx32"], 2, "U008"),
    "an input of zero": (["sample", "einspace", "--input", "0x32x32"], 2, "U008"),
    "a negative input": (["sample", "einspace", "--input", "c:-3,h:8,w:8"], 2, "U008"),
    "no such input": (["sample", "einspace", "--input", "audio=3x32x32"], 2, "U007"),
    "a limit that is no number": (["sample", "einspace", "--max-params", "lots"], 2, "U009"),
    "a limit below zero": (["sample", "einspace", "--max-params", "-1"], 2, "U009"),
    "a file of another kind": (["compile", "nasbench201", CELL, "-o", "net.txt"], 2, "U013"),
    "no such op": (["ops", "linaer"], 2, "U015"),
    "which architecture": (["show", "einspace"], 2, "U012"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.onnx").mkdir()
    (tmp_path / "binary.lark").write_bytes(b"\x80\x00\xff" * 100)
    (tmp_path / "binary.onnx").write_bytes(b"\x80\x00\xff" * 100)
    (tmp_path / "empty.lark").write_text("")
    (tmp_path / "odd.arch").write_text("//@ import os\n(norm;norm)\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", WRONG)
def test_wrong_input(einsyn: Command, folder: Path, name: str) -> None:
    arguments, status, code = WRONG[name]
    before = sorted(folder.rglob("*"))
    done = einsyn(*arguments, "--json")
    assert "Traceback" not in done.err
    assert (done.status, done.out) == (status, "")
    found = done.findings()[0]
    assert found["code"] == code
    assert found["hint"]
    assert sorted(folder.rglob("*")) == before
    # For people the same in words, without characters that move the cursor.
    shown = einsyn(*arguments)
    assert shown.status == status
    assert shown.err.startswith(f"error[{code}]: ")
    assert "help: " in shown.err
    assert all(c.isprintable() or c == "\n" for c in shown.err)


@pytest.mark.parametrize(
    "text", ["(" * 5000 + "norm", ")" * 5000, "(norm;" * 20000, "é" * 1000, "((" + "\U0001f642" * 9]
)
def test_long_and_odd_texts(einsyn: Command, text: str) -> None:
    done = einsyn("check", "einspace", text)
    assert done.status == 1
    assert done.err.startswith("error[A00")
    assert len(done.err) < 2000


def test_huge_sizes_are_counted_not_allocated(einsyn: Command) -> None:
    done = einsyn("check", "nasbench201", CELL, "--input", "3x100000x100000", "--json")
    assert done.status == 1
    assert done.findings()[0]["code"] == "L004"
    done = einsyn("check", "nasbench201", CELL, "--input", "3x100000x100000", "--max-memory", "9e18", "--json")
    assert done.status == 0
    assert done.records()[0]["macs"] > 10**12
    done = einsyn("sample", "einspace", "--input", f"{10**9}x{10**9}x{10**9}", "--max-tries", "50")
    assert done.status == 1
    assert done.err.startswith("error[S001]")


@pytest.mark.parametrize("bad", ["nan", "inf", "-0.5", "1.5", "0/0", "__import__('os')"])
def test_probabilities_from_the_command_line(einsyn: Command, bad: str) -> None:
    done = einsyn("sample", "einspace", "--set", f"computation={bad}")
    assert done.status in (1, 2)
    assert done.err.startswith("error[")
    assert "help: " in done.err


def test_a_space_may_not_read_outside_its_folder(einsyn: Command, tmp_path: Path) -> None:
    (tmp_path / "secret.ein").write_text("define leak()(x) = x\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "link.ein").symlink_to(tmp_path / "secret.ein")
    head = "//@ einsyn 1\n//@ input x f32[B, d:3]\n"
    (inner / "space.lark").write_text(head + '//@ use link.ein\nstart: "a" -> leak\n')
    done = einsyn("sample", str(inner / "space.lark"))
    assert done.status == 1
    assert done.err.startswith("error[G073]")
    assert "define leak" not in done.err


def test_a_file_that_may_not_be_read(einsyn: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read everything, so the refusal is made here.
    file = tmp_path / "space.arch"
    file.write_text("(norm;norm)")
    opened = Path.open

    def refuse(self: Path, *args: object, **named: object) -> object:
        if self.name == "space.arch":
            raise PermissionError(13, "Permission denied")
        return opened(self, *args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Path, "open", refuse)
    done = einsyn("check", "einspace", f"@{file}")
    assert done.status == 1
    assert done.err.splitlines() == [
        f"error[F006]: `{file}` cannot be read: Permission denied",
        "help: check the path, and who may read and write there",
    ]
