"""`--plugin`: operations of one's own on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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


def einsyn(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "einsyn", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


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
