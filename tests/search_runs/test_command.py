"""`einsyn search`, `replay` and `export` as people run them, and what they say when something is wrong."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from said import Said
from small_runs import write_halves, write_space

import einsyn


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_space(tmp_path)


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    return Said(capfd)


def test_a_search_and_what_comes_after_it(said: Said) -> None:
    assert (
        said(
            "search",
            "small.lark",
            "--strategy",
            "random",
            "--objective",
            "macs",
            "--budget",
            "12",
            "--seed",
            "1",
            "-o",
            "run",
            "--json",
        )
        == 0
    )
    found = json.loads(said.out)
    assert found["arms"]["search"]["evaluations"] == 12
    assert found["reproducible"]
    space = einsyn.load("small.lark")
    best = space.parse(found["best"]["arch"])
    assert found["best"]["values"] == {"macs": best.macs}
    assert Path("run/best.py").read_text() == best.source()
    assert Path("run/best.onnx").stat().st_size > 100

    assert said("export", "run") == 0
    rows = list(csv.DictReader(io.StringIO(said.out)))
    assert len(rows) == 12
    assert min(float(row["macs"]) for row in rows) == best.macs
    assert said("export", "run", "--json") == 0
    records = [json.loads(line) for line in said.out.splitlines()]
    assert [r["arch"] for r in records] == [r["arch"] for r in rows]
    assert said("export", "run", "--facts", "--json") == 0
    assert json.loads(said.out)["plan"]["seed"] == 1

    assert said("replay", "run", found["best"]["id"], "-o", "again.py", "-o", "again.onnx", "--json") == 0
    again = json.loads(said.out)
    assert again["again"] == found["best"]["values"]
    assert again["same"]
    assert Path("again.py").read_text() == best.source()
    assert Path("again.onnx").read_bytes() == Path("run/best.onnx").read_bytes()

    assert said("search", "--resume", "run", "--extend", "8", "--json") == 0
    more = json.loads(said.out)
    assert more["arms"]["search"]["evaluations"] == 20


def test_the_trained_winner_is_what_is_written(said: Said) -> None:

    from einsyn.backends.verify import inference_session, run_session
    from einsyn.evaluate.data import read_data
    from einsyn.evaluate.fit import fit

    write_halves(200)
    Path("short.toml").write_text("epochs = 4\nbatch_size = 16\n")
    command = ["search", "small.lark", "--data", "halves.npz", "--recipe", "short.toml", "--budget", "4"]
    assert said(*command, "--executor", "in-process", "-o", "run", "--json") == 0
    found = json.loads(said.out)
    data = fit(read_data("halves.npz"), einsyn.load("small.lark"))
    session = inference_session("run/best.onnx")

    def accuracy(part: Any) -> float:
        (output,) = run_session(session, {session.get_inputs()[0].name: part.x.numpy()})
        return float((output.argmax(1) == part.y.numpy()).mean())

    assert accuracy(data.valid) == pytest.approx(found["best"]["values"]["train"])
    assert accuracy(data.test) == pytest.approx(found["test"])
    assert said("replay", "run", found["best"]["id"]) == 0
    assert f"now:    train {found['best']['values']['train']:.6g}" in said.out


def test_a_search_that_time_ends(said: Said) -> None:
    command = ["search", "small.lark", "--strategy", "random", "--objective", "params"]
    assert said(*command, "--time", "1s", "-o", "run", "--json") == 0
    found = json.loads(said.out)
    assert not found["reproducible"]
    done = found["arms"]["search"]["evaluations"]
    assert done > 0
    # As long again; and then so many more, however long that takes.
    assert said("search", "--resume", "run", "--json") == 0
    longer = json.loads(said.out)["arms"]["search"]["evaluations"]
    assert longer > done
    assert said("search", "--resume", "run", "--extend", "5", "--json") == 0
    assert json.loads(said.out)["arms"]["search"]["evaluations"] == longer + 5


def test_what_is_not_as_it_was_is_said(said: Said) -> None:
    assert (
        said(
            "search",
            "small.lark",
            "--objective",
            "python:failing:plain",
            "--budget",
            "3",
            "-o",
            "run",
            "--workers",
            "1",
        )
        == 0
    )
    Path("failing.py").write_text("def plain(architecture, seed):\n    return -1.0\n")
    import sys

    sys.modules.pop("failing", None)
    assert said("replay", "run", "0") == 1
    assert said.err.startswith("error[Q009]: evaluation 0 gives other values than are stored")
    assert said("replay", "run", "0", "--no-score") == 0


def test_a_search_in_which_nothing_succeeds_says_why(said: Said) -> None:
    Path("three.csv").write_text("arch,value\nno such architecture,1\n")
    assert said("search", "small.lark", "--objective", "table:three.csv", "--budget", "5", "-o", "run") == 1
    assert "failed: 5 missing" in said.out
    assert said.err.splitlines() == [
        "error[Q010]: none of 5 evaluations gave a value",
        f"   5 missing, such as: table:{Path('three.csv').resolve()}: three.csv has no row for it",
        "help: einsyn export run says what became of each",
    ]


def test_a_requirement_on_a_table_holds_after_a_run_goes_on(said: Said) -> None:
    texts = [a.text for a in einsyn.load("small.lark").sample(60, seed=5)]
    Path("known.csv").write_text("arch,value\n" + "".join(f"{t},{len(t) / 100}\n" for t in dict.fromkeys(texts)))
    given = ("search", "small.lark", "--objective", "table:known.csv", "--require", "table:known.csv<=0.03")
    assert said(*given, "--budget", "40", "-o", "whole") == 0
    assert said(*given, "--budget", "16", "-o", "part") == 0
    assert said("search", "--resume", "part", "--extend", "24") == 0

    def rows(run: str) -> list[dict[str, str]]:
        assert said("export", run) == 0
        return [{**row, "seconds": ""} for row in csv.DictReader(io.StringIO(said.out))]

    assert rows("part") == rows("whole")
    assert {row["status"] for row in rows("whole")} >= {"done", "refused"}


def test_the_end_of_a_search_asks_no_function_again(said: Said) -> None:
    Path("failing.py").write_text(
        "calls = []\n"
        "def eight(architecture, seed):\n"
        "    calls.append(architecture)\n"
        "    assert len(calls) <= 8, 'asked again'\n"
        "    return len(calls)\n"
    )
    given = ("--no-baseline", "--budget", "8", "--executor", "in-process", "-o", "run")
    assert said("search", "small.lark", "--objective", "python:failing:eight", *given) == 0
    assert "gives other values" not in said.out
    assert Path("run/best.onnx").exists()


def test_a_function_that_exits_is_a_failure(said: Said) -> None:
    Path("failing.py").write_text("def leaves(architecture, seed):\n    raise SystemExit(3)\n")
    given = ("--no-baseline", "--budget", "4", "--executor", "in-process", "-o", "run")
    assert said("search", "small.lark", "--objective", "python:failing:leaves", *given) == 1
    assert "4 crash, such as: python:failing:leaves: it asked to exit with 3" in said.err


MISTAKES = {
    "search small.lark --seed 99999999999999999999": """\
        error[U000]: invalid value for '--seed': a seed has 64 bits, 99999999999999999999 has more
        help: einsyn search --help
        exit status 2""",
    "search": """\
        error[U000]: missing argument `SPACE`
        help: einsyn search --help
        exit status 2""",
    "search small.lark --strategy randon": """\
        error[Q007]: there is no strategy `randon`
        help: did you mean `random`?
        exit status 2""",
    "search small.lark --objective trian": """\
        error[E001]: there is no objective `trian`
        help: did you mean `train`?
        exit status 2""",
    "search small.lark --objective params --objective params": """\
        error[E001]: the objective `params` is given twice
        help: give it once
        exit status 2""",
    "search small.lark --objective table:absent.csv": """\
        error[F001]: `absent.csv` does not exist
        help: check the path
        exit status 1""",
    "search small.lark --objective python:failing:gone": """\
        error[E006]: `python:failing:gone` cannot be imported: AttributeError: module 'failing' has no attribute 'gone'
        help: python:my_module:score, of a module that Python imports from here; it takes an architecture and a seed
        exit status 2""",
    "search small.lark --objective params --require parms<3": """\
        error[E007]: --require names `parms`, which is not known
        help: did you mean `params`?
        exit status 2""",
    "search small.lark --objective params --require params=3": """\
        error[E007]: --require needs NAME<NUMBER, not `params=3`
        help: --require 'params<2e6'
        exit status 2""",
    "search small.lark --objective params --option speed=3": """\
        error[Q007]: the strategy `evolution` has no option `speed`
        help: it has population, tournament, crossover, preserving
        exit status 2""",
    "search small.lark --objective params --start 9r": """\
        error[A002]: unexpected `9r`
         at <architecture>:1:1
           9r
           ^
           expected: WIDTH (2 4 8)
        help: einsyn sample SPACE prints texts of the language
        exit status 1""",
    "search small.lark --objective params --timeout 0": """\
        error[U023]: --timeout must be above 0, not 0.0
        help: --timeout 120
        exit status 2""",
    "search small.lark --objective params --time never": """\
        error[U023]: --time needs a time, not `never`
        help: --time 90s, 10m or 2h
        exit status 2""",
    "search small.lark --extend 3": """\
        error[U000]: --extend needs --resume RUN
        help: --budget N begins with N evaluations
        exit status 2""",
    "search small.lark --data absent.npz": """\
        error[E003]: the data set `absent.npz`: it does not exist
        help: arrays are x_train, y_train and, if there are, x_valid, y_valid, x_test, y_test; or x and y
        exit status 1""",
    "search small.lark --recipe wrong.toml": """\
        error[E002]: a recipe has no setting `epoch`
         at wrong.toml:2:1
        help: did you mean `epochs`?
        exit status 1""",
    "search --resume nowhere": """\
        error[Q002]: `nowhere` holds no run
        help: einsyn search SPACE ... -o RUN begins one
        exit status 1""",
    "search --resume nowhere --seed 3": """\
        error[U000]: `--seed` cannot go with --resume
        help: einsyn search --resume RUN goes on as it was begun; --extend N adds evaluations
        exit status 2""",
    "search small.lark --resume nowhere": """\
        error[U000]: `SPACE` cannot go with --resume
        help: einsyn search --resume RUN goes on as it was begun; --extend N adds evaluations
        exit status 2""",
    "search small.lark --objective params -o small.lark": """\
        error[F009]: `small.lark` cannot be made: File exists
        help: check the folder
        exit status 1""",
    "replay small.lark 0": """\
        error[Q002]: `small.lark` holds no run
        help: einsyn search SPACE ... -o RUN begins one
        exit status 1""",
    "replay nowhere 0 -o net.txt": """\
        error[U013]: `net.txt` is neither a .py nor an .onnx nor a .safetensors file
        help: -o net.py, -o net.onnx or -o net.safetensors
        exit status 2""",
    "export nowhere": """\
        error[Q002]: `nowhere` holds no run
        help: einsyn search SPACE ... -o RUN begins one
        exit status 1""",
}


@pytest.mark.parametrize("command", MISTAKES)
def test_mistakes(said: Said, command: str) -> None:
    Path("wrong.toml").write_text("batch_size = 8\nepoch = 3\n")
    before = sorted(Path().iterdir())
    status = said(*command.split())
    assert said.out == ""
    shown = "\n".join(line.rstrip() for line in f"{said.err}exit status {status}".splitlines())
    assert shown == dedent(MISTAKES[command])
    assert sorted(Path().iterdir()) == before
