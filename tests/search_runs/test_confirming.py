"""Confirming: who wins is what the definition says, wherever it falls, and every training is kept and done again."""

from __future__ import annotations

import json
import shlex
import sqlite3
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from said import Said
from small_runs import EXECUTORS, Fallen, Falls, carry_out, in_process, results, write_halves, write_space

import einsyn
from einsyn.errors import UsageError
from einsyn.evaluate.data import read_data
from einsyn.evaluate.folds import folds_of, with_fold
from einsyn.evaluate.objective import EvaluationError, Repetition
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training
from einsyn.report.facts import Facts
from einsyn.report.page import report
from einsyn.report.reproduce import reproduction
from einsyn.search.confirming import confirmed, repetitions, winner
from einsyn.search.driver import Driver
from einsyn.search.executors import InProcess
from einsyn.search.plan import Plan
from einsyn.search.run import STORE, Run
from einsyn.search.store import Confirmation

RECIPE = Recipe(epochs=2, batch_size=16, noise=0.1)
OPTIONS: dict[str, Any] = {
    "strategy": "evolution", "options": {"population": 6, "tournament": 2}, "budget": 12, "confirm": 3, "repeats": 2,
}  # fmt: skip


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    write_space(tmp_path)
    write_halves(120)
    return einsyn.load(tmp_path / "small.lark")


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    return Said(capfd)


def begin(folder: Path, space: einsyn.Space, training: Training | None = None, **options: Any) -> Run:
    return Run.create(folder, space, Plan(**{**OPTIONS, **options}), [training or Training("halves.npz", RECIPE)])


def trainings(run: Run) -> list[Confirmation]:
    """All further trainings, without the time that they took."""
    known = dict.fromkeys(e.same for e in results(run))
    return [each._replace(seconds=0.0) for same in known for each in run.store.confirmations(same)]


def test_folds_share_the_examples() -> None:
    data = read_data("digits")
    assert folds_of(data) == 5
    everything = sorted(x.tobytes() for x in (*data.train.x, *data.valid.x))
    parts = [with_fold(data, number) for number in range(5)]
    assert parts[0] is data
    for part in parts:
        assert part.test is data.test
        assert sorted(x.tobytes() for x in (*part.train.x, *part.valid.x)) == everything
        assert abs(len(part.valid.x) - len(data.valid.x)) <= 1
        shares = np.bincount(part.valid.y) / len(part.valid.y)
        assert np.abs(shares - np.bincount(data.train.y) / len(data.train.y)).max() < 0.01
        # Examples have their own targets.
        known = {x.tobytes(): y for x, y in zip(data.train.x, data.train.y, strict=True)}
        assert all(known.get(x.tobytes(), y) == y for x, y in zip(part.valid.x, part.valid.y, strict=True))
    assert sorted(x.tobytes() for part in parts for x in part.valid.x) == everything


def test_a_validation_part_that_is_given_stays(space: einsyn.Space, tmp_path: Path) -> None:
    halves = read_data("halves.npz")
    assert not halves.given
    np.savez(
        "given.npz", x_train=halves.train.x, y_train=halves.train.y, x_valid=halves.valid.x, y_valid=halves.valid.y
    )
    assert folds_of(read_data("given.npz")) == 1
    with begin(tmp_path / "given", space, Training("given.npz", RECIPE), repeats=6) as run:
        assert {each.fold for each in repetitions(run)} == {0}
        assert len({each.seed for each in repetitions(run)}) == 6
    with begin(tmp_path / "split", space, repeats=6) as run:
        assert [each.fold for each in repetitions(run)] == [1, 2, 3, 4, 0, 1]


class Luck(Training):
    """A table in the place of training, in which much is luck: of the seed, and of the examples that judge."""

    def luck(self, text: str, what: object) -> float:
        random = Random(f"{text}/{what}")
        return random.choice([0.25, 0.5, random.random()])

    def evaluate(self, architecture: einsyn.Architecture, seed: int) -> float:
        return self.luck(architecture.text, "search")

    def evaluate_repetition(self, architecture: einsyn.Architecture, repetition: Repetition) -> float:
        value = self.luck(architecture.text, repetition)
        if value < 0.1:
            raise EvaluationError("nan", "so says the table")
        return value


@pytest.mark.parametrize("maximise", [True, False])
@pytest.mark.parametrize("best", [1, 3, 8, 100])
def test_who_wins_is_as_defined(space: einsyn.Space, tmp_path: Path, best: int, maximise: bool) -> None:
    table = Luck("halves.npz", RECIPE, maximise)
    sign = 1.0 if maximise else -1.0
    with begin(tmp_path / "run", space, table, budget=30, confirm=best, repeats=3) as run:
        with InProcess([table], 0) as executor:
            driver = Driver(run, executor)
            driver.go(30)
        everyone = Counter[str]()
        for arm in ("search", "random"):
            # Each network once, as it came first; whoever has fewer than so many before it is confirmed.
            first = {e.same: e for e in reversed(results(run)) if e.arm == arm}.values()
            scores = {e.number: (sign * table.luck(e.arch, "search"), -e.number) for e in first}
            chosen = [e for e in first if sum(s > scores[e.number] for s in scores.values()) < best]
            everyone.update({e.same: 1 for e in chosen})

            def rank(e: Any, scores: Any = scores) -> tuple[Any, ...]:
                values = [table.luck(e.arch, each) for each in repetitions(run)]
                kept = [v for v in values if v >= 0.1]
                return len(kept) - len(values), sign * sum(kept) if len(kept) == 3 else 0.0, scores[e.number]

            told = confirmed(run, arm)
            assert [each.evaluation.number for each in told] == [
                e.number for e in sorted(chosen, key=rank, reverse=True)
            ]
            assert winner(run, arm) == max(chosen, key=rank)._replace(seconds=told[0].evaluation.seconds)
            assert all((each.mean is None) == (each.failed > 0) for each in told)
        assert driver.confirmations == (3 * len(everyone), 3 * len(everyone))
        assert len(trainings(run)) == 3 * len(everyone)


def test_whoever_trains_and_wherever_it_falls_the_winner_is_the_same(space: einsyn.Space, tmp_path: Path) -> None:
    found: list[Any] = []
    for name, executor in EXECUTORS.items():
        with begin(tmp_path / name, space) as run:
            carry_out(run, executor(run))
            found.append((results(run), trainings(run), winner(run)))
    evaluated = sum(e.seconds is not None for e in found[0][0])
    # In the middle of the search, at its last evaluation, and in the middle of confirming.
    for after in (3, evaluated, evaluated + 3):
        folder = tmp_path / f"fell{after}"
        with begin(folder, space) as run, pytest.raises(Fallen):
            carry_out(run, Falls(in_process(run), after))
        with Run.open_(folder, write=True) as run:
            kept = trainings(run)
            assert len(kept) == max(0, after - evaluated)
            assert confirmed(run) == []
            assert winner(run) == run.front()[0]
            # What is stored is not trained again.
            left = len(found[0][1]) - len(kept) + max(0, evaluated - after)
            with pytest.raises(Fallen):
                carry_out(run, Falls(in_process(run), left - 1))
        with Run.open_(folder, write=True) as run:
            carry_out(run, Falls(in_process(run), 1))
            found.append((results(run), trainings(run), winner(run)))
    assert found[0][1]
    assert all(each[:2] == found[0][:2] for each in found)
    assert len({each[2].number for each in found}) == 1


def test_what_is_added_is_confirmed_as_well(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space) as run:
        carry_out(run, in_process(run))
        before = set(trainings(run))
        run.extend(12)
    with Run.open_(tmp_path / "run", write=True) as run:
        driver = carry_out(run, in_process(run))
        after = set(trainings(run))
        assert before < after
        assert len(confirmed(run)) == 3
        assert driver.confirmations[0] == driver.confirmations[1] <= len(after)


def test_the_command_says_it_and_replay_does_it_again(
    space: einsyn.Space, said: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("short.toml").write_text("epochs = 2\nbatch_size = 16\n")
    begun = ["search", "small.lark", "--data", "halves.npz", "--recipe", "short.toml", "--budget", "8"]
    begun += ["--executor", "in-process"]
    assert said(*begun, "--repeats", "2", "-o", "run", "--json") == 0
    found = json.loads(said.out)
    ranked = found["confirmed"]
    assert 1 < len(ranked) <= 8
    assert ranked[0]["id"] == found["best"]["id"]
    assert ranked[0]["mean"] == max(each["mean"] for each in ranked) == sum(ranked[0]["values"]) / 2
    assert [each["value"] for each in found["best"]["confirmations"]] == ranked[0]["values"]
    assert found["arms"]["random"]["confirmed"]["mean"] > 0
    assert found["arms"]["search"]["evaluations"] == 8

    # A run that has ended trains nothing more, and says the same.
    def never(*_: Any) -> float:
        raise AssertionError

    with monkeypatch.context() as context:
        context.setattr(Training, "evaluate_repetition", never)
        assert said("search", "--resume", "run", "--executor", "in-process", "--json") == 0
    assert json.loads(said.out)["confirmed"] == ranked
    assert said("search", "--resume", "run", "--executor", "in-process") == 0
    assert f"confirmed {ranked[0]['mean']:.6g}, 8 evaluations" in said.out
    assert "the mean of 2 further trainings with other seeds, on other examples" in said.out

    assert said("replay", "run", found["best"]["id"], "--json") == 0
    again = json.loads(said.out)
    assert again["same"]
    assert again["confirmed_again"] == ranked[0]["values"]
    with Run.open_(Path("run")) as run:
        facts = Facts(run)
        assert facts.best == facts.lineage[0] == facts.confirmed["search"][0].evaluation
        assert facts.best in facts.shown
        assert "The best, confirmed" in report(run)
        command = shlex.split(reproduction(run).commands[0])
        assert command[command.index("--repeats") + 1] == "2"
        assert "--confirm" not in command
    with sqlite3.connect("run/run.sqlite") as store:
        store.execute("UPDATE confirmations SET value = 0.0")
    store.close()
    assert said("replay", "run", found["best"]["id"]) == 1
    assert "error[Q009]" in said.err

    assert said(*begun, "--confirm", "0", "-o", "none", "--json") == 0
    found = json.loads(said.out)
    assert found["confirmed"] == []
    assert found["arms"]["search"]["confirmed"] is None
    assert "confirmations" not in found["best"]
    with Run.open_(Path("none")) as run:
        command = shlex.split(reproduction(run).commands[0])
        assert command[command.index("--confirm") + 1] == "0"
        assert "The best, confirmed" not in report(run)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--objective", "params"], "only trainings can be confirmed by others, and there is params"),
        (["--objective", "train", "--objective", "params"], "no winner is chosen from it"),
        (["--inherit"], "what inherited its weights"),
    ],
)
def test_where_it_cannot_be_it_is_left_out_or_refused(
    space: einsyn.Space, said: Said, options: list[str], why: str
) -> None:
    Path("short.toml").write_text("epochs = 1\n")
    begun = ["search", "small.lark", "--data", "halves.npz", "--recipe", "short.toml", "--budget", "2"]
    begun += ["--executor", "in-process", *options]
    assert said(*begun, "--confirm", "2", "-o", "refused") == 2
    assert "error[Q016]" in said.err
    assert why in said.err
    assert not Path("refused").exists()
    assert said(*begun, "-o", "run", "--json") == 0
    assert json.loads(said.out)["confirmed"] == []


def test_a_plan_says_what_it_cannot_confirm(space: einsyn.Space, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Q016"):
        begin(tmp_path / "run", space, inherit=True)


def test_a_run_of_before_is_read(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, confirm=0) as run:
        carry_out(run, in_process(run))
        kept = results(run)
    with sqlite3.connect(tmp_path / "run" / STORE) as store:
        store.execute("DROP TABLE confirmations")
        (text,) = store.execute("SELECT value FROM facts WHERE name = 'plan'").fetchone()
        plan = {name: value for name, value in json.loads(text).items() if name not in ("confirm", "repeats")}
        store.execute("UPDATE facts SET value = ? WHERE name = 'plan'", (json.dumps(plan),))
    store.close()
    with Run.open_(tmp_path / "run", write=True) as run:
        carry_out(run, in_process(run), 14)
        assert results(run)[:12] == kept[:12]
        assert winner(run) == run.front()[0]
        report(run)
