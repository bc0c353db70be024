"""What the commands print and write when all is well: text for people, stable JSON fields, whole files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from command_line import Command

from einsyn.shipped import shipped_spaces

CELL = "|none~0|+|skip_connect~0|none~1|+|nor_conv_1x1~0|none~1|avg_pool_3x3~2|"
ARCH = "(linear16;norm)"
SAMPLE = ["arch", "log_prob", "params", "macs", "output", "depth", "size", "hash"]


def test_spaces(einsyn: Command) -> None:
    records = einsyn("spaces", "--json").records()
    assert [r["space"] for r in records] == sorted(shipped_spaces())
    assert all(list(record) == ["space", "file", "title", "refs"] for record in records)
    assert "wideresnet16_4" in next(r["refs"] for r in records if r["space"] == "einspace")
    assert all(Path(r["file"]).is_file() for r in records)
    assert "ref:best_cifar10" in einsyn("spaces").out


def test_ops(einsyn: Command) -> None:
    records = {r["op"]: r for r in einsyn("--json", "ops").records()}
    assert {"op", "attributes", "signature"} <= set(records["linear"])
    assert records["linear"]["signature"] == "linear(width, bias=true, axis=-1)"
    assert list(records) == sorted(records)
    assert einsyn("ops", "linear").out.startswith("linear(width, bias=true, axis=-1)\n\n")


def test_sample(einsyn: Command) -> None:
    done = einsyn("sample", "einspace", "-n", "5", "--seed", "3", "--json")
    assert done.status == 0
    assert [list(r) for r in done.records()] == [SAMPLE] * 5
    message = json.loads(done.err)
    assert set(message) == {"acceptance", "accepted", "rejected"}
    texts = einsyn("sample", "einspace", "-n", "5", "--seed", "3")
    assert texts.out.splitlines() == [r["arch"] for r in done.records()]
    assert texts.err.startswith("acceptance 0.")


def test_sample_twice_gives_the_same_bytes(einsyn: Command, tmp_path: Path) -> None:
    for name in ("a", "b"):
        done = einsyn("sample", "einspace", "-n", "300", "--seed", "9", "--json", "-o", str(tmp_path / name))
        assert (done.status, done.out) == (0, "")
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes()
    assert first.count(b"\n") == 300
    assert einsyn("sample", "einspace", "-n", "300", "--seed", "9", "--json").out.encode() == first
    assert einsyn("sample", "einspace", "-n", "300", "--seed", "10", "--json").out.encode() != first


def test_sample_options(einsyn: Command) -> None:
    done = einsyn(
        "sample", "einspace", "-n", "20", "--max-params", "2e4", "--max-depth", "7", "--max-memory", "1MiB",
        "--set", "classes=3", "--input", "1x16x16", "--explain-rejections", "--json",
    )  # fmt: skip
    records = done.records()
    assert all(r["params"] <= 20_000 and r["depth"] <= 7 and r["output"] == [["B", 3]] for r in records)
    *causes, last = [json.loads(line) for line in done.err.splitlines()]
    assert causes
    assert set(last) == {"acceptance", "accepted", "rejected"}
    assert all(set(c) == {"code", "message", "count"} for c in causes)
    unique = einsyn("sample", "nasbench201", "--profile", "test", "-n", "200", "--unique").out.splitlines()
    assert len(set(unique)) == 200


def test_enumerate(einsyn: Command) -> None:
    done = einsyn("enumerate", "nasbench201", "-n", "7", "--json")
    assert [list(r) for r in done.records()] == [SAMPLE] * 7
    assert einsyn("enumerate", "nasbench201", "-n", "7").out.splitlines() == [r["arch"] for r in done.records()]
    assert einsyn("enumerate", "nasbench201", "--count").out == "15625\n"
    assert einsyn("enumerate", "nasbench201", "--count", "--json").records() == [
        {"space": "nasbench201", "count": 15625}
    ]
    assert einsyn("enumerate", "einspace", "--count").out == "infinite\n"


def test_check_and_profile(einsyn: Command) -> None:
    (record,) = einsyn("check", "einspace", ARCH, "--json").records()
    assert list(record) == [*SAMPLE, "ops", "memory"]
    assert record["arch"] == ARCH
    assert record["ops"] == {"batch_norm": 1, "linear": 2, "mean": 1}
    assert record["params"] == 16 * 33 + 2 * 3 + (3 + 1) * 10
    assert einsyn("profile", "einspace", ARCH, "--json").records() == [record]
    shown = einsyn("check", "einspace", ARCH).out
    assert record["hash"] in shown
    assert "574 params" in shown
    assert "batch_norm" in einsyn("profile", "einspace", ARCH).out
    nodes = einsyn("profile", "einspace", ARCH, "--by", "node", "--depth", "1").out.splitlines()
    assert [line.split()[0] for line in nodes[4:]] == ["start_0", "seq"]
    (measured,) = einsyn("profile", "einspace", ARCH, "--measure", "--runtime", "onnxruntime", "--json").records()
    assert list(measured) == [*record, "batch", "latency_ms", "peak_memory", "table"]
    assert list(measured["latency_ms"]) == ["onnxruntime"]
    assert measured["latency_ms"]["onnxruntime"] > 0
    assert sum(row["macs"] for row in measured["table"]) == record["macs"]


def test_an_architecture_may_come_from_anywhere(
    einsyn: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "net.arch"
    file.write_text("//@ cite nobody\n( linear 16 ;\n  norm )\n")
    expected = einsyn("check", "einspace", ARCH).out
    assert einsyn("check", "einspace", f"@{file}").out == expected
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(ARCH.encode() + b"\n")))
    assert einsyn("check", "einspace", "-").out == expected
    (reference,) = einsyn("check", "nasbench201", "ref:best_cifar100", "--json").records()
    assert reference["output"] == [["B", 100]]
    (reference,) = einsyn("check", "nasbench201", "ref:best_cifar100", "--set", "classes=7", "--json").records()
    assert reference["output"] == [["B", 7]]
    (small,) = einsyn("check", "nasbench201", "ref:best_cifar100", "--profile", "test", "--json").records()
    assert small["params"] < reference["params"]


def test_profile_says_at_what_size_it_ran(einsyn: Command) -> None:
    command = ("profile", "nasbench201", CELL, "--profile", "test", "--input", "c:3,h:4*H,w:4*W", "--measure")
    shown = einsyn(*command, "--runtime", "torch", "--batch", "2").out
    assert "batch 2, H 7, W 7, one thread" in shown
    (record,) = einsyn(*command, "--runtime", "torch", "--json").records()
    assert record["sizes"] == {"H": 7, "W": 7}


def test_options_of_measuring_need_it(einsyn: Command) -> None:
    for option, value in (("--runtime", "torch"), ("--batch", "2")):
        done = einsyn("profile", "einspace", ARCH, option, value)
        assert (done.status, done.out) == (2, "")
        assert f"error[U000]: {option} needs --measure" in done.err


def test_show(einsyn: Command, tmp_path: Path) -> None:
    assert einsyn("show", "einspace", ARCH).out.splitlines()[0] == "start: sequential"
    assert einsyn("show", "einspace", ARCH, "--as", "ir").out.startswith("einsyn ir 1\n")
    assert einsyn("show", "einspace", ARCH, "--as", "text").out == f"{ARCH}\n"
    assert "class Net" in einsyn("show", "einspace", ARCH, "--as", "source").out
    assert list(einsyn("show", "einspace", ARCH, "--json").records()[0]) == ["arch", "tree"]
    pretty = einsyn("show", "einspace", "ref:mlp_mixer", "--pretty").out
    assert pretty.count("\n") > 10
    (tmp_path / "pretty.arch").write_text(pretty)
    assert einsyn("show", "einspace", f"@{tmp_path / 'pretty.arch'}", "--as", "text").out == (
        einsyn("show", "einspace", "ref:mlp_mixer", "--as", "text").out
    )


def test_compile_and_show_the_file(einsyn: Command, tmp_path: Path) -> None:
    import onnx
    import torch

    net, model = tmp_path / "net.py", tmp_path / "net.onnx"
    done = einsyn(
        "compile", "nasbench201", CELL, "--profile", "test", "-o", str(net), "-o", str(model), "--verify", "--json"
    )
    assert done.status == 0, done.err
    for record, file in zip(done.records(), (net, model), strict=True):
        assert {"arch", "params", "macs", "file", "verified"} <= set(record)
        assert (record["arch"], record["file"], record["verified"]) == (CELL, str(file), True)
        assert record["difference"] < 1e-3
    onnx.checker.check_model(str(model), full_check=True)
    scope: dict[str, object] = {"__name__": "net"}
    exec(compile(net.read_text(), str(net), "exec"), scope)
    module = scope["Net"]()  # type: ignore[operator]
    assert module(torch.zeros(2, 3, 16, 16)).shape == (2, 10)
    (recovered,) = einsyn("show", str(model), "--json").records()
    assert CELL in recovered.values()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.onnx", "net.py"]


def test_a_failed_write_leaves_the_old_file(einsyn: Command, tmp_path: Path) -> None:
    file = tmp_path / "nets.txt"
    file.write_text("precious\n")
    done = einsyn("sample", "nasbench201", "-n", "2", "--max-params", "5", "--max-tries", "10", "-o", str(file))
    assert done.status == 1
    assert file.read_text() == "precious\n"
    assert list(tmp_path.iterdir()) == [file]


def test_lint_of_the_shipped_spaces(einsyn: Command) -> None:
    for space in shipped_spaces():
        done = einsyn("lint", space)
        assert (done.status, done.out) == (0, "")
        assert "no errors" in done.err


def test_no_command(einsyn: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nothing_declared.py").touch()
    for arguments in ([], ["--plugin", "nothing_declared"]):
        done = einsyn(*arguments)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith("Usage: ")
        assert "enumerate" in done.err
    done = einsyn("--json")
    assert (done.status, done.out) == (2, "")
    (found,) = done.findings()
    assert found["code"] == "U000"
    assert found["help"].startswith("Usage: ")
    assert einsyn("--plugin", "nothing_declared", "--version").status == 0


def test_version_and_help(einsyn: Command) -> None:
    assert einsyn("--version").out.startswith("einsyn 0.")
    assert list(einsyn("--version", "--json").records()[0]) == ["version"]
    shown = einsyn("--help")
    assert shown.status == 0
    for command in ("sample", "enumerate", "check", "compile", "show", "profile", "lint", "spaces", "ops"):
        assert command in shown.out
        assert einsyn(command, "--help").status == 0
