"""Reports on runs: what they say is what the run holds, whatever state it is in, and they fetch nothing."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections import Counter
from dataclasses import fields
from pathlib import Path

import pytest
from html_page import Page
from small_runs import begin, carry_out, in_process, pool, results, write_halves, write_space

import einsyn
from einsyn.cli.main import run as command
from einsyn.errors import EinsynError
from einsyn.evaluate.recipe import Recipe, read_recipe
from einsyn.report.facts import Facts
from einsyn.report.operators import occurrences
from einsyn.report.page import report
from einsyn.report.reproduce import reproduction
from einsyn.search.plan import Plan
from einsyn.search.run import Run

SECTIONS = [
    "Score against evaluations", "The best architectures", "Where the best comes from", "What the best are made of",
    "Moves", "Failures", "How to do it again",
]  # fmt: skip


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return einsyn.load(write_space(tmp_path))


def checked(folder: Path) -> Page:
    """The report on a run, the same twice, which fetches nothing and has all sections."""
    with Run.open_(folder) as run:
        text = report(run)
        assert report(run) == text
    with Run.open_(folder) as run:
        assert report(run) == text
    page = Page(text)
    assert page.fetched() == []
    assert page.handlers() == []
    for section in SECTIONS:
        assert section in page.texts, section
    for script in page.scripts[1:]:  # the first is plotly's, which the policy of the page keeps from fetching
        assert script.startswith("{") or "http" not in script
    return page


def figures(page: Page) -> dict[str, dict]:  # type: ignore[type-arg]
    names = [str(a["data-figure"]) for tag, a in page.tags if tag == "script" and "data-figure" in a]
    data = [script for script in page.scripts if script.startswith("{")]
    return {name: json.loads(text) for name, text in zip(names, data, strict=True)}


def test_a_search_with_its_baseline(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["max:macs"], strategy="evolution", budget=60, seed=3) as run:
        carry_out(run, in_process(run))
        kept = results(run)
    page = checked(tmp_path / "run")
    found = figures(page)
    assert list(found) == ["course-0", "front-0", "operators"]
    points = found["course-0"]["data"]
    for arm, each, best in (("search", points[0], points[2]), ("random", points[1], points[3])):
        mine = [e for e in kept if e.arm == arm]
        assert each["y"] == [e.values[0] for e in mine if e.values is not None]
        # The line is the running maximum wherever it is looked at.
        for count in range(1, len(mine) + 1):
            at = [y for x, y in zip(best["x"], best["y"], strict=True) if x <= count]
            assert at[-1] == max(e.values[0] for e in mine[:count] if e.values is not None)
    marked = found["front-0"]["data"][-1]
    done = [(e.values[0], e.params) for e in kept if e.arm == "search" and e.values is not None]
    undominated = {(v, p) for v, p in done if not any(w >= v and q <= p and (w, q) != (v, p) for w, q in done)}
    assert set(zip(marked["y"], marked["x"], strict=True)) == undominated
    drawn = [str(a["id"]) for tag, a in page.tags if tag == "details" and "id" in a]
    assert set(drawn) <= {f"arch-{id_}" for id_ in marked["customdata"]}
    filled = [
        i for i, symbol in zip(marked["customdata"], marked["marker"]["symbol"], strict=True) if symbol == "circle"
    ]
    assert sorted(drawn) == sorted(f"arch-{id_}" for id_ in filled)


def test_what_became_of_moves(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(
        tmp_path / "run", space, ["python:failing:odd"], strategy="evolution", budget=50, timeout=60.0,
        options={"population": 6, "tournament": 3},
    ) as run:  # fmt: skip
        carry_out(run, pool(run, 2))
        facts = Facts(run)
        mine = [e for e in results(run) if e.arm == "search"]
        moves = {each.move: each for each in facts.moves()}
        assert {name: each.proposed for name, each in moves.items()} == Counter(e.move for e in mine)
        values = {e.number: e.values for e in mine}
        for name, each in moves.items():
            of = [e for e in mine if e.move == name]
            assert each.done == sum(e.status == "done" for e in of)
            assert each.accepted == sum(any(e.number in other.parents for other in mine) for e in of)
            better = [e for e in of if any(values[p] for p in e.parents)]
            if not better:
                assert each.better is None
                continue
            assert each.better == sum(
                e.values is not None and all(e.values[0] > values[p][0] for p in e.parents if values[p])  # type: ignore[index]
                for e in better
            )
        failures = {(f.arm, f.kind): f.evaluations for f in facts.failures()}
        assert failures == Counter((e.arm, e.status) for e in results(run) if e.status != "done")
        lineage = [e.number for e in facts.lineage]
        assert lineage[0] == int(facts.best.id)  # type: ignore[union-attr]
        assert all(p in lineage for e in facts.lineage for p in e.parents)
    page = checked(tmp_path / "run")
    assert any("no such luck" in text for text in page.texts)


def test_occurrences_are_counted(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["macs"], budget=60) as run:
        carry_out(run, in_process(run))
        found = occurrences(Facts(run))
        assert found is not None
        texts = list(dict.fromkeys(e.arch for e in results(run)))
        assert found.looked_at == len(texts)
        architectures = sorted((space.parse(text) for text in texts), key=lambda a: a.macs)
        best = architectures[: -(-len(architectures) // 10)]
        assert found.best == len(best)
        rows = {(r.kind, r.name): r for r in found.rows}

        def mean(of: list[einsyn.Architecture], text: str) -> float:
            return sum(len(re.findall(text, a.text)) for a in of) / len(of)

        for key, text in (
            (("value", "WIDTH 8"), "8"),
            (("production", 'act: "r" -> relu'), "r"),
            (("operation", "tanh"), "t"),
        ):
            row = rows[key]
            assert row.mean == pytest.approx(mean(architectures, text))
            # Which of those that are equally good are in the tenth is for the order in the run to say.
            assert row.share == pytest.approx(sum(text in a.text for a in architectures) / len(architectures))
        assert sum(a.macs for a in best) <= sum(a.macs for a in architectures[: len(best)])
        layers = rows["operation", "linear"]
        assert layers.best_mean <= layers.mean


def test_runs_in_any_state(space: einsyn.Space, tmp_path: Path) -> None:
    begin(tmp_path / "begun", space, ["params"], budget=9).close()
    page = checked(tmp_path / "begun")
    assert any("unfinished, or ended early: 0 of 9 evaluations" in text for text in page.texts)
    with begin(tmp_path / "half", space, ["params"], budget=40) as run:
        carry_out(run, in_process(run), 10)
    page = checked(tmp_path / "half")
    assert any("10 of 40 evaluations" in text for text in page.texts)
    (tmp_path / "none.csv").write_text("arch,value\nnothing,1\n")
    with begin(tmp_path / "failed", space, ["table:none.csv"], budget=9) as run:
        carry_out(run, in_process(run))
    page = checked(tmp_path / "failed")
    assert any("has no row for it" in text for text in page.texts)
    assert figures(page) == {}
    rows = "".join(f"{a.text},{a.params / 7}\n" for a in space.enumerate(max_size=9))
    (tmp_path / "some.csv").write_text(f"arch,value\n{rows}")
    with begin(tmp_path / "table", space, ["table:some.csv"], budget=30, baseline=False) as run:
        carry_out(run, in_process(run))
    assert list(figures(checked(tmp_path / "table"))) == ["course-0", "front-0"]
    with begin(tmp_path / "several", space, ["macs", "max:params", "memory"], strategy="nsga2", budget=40) as run:
        carry_out(run, in_process(run))
        front = {e.id for e in run.front()}
    found = figures(checked(tmp_path / "several"))
    assert [name for name in found if name.startswith("front")] == ["front-1", "front-2"]
    assert set(found["front-1"]["data"][-1]["customdata"]) == front
    assert [name for name in found if name.startswith("course")] == ["course-0", "course-1", "course-2"]


def test_text_from_a_run_stays_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hostile.lark").write_text(
        "//@ einsyn 1\n//@ title </script><script>alert(1)</script>\n//@ input x f32[B, d:4]\n"
        'start: X start -> f\n | X -> g\nX: "</script><img src=x onerror=alert(2)>" | "<a href=http://x>"\n'
        "//@ define f(t, r)(x) = relu(r(x))\n//@ define g(t)(x) = relu(x)\n"
    )
    with begin(tmp_path / "run", einsyn.load("hostile.lark"), ["max:memory"], budget=30) as run:
        carry_out(run, in_process(run))
    page = checked(tmp_path / "run")
    assert not [tag for tag, _ in page.tags if tag in ("img", "a")]
    told = figures(page)["course-0"]["data"][0]["text"]
    assert all("<a" not in text and "<img" not in text for text in told)


def redone(folder: Path) -> None:
    """What the report says, done: the run `again` is the same."""
    with Run.open_(folder) as run:
        said = reproduction(run)
        kept = results(run)
    if said.recipe is not None:
        Path("recipe.toml").write_text(said.recipe + "\n")
    for line in said.commands:
        words = shlex.split(line)
        assert words[0] == "einsyn"
        assert command(words[1:]) == 0
    with Run.open_(Path("again")) as run:
        assert results(run) == kept


def test_commands_give_the_run_again(space: einsyn.Space, tmp_path: Path) -> None:
    assert command([
        "search", "small.lark", "--objective", "max:macs", "--strategy", "evolution", "--option", "population=5",
        "--require", "params<200", "--require", "macs>=5", "--start", "2r;4t", "--budget", "13", "--seed", "4",
        "--again", "--batch", "5", "--max-size", "19", "--input", "x=d:6", "-o", "first",
    ]) == 0  # fmt: skip
    assert command(["search", "--resume", "first", "--extend", "4"]) == 0
    assert command(["search", "--resume", "first", "--extend", "9"]) == 0
    with Run.open_(Path("first")) as run:
        assert [line.partition("--extend ")[2] for line in reproduction(run).commands] == ["", "4", "9"]
    redone(Path("first"))


def test_every_field_of_a_plan_is_an_option_of_the_command() -> None:
    from inspect import signature

    from einsyn.cli.search import search

    told_otherwise = {"options": "option", "objectives": "objective", "requirements": "require", "seconds": "time_",
                      "memory": "worker_memory"}  # fmt: skip
    options = signature(search).parameters
    for field in fields(Plan):
        assert told_otherwise.get(field.name, field.name) in options


def test_recipes_and_data_are_told(space: einsyn.Space, tmp_path: Path) -> None:
    write_halves(60)
    Path("short.toml").write_text('epochs = 2\nbatch_size = 16\noptimiser = "sgd"\nflip = true\nclip = 0.5\n')
    words = ["search", "small.lark", "--data", "halves.npz", "--recipe", "short.toml", "--budget", "3"]
    assert command([*words, "--strategy", "random", "--executor", "in-process", "-o", "first"]) == 0
    redone(Path("first"))
    assert read_recipe("recipe.toml") == read_recipe("short.toml") != Recipe()


def test_doubts(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, ["latency", "python:failing:plain"], seconds=3.0) as run:
        said = reproduction(run)
    assert len(said.doubts) == 3
    assert "--time 3s" in said.commands[0]


def test_the_command(space: einsyn.Space, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with begin(tmp_path / "run", space, ["params"], budget=5) as run:
        carry_out(run, in_process(run))
        text = report(run)
    assert command(["report", "run"]) == 0
    assert Page(Path("run/report.html").read_text()).fetched() == []
    assert command(["report", "run", "-o", "page.html", "--json"]) == 0
    assert json.loads(capfd.readouterr().out.splitlines()[-1]) == {"run": "run", "file": "page.html"}
    # Only the folder is named as the command line names it.
    assert Path("page.html").read_text() == text.replace(f"{tmp_path}/run", "run")
    assert command(["report", "nowhere"]) == 1
    assert "error[Q002]" in capfd.readouterr().err


def test_without_plotly(space: einsyn.Space, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(tmp_path / "run", space, ["params"], budget=5).close()
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with Run.open_(tmp_path / "run") as run, pytest.raises(EinsynError) as caught:
        report(run)
    assert caught.value.code == "B001"
    assert "einsyn[search]" in str(caught.value)
