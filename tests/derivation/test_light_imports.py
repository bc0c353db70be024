"""What a process imports: sampling and parsing need neither torch, onnx nor numpy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "onnx", "onnxruntime", "numpy", "networkx", "sympy")


@pytest.mark.parametrize(
    "code",
    [
        "import einsyn",
        "import einsyn; [getattr(einsyn, name) for name in einsyn.__all__]",
        "import einsyn; einsyn.load('einspace').sample(20)",
        "import einsyn; s = einsyn.load('nasbench201'); s.parse(s.sample(1)[0].text).record(); s.ref(s.refs[0]).memory",
        "from einsyn.cli.main import run; run(['sample', 'einspace', '-n', '5', '--json'])",
        "from einsyn.cli.main import run; run(['check', 'nasbench201', 'ref:best_cifar10', '--json'])",
        "from einsyn.cli.main import run; run(['--help'])",
        "import einsyn; from einsyn.search.strategies.local import LocalSearch as S; S(einsyn.load('einspace')).ask(3)",
    ],
)
def test_nothing_heavy_is_imported(code: str) -> None:
    # The exit status is the list of heavy modules that are there, as text on stderr.
    script = f"import sys\n{code}\nsys.exit(' '.join(m for m in {HEAVY} if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")


def test_import_alone_loads_no_parser() -> None:
    script = "import sys, einsyn\nsys.exit(' '.join(m for m in ('lark', 'typer', 'rich') if m in sys.modules) or 0)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
