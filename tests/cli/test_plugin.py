"""`--plugin`: operations of one's own on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

OWN = '''
import einsyn


class Triple(einsyn.Op, name="triple"):
    """Three times the input. Shapes: `... -> ...`."""

    def infer(self, x):
        return x

    def torch(self, ctx):
        return f"3 * {ctx.inputs[0]}"

    def onnx(self, ctx):
        return ctx.node("Mul", [ctx.inputs[0], ctx.scalar(3.0)])
'''
SPACE = '//@ einsyn 1\n//@ input x f32[B, d:4]\nstart: "t" -> triple\n'


def einsyn(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "einsyn", *arguments]
    # Files that are written again within a second must not be read from their byte code.
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **variables}
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, env=env)


def test_a_plugin_declares_an_operation(tmp_path: Path) -> None:
    (tmp_path / "my_ops.py").write_text(OWN)
    (tmp_path / "s.lark").write_text(SPACE)
    without = einsyn(tmp_path, "check", "s.lark", "t")
    assert without.returncode == 1
    assert "error[D031]: `triple` is neither a definition nor a primitive" in without.stderr
    done = einsyn(
        tmp_path, "--plugin", "my_ops", "compile", "s.lark", "t", "-o", "net.py", "-o", "net.onnx", "--verify"
    )
    assert done.returncode == 0, done.stderr
    assert "3 * x" in (tmp_path / "net.py").read_text()
    assert "torch and onnxruntime agree" in done.stdout


def test_a_plugin_that_is_not_there(tmp_path: Path) -> None:
    found = einsyn(tmp_path, "--plugin", "no_such_ops", "spaces")
    assert found.returncode == 2
    assert found.stderr.startswith("error[U016]: the plugin `no_such_ops` cannot be imported")
    assert "help: " in found.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("unknown\n", "NameError: name 'unknown' is not defined"),
        ("def (\n", "SyntaxError"),
        ("raise SystemExit(5)\n", "SystemExit: 5"),
    ],
)
def test_a_module_that_fails_is_the_users(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.py").write_text(text)
    given = ("search", "nasbench201", "--objective", "python:broken:f", "--budget", "2", "-o", "run")
    for code, found in (
        ("U016", einsyn(tmp_path, "--plugin", "broken", "spaces")),
        ("E006", einsyn(tmp_path, *given)),
    ):
        assert found.returncode == 2
        assert found.stderr.startswith(f"error[{code}]")
        assert said in found.stderr
    assert not (tmp_path / "run").exists()


def test_what_an_operation_lacks_is_said(tmp_path: Path) -> None:
    (tmp_path / "s.lark").write_text(SPACE)
    (tmp_path / "no_onnx.py").write_text(OWN[: OWN.index("    def onnx")])
    assert einsyn(tmp_path, "--plugin", "no_onnx", "compile", "s.lark", "t", "-o", "net.py").returncode == 0
    found = einsyn(tmp_path, "--plugin", "no_onnx", "compile", "s.lark", "t", "-o", "net.onnx")
    assert found.returncode == 1
    assert found.stderr.startswith("error[B003]: `triple` has no lowering to onnx")
    assert "help: Triple needs a method `onnx(self, ctx)`" in found.stderr
    assert not (tmp_path / "net.onnx").exists()
    (tmp_path / "no_torch.py").write_text(OWN[: OWN.index("    def torch")])
    found = einsyn(tmp_path, "--plugin", "no_torch", "compile", "s.lark", "t", "-o", "other.py")
    assert (found.returncode, found.stderr.split(":")[0]) == (1, "error[B003]")
    (tmp_path / "no_type.py").write_text(OWN[: OWN.index("    def infer")])
    found = einsyn(tmp_path, "--plugin", "no_type", "check", "s.lark", "t")
    assert found.returncode == 2
    assert "error[U016]: the plugin `no_type` cannot be imported" in found.stderr
    assert "declares no type rule" in found.stderr


BROKEN = OWN + "\n    def passes(self, x):\n        raise TypeError('broken')\n"
IN_SPACE = "(s.lark:3:8)"


@pytest.mark.parametrize(
    ("text", "said", "place"),
    [
        (OWN.replace("return x\n", "return unknown\n"), "`infer` of the operation `triple` raises NameError", IN_SPACE),
        (
            OWN.replace("return ctx.node", "raise ctx.node"),
            "`onnx` of the operation `triple` raises TypeError",
            IN_SPACE,
        ),
        (BROKEN, "`passes` of the operation `triple` raises TypeError: broken", "my_ops.py:18:1"),
    ],
)
def test_a_method_that_fails_is_the_users(tmp_path: Path, text: str, said: str, place: str) -> None:
    (tmp_path / "my_ops.py").write_text(text)
    (tmp_path / "s.lark").write_text(SPACE)
    given = ("--plugin", "my_ops", "compile", "s.lark", "t", "-o", "net.onnx")
    found = einsyn(tmp_path, *given)
    assert found.returncode == 1
    first, at, evidence, *_, hint = found.stderr.splitlines()
    assert first.startswith(f"error[O001]: {said}")
    assert at.endswith(place)
    assert f"{tmp_path / 'my_ops.py'}:" in evidence
    assert "EINSYN_TRACEBACK=1" in hint
    shown = einsyn(tmp_path, *given, EINSYN_TRACEBACK="1")
    assert shown.returncode == 1
    assert "Traceback (most recent call last)" in shown.stderr
    assert first in shown.stderr


def test_what_a_network_lacks_is_the_operations(tmp_path: Path) -> None:
    (tmp_path / "s.lark").write_text(SPACE)
    given = ("--plugin", "my_ops", "compile", "s.lark", "t", "-o", "net.py", "--verify")
    for written, said in (
        ("nosuchname({ctx.inputs[0]})", "O003]: the torch form of the operation `triple` uses `nosuchname`"),
        ("3 * {ctx.inputs[0]}[..., :1]", "O004]: the torch module of the operation `triple` gives the shape [2, 1]"),
        ("4 * {ctx.inputs[0]}", "O005]: the torch form and the ONNX form of the operation `triple` differ: the"),
    ):
        (tmp_path / "my_ops.py").write_text(OWN.replace("3 * {ctx.inputs[0]}", written))
        found = einsyn(tmp_path, *given)
        assert found.returncode == 1
        assert found.stderr.startswith(f"error[{said}")
        assert not (tmp_path / "net.py").exists()
