"""Weights on the command line."""

from __future__ import annotations

from pathlib import Path

from command_line import Command

CELL = ("nasbench201", "ref:best_cifar10", "--profile", "test")


def test_weights_go_out_and_in_again(einsyn: Command, tmp_path: Path) -> None:
    weights, again, model, direct = (
        str(tmp_path / name) for name in ("w.safetensors", "again.safetensors", "m.onnx", "direct.onnx")
    )
    assert einsyn("compile", *CELL, "--seed", "5", "-o", weights, "-o", direct).status == 0
    done = einsyn("compile", *CELL, "--weights", weights, "-o", again, "-o", model, "--verify", "--json")
    assert done.status == 0
    records = done.records()
    assert [record["file"] for record in records] == [again, model]
    assert all(record["verified"] for record in records)
    assert Path(again).read_bytes() == Path(weights).read_bytes()
    assert Path(model).read_bytes() == Path(direct).read_bytes()


def test_show_says_what_weights_are_of(einsyn: Command, tmp_path: Path) -> None:
    weights = str(tmp_path / "w.safetensors")
    einsyn("compile", *CELL, "-o", weights, "--deploy")
    (record,) = einsyn("show", weights, "--json").records()
    assert record["space"] == "nasbench201"
    assert record["form"] == "deploy"
    assert "nor_conv_3x3" in record["architecture"]
    assert einsyn("show", str(tmp_path / "missing.safetensors")).status == 1


def test_what_is_wrong_is_said_and_nothing_is_written(einsyn: Command, tmp_path: Path) -> None:
    weights, model = str(tmp_path / "w.safetensors"), tmp_path / "m.onnx"
    einsyn("compile", *CELL, "-o", weights)
    other = ("compile", "nasbench201", "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|", "--profile", "test")
    done = einsyn(*other, "--weights", weights, "-o", str(model), "--json")
    assert done.status == 1
    assert [finding["code"] for finding in done.findings()] == ["W007"]
    assert not model.exists()
    done = einsyn("compile", *CELL, "--set", "classes=7", "--weights", weights, "-o", str(model), "--json")
    assert (done.status, {finding["code"] for finding in done.findings()}) == (1, {"W003"})
    done = einsyn("compile", *CELL, "--weights", str(tmp_path / "gone.safetensors"), "-o", str(model), "--json")
    assert (done.status, done.findings()[0]["code"]) == (1, "F001")
    assert einsyn("compile", *CELL, "-o", str(tmp_path / "w.pt")).status == 2
    assert not model.exists()
