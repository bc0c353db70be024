"""What the command line says of rewriting."""

from __future__ import annotations

from pathlib import Path

from command_line import Command

CONV = "(route(im2col(3,1,1),linear16,col2im);norm)"


def test_passes_are_shown(einsyn: Command) -> None:
    shown = einsyn("show", "einspace", CONV, "--profile", "test", "--passes").out
    assert "windows-linear at /" in shown
    assert "  + %7: f32[B, c:16, h:16, w:16] = conv(channels=16, kernel=3, padding=1)(%0) weights 3" in shown
    assert "einsyn ir 1" in shown


def test_compile_reports_both_costs(einsyn: Command, tmp_path: Path) -> None:
    file = tmp_path / "net.onnx"
    command = ("compile", "einspace", CONV, "--profile", "test", "-o", str(file), "--deploy", "--verify")
    (record,) = einsyn(*command, "--json").records()
    assert record["params"] - record["deployed_params"] == 2 * 16
    assert record["verified"]
    assert file.exists()
    assert f"deployed {record['deployed_params']} params" in einsyn(*command).out


def test_files_say_of_which_form_they_are(einsyn: Command, tmp_path: Path) -> None:
    source, model = tmp_path / "net.py", tmp_path / "net.onnx"
    command = ("compile", "einspace", CONV, "--profile", "test", "-o", str(source), "-o", str(model))
    record = einsyn(*command, "--deploy", "--json").records()[0]
    header = source.read_text("utf-8").partition("\n\n")[0]
    assert "# form: deploy, for evaluation alone\n" in header
    assert f"# parameters: {record['deployed_params']:,}, as built {record['params']:,}\n" in header
    macs = f"{record['deployed_macs']:,}, as built {record['macs']:,}"
    assert header.endswith(f"# multiply-accumulates at batch 1: {macs}")
    assert einsyn("show", str(model)).out.splitlines()[-1] == "form: deploy"
    einsyn(*command)
    assert "form" not in source.read_text("utf-8").partition("\n\n")[0]
    assert einsyn("show", str(model), "--json").records()[0]["form"] == "exact"
