"""What a file states of its architecture is enough to show all of it."""

from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest
from command_line import Command

CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|"
OPTIONS = ("--set", "channels=6", "--profile", "test")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("file", ["net.onnx", "net.safetensors"])
def test_a_file_is_shown_like_its_architecture(einsyn: Command, file: str) -> None:
    assert einsyn("compile", "nasbench201", CELL, *OPTIONS, "-o", file).status == 0
    for asked in (
        ("--as", "tree"), ("--as", "ir"), ("--as", "text"), ("--as", "source"), ("--as", "passes"), ("--passes",),
        ("--pretty",), ("--format", "svg"), ("--format", "html", "--as", "ir"), ("--as", "ir", "--json"),
    ):  # fmt: skip
        assert einsyn("show", file, *asked) == einsyn("show", "nasbench201", CELL, *OPTIONS, *asked), asked
    assert einsyn("show", file, "--max-ops", "3", "--as", "ir").err.startswith("error[L001]")


def test_a_deployed_file_is_shown_as_it_is_deployed(einsyn: Command) -> None:
    assert einsyn("compile", "nasbench201", CELL, *OPTIONS, "--deploy", "-o", "net.onnx", "-o", "net.py").status == 0
    assert einsyn("show", "net.onnx", "--as", "source").out == Path("net.py").read_text("utf-8")
    assert "fold-batch-norm" in einsyn("show", "net.onnx", "--passes").out


def test_spaces_of_ones_own_are_found(einsyn: Command) -> None:
    space = '//@ einsyn 1\n//@ input x f32[B, s:T, d:4]\n//@ param width 3\nstart: "a" -> f\n'
    space += "//@ define f()(x) = linear(width)(x)\n"
    Path("folder").mkdir()
    Path("folder/own.lark").write_text(space, "utf-8")
    Path("own.lark").write_text(space, "utf-8")
    assert einsyn("compile", "own.lark", "a", "--set", "width=5", "-o", "folder/net.onnx").status == 0
    wanted = einsyn("show", "own.lark", "a", "--set", "width=5", "--as", "ir").out
    assert "d:5" in wanted
    Path("own.lark").write_text(space.replace("linear(width)", "relu"), "utf-8")
    # The one beside the file is as it was.
    assert einsyn("show", "folder/net.onnx", "--as", "ir").out == wanted.replace('from "own', 'from "folder/own')
    Path("folder/own.lark").unlink()
    changed = einsyn("show", "folder/net.onnx", "--as", "ir")
    assert (changed.status, changed.out) == (2, "")
    assert changed.err.startswith("error[U031]: the space `own` of `folder/net.onnx` is another by now")
    Path("own.lark").unlink()
    assert "`folder/net.onnx` is not here" in einsyn("show", "folder/net.onnx", "--as", "ir").err
    assert einsyn("show", "folder/net.onnx").status == 0


def test_options_that_a_file_has_itself(einsyn: Command) -> None:
    einsyn("compile", "nasbench201", CELL, *OPTIONS, "-o", "net.onnx")
    for option in (("--set", "channels=4"), ("--profile", "test"), ("--input", "3x8x8")):
        done = einsyn("show", "net.onnx", *option)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("error[U000]: a file has its own --input")


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("space", "../nasbench201", "U031"),
        ("space", "no\0name", "U031"),
        ("space_hash", "0", "U031"),
        ("architecture", "|", "A003"),
        ("parameters", [1], "F008"),
        ("parameters", {"channels": [1]}, "F008"),
        ("parameters", {"chanels": 1}, "U031"),
        ("inputs", {}, "F008"),
        ("inputs", [["image", "f32[B"]], "U031"),
        ("inputs", [["image"]], "F008"),
        ("form", "odd", "U024"),
    ],
)
def test_damaged_statements(einsyn: Command, key: str, value: object, code: str) -> None:
    einsyn("compile", "nasbench201", CELL, *OPTIONS, "-o", "net.onnx")
    model = onnx.load("net.onnx")
    for entry in model.metadata_props:
        if entry.key == f"einsyn.{key}":
            entry.value = value if isinstance(value, str) else json.dumps(value)
    onnx.save(model, "net.onnx")
    done = einsyn("show", "net.onnx", "--as", "source")
    assert done.out == ""
    assert done.err.startswith(f"error[{code}"), done.err
