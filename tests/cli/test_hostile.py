"""Names, titles and texts that try to become code, and processes that are cut off."""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from command_line import Command

TITLES = [
    'x"""\nimport os; os.system("touch PWNED")\n"""',
    '"""; open(\'PWNED\', \'w\'); """',
    "'''; open('PWNED', 'w'); '''",
    "\\\"\"\"; open('PWNED', 'w') #",
    "{open('PWNED', 'w')}",
    "\u2028open('PWNED', 'w')\u2028",
    "\x0copen('PWNED', 'w')",
    "${open} %s {0} \\N{BULLET} \\x41",
    "trailing backslash \\",
]
NET = 'start: "a" W -> {name}\nW: "4" | "8"\n//@ define {name}(w)(x) = linear(w)(x)\n'


@pytest.mark.parametrize("title", TITLES)
def test_a_title_cannot_become_code(
    einsyn: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, title: str
) -> None:
    monkeypatch.chdir(tmp_path)
    line = title.partition("\n")[0]
    head = f"//@ einsyn 1\n//@ title {line}\n//@ cite {line}\n//@ input x f32[B, d:8]\n"
    Path("space.lark").write_text(head + NET.format(name="net"), encoding="utf-8")
    done = einsyn("compile", "space.lark", "a4", "-o", "net.py", "-o", "net.onnx")
    assert done.status == 0, done.err
    # Importing the generated file defines a network and does nothing else.
    spec = importlib.util.spec_from_file_location("generated_net", tmp_path / "net.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert sum(p.numel() for p in module.Net().parameters()) == 36
    assert not Path("PWNED").exists()


@pytest.mark.parametrize("name", ["class", "import", "torch", "nn", "self", "Net", "forward", "__init__", "x", "print"])
def test_names_cannot_break_the_source(einsyn: Command, tmp_path: Path, name: str) -> None:
    space = tmp_path / "space.lark"
    text = f"//@ einsyn 1\n//@ input {name.lower()} f32[B, d:8]\n" + NET.format(name="net")
    space.write_text(text, encoding="utf-8")
    done = einsyn(
        "compile", str(space), "a8", "-o", str(tmp_path / "net.py"), "-o", str(tmp_path / "net.onnx"), "--verify"
    )
    if done.status == 0:
        scope: dict[str, object] = {"__name__": "net"}
        exec(compile((tmp_path / "net.py").read_text(), "net.py", "exec"), scope)
        assert "Net" in scope
    else:
        assert (done.status, done.err[:7]) == (1, "error[G")


def test_a_hostile_file_name(einsyn: Command, tmp_path: Path) -> None:
    space = tmp_path / 'a"""b\'; import os #.lark'
    space.write_text("//@ einsyn 1\n//@ input x f32[B, d:8]\n" + NET.format(name="net"))
    done = einsyn("compile", str(space), "a8", "-o", str(tmp_path / "net.py"))
    assert done.status == 0, done.err
    exec(compile((tmp_path / "net.py").read_text(), "net.py", "exec"), {"__name__": "net"})
    wrong = einsyn("check", str(space), "b8")
    assert wrong.status == 1
    infeasible = einsyn("check", str(space), "a8", "--max-params", "1")
    (reproduce,) = [line for line in infeasible.err.splitlines() if line.startswith("reproduce: ")]
    assert shlex.split(reproduce.removeprefix("reproduce: "))[:4] == ["einsyn", "check", str(space), "a8"]


def test_an_odd_name_cannot_move_the_cursor(einsyn: Command, tmp_path: Path) -> None:
    done = einsyn("sample", str(tmp_path / "\x1b[2J\r\n.lark"))
    assert done.status == 1
    assert "\\x1b[2J\\r\\n.lark" in done.err
    assert all(c.isprintable() or c == "\n" for c in done.err)


def einsyn_process(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "einsyn", *arguments]


def test_a_broken_pipe_is_no_error() -> None:
    command = shlex.join(einsyn_process("sample", "einspace", "-n", "100000")) + " | head -n 2; echo ${PIPESTATUS[0]}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert done.stderr == ""
    *texts, status = done.stdout.splitlines()
    assert len(texts) == 2
    assert status == "0"


def test_control_c_ends_with_130_and_leaves_no_file(tmp_path: Path) -> None:
    target = tmp_path / "nets.txt"
    process = subprocess.Popen(
        einsyn_process("sample", "einspace", "-n", "10000000", "-o", str(target)),
        stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    # Wait until it writes.
    deadline = time.monotonic() + 30
    while not list(tmp_path.iterdir()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(tmp_path.iterdir())
    process.send_signal(signal.SIGINT)
    try:
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130
    assert err == "interrupted\n"
    assert list(tmp_path.iterdir()) == []


def test_control_c_that_an_import_catches_is_one_too(tmp_path: Path) -> None:
    """An import of a library in C may catch the interrupt, go on without a part of itself and fail for that later."""
    (tmp_path / "catches.py").write_text("""
import os
import signal

try:
    os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    pass
raise AttributeError("a part is not there")
""")
    for given in (
        ("--plugin", "catches", "spaces"),
        ("search", "nasbench201", "--objective", "python:catches:f", "--budget", "2", "-o", "run"),
    ):
        done = subprocess.run(einsyn_process(*given), cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (130, "", "interrupted\n")
    assert not (tmp_path / "run").exists()


def test_control_c_while_it_measures_leaves_no_process(tmp_path: Path) -> None:
    process = subprocess.Popen(
        einsyn_process("profile", "einspace", "(linear16;norm)", "--measure"),
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.exists():
        process.kill()
        pytest.skip("this system does not list the children of a process")
    try:
        deadline = time.monotonic() + 60
        while not children.read_text().split() and time.monotonic() < deadline:
            time.sleep(0.05)
        # As a terminal does: to everybody.
        os.killpg(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "interrupted\n")
    # What keeps track of shared memory for Python ends a moment after it.
    deadline = time.monotonic() + 30
    while is_there(process.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_there(process.pid)


def is_there(group: int) -> bool:
    """Whether a process group has a process."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("arguments", "status", "code"),
    [
        (["sample", "einspac"], 2, "U005"),
        (["check", "einspace", "(norm;"], 1, "A003"),
        (["check", "einspace", "branch(clone2,linear16,linear32,add)"], 1, "T014"),
    ],
)
def test_the_process_exits_with_the_status(arguments: list[str], status: int, code: str) -> None:
    done = subprocess.run(einsyn_process(*arguments), capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith(f"error[{code}]: ")
    assert "Traceback" not in done.stderr
