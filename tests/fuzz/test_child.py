"""The child process: what it survives, and that it is there again afterwards."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from small_nets import classifier, language_model

from einsyn.errors import UsageError
from einsyn.testing.case import case_of
from einsyn.testing.child import Child

RUNTIME = """
import ctypes
import os
import sys
import time


def fault(model, inputs):
    print("about to fall", file=sys.stderr, flush=True)
    ctypes.string_at(0)


def leave(model, inputs):
    os._exit(0)


def stop(model, inputs):
    sys.exit(7)


def sleep(model, inputs):
    time.sleep(60)


def fail(model, inputs):
    raise ValueError("bad axis 3 of '/conv'")
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "odd.py").write_text(RUNTIME)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_whatever_happens_to_one_oracle_the_others_run(here: Path) -> None:
    names = ["odd:fault", "torch", "odd:leave", "onnxruntime", "odd:stop", "odd:sleep", "odd:fail", "reference"]
    case = case_of(classifier(), seed=3)
    with Child(names, timeout=10.0) as child:
        found = child.run(case)
        again = child.run(case, ["torch", "onnxruntime"])
    assert {name: (o.status, o.exception) for name, o in found.items()} == {
        "odd:fault": ("crash", "SIGSEGV"),
        "torch": ("done", ""),
        "odd:leave": ("crash", "exit status 0"),
        "onnxruntime": ("done", ""),
        "odd:stop": ("crash", "exit status 7"),
        "odd:sleep": ("hang", ""),
        "odd:fail": ("exception", "ValueError"),
        "reference": ("done", ""),
    }
    assert "about to fall" in found["odd:fault"].message
    assert found["odd:fail"].summary == "ValueError: bad axis N of *"
    for name in ("onnxruntime", "reference"):
        np.testing.assert_allclose(found[name].outputs[0], found["torch"].outputs[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(again["torch"].outputs[0], found["torch"].outputs[0])


def test_what_cannot_be_loaded_is_said_at_once(here: Path) -> None:
    (here / "broken.py").write_text("import no_such_package\n")
    for name in ("broken:run", "odd:absent", "nowhere:run"):
        with Child([name], timeout=3.0) as child, pytest.raises(UsageError) as caught:
            child.start()
        assert caught.value.code == "U021"
    with pytest.raises(UsageError) as caught:
        Child(["onnxruntim"], timeout=3.0)
    assert caught.value.code == "U020"
    assert caught.value.diagnostics[0].hint == "did you mean onnxruntime?"


def test_gradients_come_from_those_that_have_them() -> None:
    case = case_of(language_model(), seed=1)
    with Child(["torch", "float64", "onnxruntime"], timeout=30.0) as child:
        found = child.run(case, gradients=True)
    assert not found["onnxruntime"].gradients
    assert set(found["torch"].gradients) == set(found["float64"].gradients) != set()
    for key, array in found["torch"].gradients.items():
        np.testing.assert_allclose(array, found["float64"].gradients[key], rtol=1e-3, atol=1e-4)


def test_no_process_is_left(here: Path) -> None:
    child = Child(["odd:sleep"], timeout=1.0)
    child.start()
    process = child._process._process
    assert process is not None
    child.stop()
    deadline = time.monotonic() + 30
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is not None
    child.stop()  # a second time does nothing
