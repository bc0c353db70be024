"""`einsyn explain` and `einsyn diff` as JSON; what `explain` says to people is in `mistakes.txt`."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from command_line import Command
from mistakes import SPACE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("space.lark").write_text(SPACE)


def test_a_text_that_is_no_sentence(einsyn: Command) -> None:
    done = einsyn("explain", "space.lark", "linaer8", "--json")
    (record,) = done.records()
    assert (done.status, record["in_space"], record["sentence"], record["log_prob"]) == (1, False, False, None)
    assert record["diagnostic"]["code"] == "A002"
    assert (record["nearest"], record["distance"]) == ("linear8", 1)
    assert record["edits"] == [{"kind": "replace", "position": 0, "old": "linaer", "new": "linear"}]
    assert einsyn("check", "space.lark", record["nearest"]).status == 0


def test_a_sentence_that_is_no_architecture(einsyn: Command) -> None:
    (record,) = einsyn("explain", "space.lark", "relu ; [linear4+linear8]", "--json").records()
    assert (record["in_space"], record["sentence"], record["arch"]) == (False, True, "relu;[linear4+linear8]")
    start, end = record["place"]
    assert record["arch"][start:end] == "[linear4+linear8]"
    assert record["repairs"][0] == {"old": "4", "new": "8", "arch": "relu;[linear8+linear8]"}
    for repair in record["repairs"]:
        assert einsyn("check", "space.lark", repair["arch"]).status == 0


def test_no_repair_is_told_twice(einsyn: Command) -> None:
    text = '//@ require params < 100\nstart: "a" W -> linear\nW: "8" | "9" | "16"\n'
    Path("small.lark").write_text(f"//@ einsyn 1\n//@ input x f32[B, s:4, d:8]\n{text}")
    (record,) = einsyn("explain", "small.lark", "a16", "--json").records()
    assert [r["arch"] for r in record["repairs"]] == ["a8", "a9"]


def test_an_architecture_and_its_choices(einsyn: Command) -> None:
    done = einsyn("explain", "space.lark", "linear8;[relu+linear8]", "--json")
    (record,) = done.records()
    (checked,) = einsyn("check", "space.lark", record["arch"], "--json").records()
    assert (done.status, record["in_space"]) == (0, True)
    assert record["log_prob"] == pytest.approx(checked["log_prob"])
    assert math.fsum(p["count"] * p["log_prob"] for p in record["parts"]) == pytest.approx(checked["log_prob"])
    widths = [p for p in record["parts"] if p["symbol"] == "WIDTH"]
    assert [(p["choice"], p["count"]) for p in widths] == [("8", 2)]


def test_references_and_files(einsyn: Command) -> None:
    assert einsyn("explain", "nasbench201", "ref:best_cifar10", "--profile", "test").status == 0
    Path("net.arch").write_text("linear8;\nlinaer8\n")
    done = einsyn("explain", "space.lark", "@net.arch", "--json")
    assert (done.status, done.records()[0]["nearest"]) == (1, None) or done.records()[0]["distance"] >= 1
    assert einsyn("explain", "space.lark", "@nowhere.arch").status == 1
    assert einsyn("explain", "space.lark", "linear8", "--max-params", "7").status == 1


def test_diff(einsyn: Command) -> None:
    Path("other.lark").write_text(SPACE.replace('"half"                       -> half', '"tanh" -> tanh'))
    done = einsyn("diff", "space.lark", "other.lark", "-n", "80", "--json")
    (record,) = done.records()
    assert done.status == 0
    a, b = record["a"], record["b"]
    assert (a["space"], b["space"], a["count"], a["exact"]) == ("space.lark", "other.lark", "infinite", False)
    assert 0 < a["contained"] < 1
    assert a["same_network"] <= a["contained"]
    assert all("half" in text for text in a["alone"])
    assert all("tanh" in text for text in b["alone"])
    shown = einsyn("diff", "space.lark", "other.lark", "-n", "20")
    assert shown.out.splitlines()[0].split() == ["space.lark", "other.lark"]


def test_columns_stay_apart(einsyn: Command) -> None:
    names = ("nasbench201", "hierarchical_nasbench201")
    lines = einsyn("diff", *names, "-n", "2").out.splitlines()
    assert lines[0].split() == [*names]
    assert [line.split() for line in lines if line.startswith("derivations")] == [["derivations", "15625", "7.029e375"]]
