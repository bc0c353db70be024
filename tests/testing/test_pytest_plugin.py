"""The pytest plugin, in sessions of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = """
import pytest

seen = []


@pytest.mark.einsyn("einspace", profile="test", n=7, max_size=12, require=lambda a: a.params > 100)
@pytest.mark.parametrize("opset", [17, 20])
def test_function(net, opset, tmp_path_factory):
    assert net.architecture.params > 100
    seen.append(net.text)


def test_number():
    assert 2 <= len(seen) <= 14


class TestClass:
    @pytest.mark.einsyn(space="nasbench201", profile="test", n=20)
    def test_method(self, net):
        assert "skip_connect" not in net.text, "skips"
"""
WRONG = {
    "@pytest.mark.einsyn('einspace')\ndef test_it(): pass": "does not take the argument net",
    "@pytest.mark.einsyn(n=3)\ndef test_it(net): pass": "needs a space",
    "@pytest.mark.einsyn('einspac')\ndef test_it(net): pass": "there is no space `einspac`",
    "@pytest.mark.einsyn('einspace', max_parms=3)\ndef test_it(net): pass": "there is no limit max_parms",
    "@pytest.mark.einsyn('einspace', 3)\ndef test_it(net): pass": "takes one space",
}


def session(folder: Path, text: str, *options: str) -> tuple[int, str]:
    (folder / "test_marked.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", *options, "test_marked.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_marked_tests_run_for_networks(tmp_path: Path) -> None:
    status, said = session(tmp_path, TESTS, "--hypothesis-seed=0")
    assert status == 1
    assert "3 passed" in said
    assert "1 failed" in said
    # Shrunk: nothing but the edge that matters, and a command to run it again.
    assert "einsyn check nasbench201 '|" in said
    (shown,) = {line.split("'")[1] for line in said.splitlines() if "net=<Net" in line}
    assert shown.count("skip_connect") == 1
    assert shown.count("none") == 5


def test_wrong_marks_are_said_plainly(tmp_path: Path) -> None:
    for number, (text, message) in enumerate(WRONG.items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        status, said = session(folder, "import pytest\n" + text)
        assert status == 2
        assert message in said
        assert "Traceback" not in said


def test_a_session_without_marks_imports_nothing(tmp_path: Path) -> None:
    text = """
import sys

def test_imports():
    assert not {"torch", "onnx", "numpy", "lark", "einsyn.testing.strategies"} & set(sys.modules)
"""
    status, said = session(tmp_path, text, "-p", "no:hypothesispytest")
    assert status == 0, said


def test_without_hypothesis_the_extra_is_named() -> None:
    program = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import einsyn.testing\n"
        "try:\n    einsyn.testing.architectures\nexcept ModuleNotFoundError as error:\n    print(error)\n"
        "assert not hasattr(einsyn.testing, 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "pip install 'einsyn[testing]'" in done.stdout


def test_limits_that_nothing_meets_are_said_with_their_code(tmp_path: Path) -> None:
    text = (
        "import pytest\n@pytest.mark.einsyn('nasbench201', profile='test', n=5, max_params=1)\ndef test_it(net): pass"
    )
    status, said = session(tmp_path, text)
    assert status == 1
    assert "error[S001]: no architecture of `nasbench201` within max_params=1" in said
    assert "L002  more than max_params" in said
    assert "HealthCheck" not in said
