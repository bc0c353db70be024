"""Comparisons of runs: every statistic against its definition on small data, and what is refused."""

from __future__ import annotations

import json
import sqlite3
from itertools import combinations, pairwise, product
from math import ceil, sqrt
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

import pytest
from small_runs import begin, carry_out, in_process, write_space

import einsyn
from einsyn.cli.main import run as command
from einsyn.errors import RunError
from einsyn.evaluate.named import objective_of
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training
from einsyn.report import statistics
from einsyn.report.compare import Comparison
from einsyn.search.plan import Plan
from einsyn.search.run import STORE, Run


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return einsyn.load(write_space(tmp_path))


# The statistics.


@pytest.mark.parametrize("seed", range(40))
def test_kendall_by_pairs(seed: int) -> None:
    random = Random(seed)
    count, levels = random.randint(2, 25), random.choice([2, 4, 100])
    x = [random.randint(0, levels) / 3 for _ in range(count)]
    y = [random.randint(0, levels) / 7 for _ in range(count)]

    def sign(a: float, b: float) -> int:
        return (a > b) - (a < b)

    pairs = [(sign(x[i], x[j]), sign(y[i], y[j])) for i, j in combinations(range(count), 2)]
    below = sqrt(sum(a != 0 for a, _ in pairs)) * sqrt(sum(b != 0 for _, b in pairs))
    found = statistics.kendall_tau(x, y)
    if below == 0:
        assert found is None
    else:
        assert found == pytest.approx(sum(a * b for a, b in pairs) / below)


def test_kendall_of_nothing() -> None:
    assert statistics.kendall_tau([], []) is None
    assert statistics.kendall_tau([1.0], [2.0]) is None


def by_inclusion(points: list[tuple[float, ...]], reference: tuple[float, ...]) -> float:
    """The volume of a union of boxes, by inclusion and exclusion."""
    total = 0.0
    for size in range(1, len(points) + 1):
        for chosen in combinations(points, size):
            volume = 1.0
            for axis, low in enumerate(reference):
                volume *= max(0.0, min(point[axis] for point in chosen) - low)
            total += volume if size % 2 else -volume
    return total


@pytest.mark.parametrize("seed", range(60))
def test_hypervolume_by_inclusion_and_exclusion(seed: int) -> None:
    random = Random(seed)
    axes = 1 + seed % 5
    levels = random.choice([3, 1000])
    points = [tuple(random.randint(-1, levels) / levels for _ in range(axes)) for _ in range(random.randint(0, 9))]
    reference = (0.0,) * axes
    assert statistics.hypervolume(points, reference) == pytest.approx(by_inclusion(points, reference))
    moved = [tuple(c - 2.0 for c in point) for point in points]
    assert statistics.hypervolume(moved, (-2.0,) * axes) == pytest.approx(by_inclusion(points, reference))


def test_hypervolume_of_many_points_is_refused_where_it_would_take_for_ever() -> None:
    random = Random(0)
    # Points of a sphere: none dominates another.
    points = []
    for _ in range(120):
        raw = [abs(random.gauss(0, 1)) for _ in range(6)]
        points.append(tuple(c / sqrt(sum(c * c for c in raw)) for c in raw))
    assert statistics.hypervolume(points, (0.0,) * 6) is None
    assert statistics.hypervolume([point[:3] for point in points], (0.0,) * 3) is not None


def test_an_interval_has_the_ends_of_all_resamples() -> None:
    a, b = [1.0, 4.0, 9.0], [2.0, 3.0]
    every = sorted((fmean(x) - fmean(y)) / abs(fmean(y)) for x in product(a, repeat=3) for y in product(b, repeat=2))
    low, high = every[int(0.025 * len(every))], every[ceil(0.975 * len(every)) - 1]
    found = statistics.interval([a, b], lambda s: statistics.improvement(*s))
    assert found == pytest.approx((low, high))
    assert statistics.interval([a, b], lambda s: statistics.improvement(*s)) == found
    assert statistics.interval([a, [1.0]], lambda s: statistics.improvement(*s)) is None
    assert statistics.interval([a, b], lambda s: None) is None


def test_an_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    """Of 300 samples of 20 normal numbers; the percentile bootstrap is a little too narrow."""
    random = Random(1)
    covered = 0
    for seed in range(300):
        sample = [random.gauss(5, 2) for _ in range(20)]
        low, high = statistics.interval([sample], lambda s: fmean(s[0]), seed=seed, resamples=300) or (0.0, 0.0)
        covered += low <= 5 <= high
    assert 0.88 <= covered / 300 <= 0.98


def test_improvement() -> None:
    assert statistics.improvement([3.0, 5.0], [2.0]) == 1.0
    # Of what is to be small, scores are negative: 8 is a fifth better than 10.
    assert statistics.improvement([-8.0], [-10.0]) == pytest.approx(0.2)
    assert statistics.improvement([1.0], [0.0]) is None
    assert statistics.deviation([2.0]) is None


# Runs.


def searched(folder: Path, space: einsyn.Space, objectives: list[str], **plan: Any) -> Path:
    with begin(folder, space, objectives, **plan) as run:
        carry_out(run, in_process(run))
    return folder


def compared(*folders: Path, at: int | None = None) -> dict[str, Any]:
    runs = [Run.open_(folder) for folder in folders]
    try:
        return Comparison(runs, at).record()
    finally:
        for run in runs:
            run.close()


def values(folder: Path, arm: str, at: int) -> list[tuple[float, ...]]:
    """What a search found in its first evaluations, read past everything that is tested."""
    query = "SELECT result FROM evaluations WHERE arm = ? AND number < ? AND result IS NOT NULL"
    with sqlite3.connect(folder / STORE) as connection:
        return [tuple(json.loads(row[0])) for row in connection.execute(query, (arm, at))]


def test_strategies_against_random(space: einsyn.Space, tmp_path: Path) -> None:
    short = [searched(tmp_path / f"s{n}", space, ["macs"], strategy="evolution", budget=20, seed=n) for n in range(3)]
    long = [searched(tmp_path / f"l{n}", space, ["macs"], strategy="local", budget=30, seed=n) for n in range(4)]
    plain = searched(tmp_path / "r", space, ["macs"], strategy="random", budget=25, seed=0, baseline=False)
    found = compared(*short, *long, plain)
    assert found["at"] == 20
    assert [g["label"] for g in found["groups"]] == ["evolution", "local"]
    # The baselines of seeds 0 to 3, each once, and random search as a strategy.
    drawn = [values(folder, "random", 20) for folder in long] + [values(plain, "search", 20)]
    best = [min(v for (v,) in each) for each in drawn]
    assert found["random"]["best"]["values"] == best
    for group, folders in zip(found["groups"], (short, long), strict=True):
        mine = [min(v for (v,) in values(folder, "search", 20)) for folder in folders]
        assert group["best"]["values"] == mine
        assert group["best"]["mean"] == pytest.approx(fmean(mine))
        assert group["best"]["deviation"] == pytest.approx(stdev(mine))
        better = group["improvement"]
        assert better["mean"] == pytest.approx((fmean(best) - fmean(mine)) / fmean(best))
        assert better["low"] <= better["mean"] <= better["high"]
        everything = fmean(v for each in drawn for (v,) in each)
        assert better["over_mean_architecture"] == pytest.approx((everything - fmean(mine)) / everything)
        assert group["seeds"] == list(range(len(folders)))
    assert compared(*short, *long, plain) == found
    early = compared(*short, at=5)
    assert early["groups"][0]["best"]["values"] == [min(v for (v,) in values(f, "search", 5)) for f in short]


def test_one_seed_has_no_interval(space: einsyn.Space, tmp_path: Path) -> None:
    found = compared(searched(tmp_path / "run", space, ["max:params"], strategy="local", budget=9))
    assert found["groups"][0]["improvement"]["mean"] is not None
    assert found["groups"][0]["improvement"]["low"] is None
    alone = compared(searched(tmp_path / "alone", space, ["params"], strategy="local", budget=9, baseline=False))
    assert alone["random"]["seeds"] == []
    assert alone["groups"][0]["improvement"]["mean"] is None


def test_ranks_and_hypervolume_of_several_objectives(space: einsyn.Space, tmp_path: Path) -> None:
    objectives = ["python:failing:plain", "macs", "max:memory"]
    folders = [searched(tmp_path / f"n{n}", space, objectives, strategy="nsga2", budget=24, seed=n) for n in range(2)]
    found = compared(*folders)

    def scores(folder: Path, arm: str) -> list[tuple[float, ...]]:
        return [(v, -macs, memory) for v, macs, memory in values(folder, arm, 24)]

    everything = [s for folder in folders for arm in ("search", "random") for s in scores(folder, arm)]
    low = [min(column) for column in zip(*everything, strict=True)]
    high = [max(column) for column in zip(*everything, strict=True)]
    assert found["reference"] == [low[0], -low[1], low[2]]
    assert found["ideal"] == [high[0], -high[1], high[2]]
    side = [h - l for l, h in zip(low, high, strict=True)]
    for arm, told in (("search", found["groups"][0]), ("random", found["random"])):
        for folder, volume in zip(folders, told["hypervolume"]["values"], strict=True):
            points = [
                tuple((c - l) / d for c, l, d in zip(s, low, side, strict=True)) for s in set(scores(folder, arm))
            ]
            front = [
                p for p in points if not any(q != p and all(a >= b for a, b in zip(q, p, strict=True)) for q in points)
            ]
            # Counted in cells between all coordinates.
            cuts = [sorted({0.0, *(p[axis] for p in front)}) for axis in range(3)]
            cells = product(*(list(pairwise(c)) for c in cuts))
            expected = sum(
                (a[1] - a[0]) * (b[1] - b[0]) * (c[1] - c[0])
                for a, b, c in cells
                if any(p[0] >= a[1] and p[1] >= b[1] and p[2] >= c[1] for p in front)
            )
            assert volume == pytest.approx(expected)
    more = found["groups"][0]["more_hypervolume"]
    mine, drawn = found["groups"][0]["hypervolume"]["mean"], found["random"]["hypervolume"]["mean"]
    assert more["difference"] == pytest.approx(mine - drawn)
    with sqlite3.connect(folders[0] / STORE) as a, sqlite3.connect(folders[1] / STORE) as b:
        query = "SELECT arch, result, params FROM evaluations WHERE arm = 'random' ORDER BY number"
        known: dict[str, Any] = {}
        for arch, result, params in [*a.execute(query), *b.execute(query)]:
            known.setdefault(arch, (*json.loads(result), params))
    goal = [row[0] for row in known.values()]
    expected_taus = {
        "macs": statistics.kendall_tau([-row[1] for row in known.values()], goal),
        "memory": statistics.kendall_tau([row[2] for row in known.values()], goal),
        "params": statistics.kendall_tau([row[3] for row in known.values()], goal),
    }
    assert {each["of"]: each["tau"] for each in found["tau"]} == expected_taus
    assert {each["architectures"] for each in found["tau"]} == {len(known)}


def test_the_trained_score_is_what_proxies_are_held_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = einsyn.load("nasbench201", input="1x8x8", params={"channels": 2, "cells": 1})
    objectives = [objective_of("synflow"), Training("digits", Recipe(epochs=1, train_examples=64, valid_examples=64))]
    with Run.create(tmp_path / "run", space, Plan(strategy="random", budget=12), objectives) as run:
        carry_out(run, in_process(run))
    told = {each["of"]: each["against"] for each in compared(tmp_path / "run")["tau"]}
    assert told == {"synflow": "train", "params": "train", "macs": "train"}


def test_failures_count(space: einsyn.Space, tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("arch,value\n2r,1\n2t,2\n4r,3\n4t,3\n")
    folders = [
        searched(tmp_path / f"e{n}", space, ["table:some.csv"], strategy="evolution", budget=3, seed=n)
        for n in range(6)
    ]
    found = compared(*folders)
    empty = sum(not values(folder, "search", 3) for folder in folders)
    assert 0 < empty < 6
    assert found["groups"][0]["without_value"] == empty
    assert len(found["groups"][0]["best"]["values"]) == 6 - empty
    (tmp_path / "none.csv").write_text("arch,value\nnothing,1\n")
    nothing = compared(searched(tmp_path / "none", space, ["table:none.csv"], strategy="local", budget=3))
    assert nothing["groups"][0]["best"]["mean"] is None
    assert command(["compare", "none"]) == 0


def test_unlike_runs_are_refused(space: einsyn.Space, tmp_path: Path) -> None:
    first = searched(tmp_path / "first", space, ["macs"], budget=4)
    table = tmp_path / "some.csv"
    table.write_text("arch,value\n2r,1\n")
    with_table = searched(tmp_path / "table", space, ["table:some.csv"], budget=4)
    table.write_text("arch,value\n2r,2\n")
    other_table = searched(tmp_path / "other", space, ["table:some.csv"], budget=4, seed=1)
    wide = einsyn.load("small.lark", input="d:8")
    limited = einsyn.load("small.lark", max_params=100)
    (tmp_path / "small.lark").write_text((tmp_path / "small.lark").read_text().replace("p 0.4", "p 0.5"))
    changed = einsyn.load("small.lark")
    unlike = {
        "objective 1 maximise": searched(tmp_path / "more", space, ["max:macs"], budget=4),
        "objective 1 objective": searched(tmp_path / "params", space, ["params"], budget=4),
        "requirements": searched(tmp_path / "needs", space, ["macs"], budget=4, requirements=[("params", ">", 9.0)]),
        "plan again": searched(tmp_path / "again", space, ["macs"], budget=4, again=True),
        "input x": searched(tmp_path / "wide", wide, ["macs"], budget=4),
        "limit max_params": searched(tmp_path / "limited", limited, ["macs"], budget=4),
        "files of the space": searched(tmp_path / "changed", changed, ["macs"], budget=4),
    }
    cases = [(first, name, folder) for name, folder in unlike.items()]
    for one, name, other in [*cases, (with_table, "objective 1 digest", other_table)]:
        with pytest.raises(RunError) as caught:
            compared(one, other)
        (found,) = caught.value.diagnostics
        assert found.code == "Q021"
        assert any(line.startswith(f"{name}: ") for line in found.evidence), found.evidence


def test_recipes_that_differ_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    space = einsyn.load("nasbench201", input="1x8x8")
    for name, epochs in (("a", 3), ("b", 5)):
        Run.create(tmp_path / name, space, Plan(budget=3), [Training("digits", Recipe(epochs=epochs))]).close()
    with pytest.raises(RunError) as caught:
        compared(Path("a"), Path("b"))
    (found,) = caught.value.diagnostics
    assert found.evidence == ("objective 1 recipe epochs: 3 in a; 5 in b",)


def test_what_else_is_refused_and_noted(space: einsyn.Space, tmp_path: Path) -> None:
    one = searched(tmp_path / "one", space, ["macs"], strategy="local", budget=6)
    same = searched(tmp_path / "same", space, ["macs"], strategy="local", budget=9)
    begin(tmp_path / "empty", space, ["macs"], budget=6, seed=3).close()
    for folders, at, code in (
        ([one, same], None, "Q022"),
        ([one], 7, "Q023"),
        ([one, tmp_path / "empty"], None, "Q023"),
    ):
        with pytest.raises(RunError) as caught:
            compared(*folders, at=at)
        assert caught.value.code == code
    other = searched(tmp_path / "slow", space, ["macs"], strategy="local", budget=6, seed=4, timeout=9.0)
    with sqlite3.connect(other / STORE) as connection:
        connection.execute(
            "UPDATE facts SET value = replace(value, '\"torch\": \"', '\"torch\": \"9.') WHERE name = 'versions'"
        )
    notes = compared(one, other)["notes"]
    assert [note.split(":")[0] for note in notes] == [
        "the runs were begun with different versions of torch",
        "the runs have different limits of time for an evaluation",
    ]


def test_the_command(space: einsyn.Space, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for n in range(2):
        searched(tmp_path / f"e{n}", space, ["max:params", "macs"], strategy="evolution", budget=15, seed=n,
                 options={"population": 4, "tournament": 2})  # fmt: skip
    assert command(["compare", "e0", "e1"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "small: params (more is better), macs (less is better); 15 evaluations of each search"
    assert lines[3].startswith("evolution population=4")
    assert any(line.startswith("hypervolume") for line in lines)
    assert any(line.startswith("Kendall's tau against params, ") for line in lines)
    assert command(["compare", "e0", "e1", "--at", "10", "--json"]) == 0
    assert json.loads(capfd.readouterr().out) == json.loads(json.dumps(compared(Path("e0"), Path("e1"), at=10)))
    assert command(["compare", "e0", "e0"]) == 1
    assert capfd.readouterr().err.startswith("error[Q022]: `e0` and `e0` are one search with one seed")
    assert command(["compare"]) == 2
    assert command(["compare", "e0", "nowhere"]) == 1
