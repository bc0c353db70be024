"""Successive halving: who goes on is what the definition says, and a training in parts is the whole training."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from small_runs import EXECUTORS, Fallen, Falls, carry_out, in_process, results, write_halves, write_space

import einsyn
from einsyn.cli.main import run as command
from einsyn.errors import EinsynError, RunError
from einsyn.evaluate.objective import EvaluationError, Portion
from einsyn.evaluate.randomness import contained
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training
from einsyn.report.compare import Comparison
from einsyn.report.facts import Facts
from einsyn.search.driver import Driver
from einsyn.search.executors import InProcess
from einsyn.search.halving import best
from einsyn.search.plan import Plan
from einsyn.search.run import Run
from einsyn.search.store import Evaluation
from einsyn.search.winner import do_again

RECIPE = Recipe(epochs=8, batch_size=16, halving=2, first_rung=2, noise=0.1)
OPTIONS: dict[str, Any] = {"strategy": "evolution", "options": {"population": 6, "tournament": 2}, "budget": 20}


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    write_space(tmp_path)
    write_halves(120)
    return einsyn.load(tmp_path / "small.lark")


def begin(folder: Path, space: einsyn.Space, training: Training | None = None, **options: Any) -> Run:
    return Run.create(folder, space, Plan(**{**OPTIONS, **options}), [training or Training("halves.npz", RECIPE)])


def everything(run: Run) -> list[tuple[Evaluation, list[tuple[int, float]]]]:
    return [(e, [(r.epochs, r.value) for r in run.store.rungs(e.arm, e.number)]) for e in results(run)]


def test_rungs_are_shares_of_all_epochs() -> None:
    assert Recipe(epochs=20).rungs == (20,)
    assert Recipe(epochs=20, halving=2).rungs == (1, 2, 5, 10, 20)
    assert Recipe(epochs=20, halving=2, first_rung=3).rungs == (5, 10, 20)
    assert Recipe(epochs=27, halving=3).rungs == (1, 3, 9, 27)
    assert Recipe(epochs=1, halving=2).rungs == (1,)
    assert best({3: 0.5, 1: 0.5, 2: 0.9, 0: -1.0}, 2) == {1, 2}


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_training_in_parts_is_the_whole_training(tmp_path: Path, optimiser: str) -> None:
    # Everything that has a state: batch normalisation, dropout, moments, order and noise, a schedule, tied weights.
    (tmp_path / "deep.lark").write_text("""\
//@ einsyn 1
//@ input image f32[B, c:1, h:8, w:8]
//@ output f32[B, d:10]
//@ main net
start: "a" -> part
//@ define part()(x) = dropout(0.2)(relu(batch_norm()(conv(6, 3)(x))))
//@ define net(f)(image) {
//@   g = shared(linear(6))
//@   return linear(10)(g(relu(g(mean("w")(mean("h")(f(image)))))))
//@ }
""")
    arch = einsyn.load(tmp_path / "deep.lark").parse("a")
    recipe = Recipe(
        optimiser=optimiser, epochs=6, shift=1, noise=0.1, flip=True, train_examples=150, valid_examples=100
    )
    training = Training("digits", recipe)

    def trained(portion: Portion | None) -> tuple[float, list[float], dict[str, torch.Tensor]]:
        with contained(3):
            found = training.train(arch, 3, portion=portion)
        return found.valid, found.losses, found.module.state_dict()

    whole = trained(None)
    files = [None, tmp_path / "one", tmp_path / "two", None]
    for epochs, before, after in zip((1, 4, 6), files, files[1:], strict=False):
        parts = trained(Portion(epochs, before, after))
        straight = trained(Portion(epochs, None, None))
        for one, other in ((parts, straight), *([(parts, whole)] if epochs == 6 else [])):
            assert one[:2] == other[:2]
            assert one[2].keys() == other[2].keys()
            assert all(torch.equal(tensor, other[2][key]) for key, tensor in one[2].items())
    # A state that is damaged or gone is made again.
    (tmp_path / "two").write_bytes(b"no state")
    for file in ("two", "gone"):
        with contained(3):
            assert training.evaluate_portion(arch, 3, Portion(6, tmp_path / file, None)) == whole[0]


class Curves(Training):
    """A table of learning curves in the place of training: the score of an architecture after so many epochs."""

    def curve(self, text: str) -> list[float]:
        """Scores after 1, 2, ... epochs; NaN from where it fails."""
        random = Random(text)
        values = [random.choice([0.25, 0.5, random.random()]) for _ in range(self.how.epochs)]
        if random.random() < 0.25:
            at = random.randrange(self.how.epochs)
            values[at:] = [float("nan")] * (self.how.epochs - at)
        return values

    def evaluate_portion(self, architecture: einsyn.Architecture, seed: int, portion: Portion) -> float:
        value = self.curve(architecture.text)[portion.epochs - 1]
        if value != value:
            raise EvaluationError("nan", "so says the table")
        return value


def defined(curves: Sequence[list[float]], rungs: Sequence[int], eta: int) -> list[tuple[str, list[tuple[int, float]]]]:
    """Successive halving as it is defined, on all curves at once: how each ends, and its scores on the way."""
    ends = ["done"] * len(curves)
    seen: list[list[tuple[int, float]]] = [[] for _ in curves]
    there = set(range(len(curves)))
    for epochs in rungs:
        scored = set()
        for i in there:
            if curves[i][epochs - 1] == curves[i][epochs - 1]:
                scored.add(i)
                seen[i].append((epochs, curves[i][epochs - 1]))
            else:
                ends[i] = "nan"
        if epochs == rungs[-1]:
            break
        # Whoever has fewer than so many before it goes on.
        going = {
            i
            for i in scored
            if sum((curves[j][epochs - 1], -j) > (curves[i][epochs - 1], -i) for j in scored)
            < max(1, len(there) // eta)
        }
        for i in scored - going:
            ends[i] = "stopped"
        there = going
    return list(zip(ends, seen, strict=True))


@pytest.mark.parametrize("maximise", [True, False])
@pytest.mark.parametrize(
    ("epochs", "eta", "first", "batch"), [(8, 2, 1, 8), (9, 3, 1, 10), (20, 2, 3, 5), (4, 4, 1, 3)]
)
def test_who_goes_on_is_as_defined(
    space: einsyn.Space, tmp_path: Path, epochs: int, eta: int, first: int, batch: int, maximise: bool
) -> None:
    recipe = Recipe(epochs=epochs, halving=eta, first_rung=first)
    curves = Curves("halves.npz", recipe, maximise)
    with begin(tmp_path / "run", space, curves, strategy="random", options={}, budget=64, batch=batch) as run:
        with InProcess([curves], 0) as executor:
            Driver(run, executor).go(64)
        found = everything(run)
    ends: set[str] = set()
    sign = 1.0 if maximise else -1.0
    for arm in ("search", "random"):
        mine = [(e, rungs) for e, rungs in found if e.arm == arm]
        for at in range(0, 64, batch):
            trained = [(e, rungs) for e, rungs in mine[at : at + batch] if e.seconds is not None]
            told = defined([[sign * v for v in curves.curve(e.arch)] for e, _ in trained], recipe.rungs, eta)
            assert [(e.status, [(n, sign * v) for n, v in rungs]) for e, rungs in trained] == told
            ends.update(end for end, _ in told)
            for e, rungs in trained:
                assert e.values == ((rungs[-1][1],) if e.status == "done" else None)
        # What is repeated is as it was.
        by_same = {e.same: (e.status, e.values, rungs) for e, rungs in found if e.seconds is not None}
        for e, rungs in mine:
            assert (e.status, e.values, rungs) == by_same[e.same]
    assert ends == {"done", "stopped", "nan"}


def test_whoever_evaluates_and_wherever_it_falls_the_results_are_the_same(space: einsyn.Space, tmp_path: Path) -> None:
    found: list[Any] = []
    for name, executor in EXECUTORS.items():
        with begin(tmp_path / name, space) as run:
            carry_out(run, executor(run))
            found.append(everything(run))
            assert list((run.folder / "rungs").iterdir()) == []
    for after in (3, 11, 30):
        folder = tmp_path / f"fell{after}"
        with begin(folder, space) as run, pytest.raises(Fallen):
            carry_out(run, Falls(in_process(run), after))
        if after == 11:
            for file in (folder / "rungs").iterdir():
                file.unlink()
        with Run.open_(folder, write=True) as run:
            carry_out(run, in_process(run))
            found.append(everything(run))
    assert all(each == found[0] for each in found)
    assert {e.status for e, _ in found[0]} == {"done", "stopped"}


def test_what_was_stopped_stands_below_all_that_went_on(space: einsyn.Space, tmp_path: Path) -> None:
    told: dict[int, float] = {}
    with begin(tmp_path / "run", space, baseline=False) as run:
        driver = Driver(run, in_process(run))
        tell = driver.arms[0].strategy.tell

        def listen(outcomes: Any) -> None:
            told.update({o.proposal.id: o.values[0] for o in outcomes})
            tell(outcomes)

        driver.arms[0].strategy.tell = listen  # type: ignore[method-assign]
        driver.go(20)
        kept = everything(run)
        reached = {e.number: rungs[-1][0] for e, rungs in kept}
        assert len(set(reached.values())) == 3
        for one in told:
            for other in told:
                if reached[one] > reached[other]:
                    assert told[one] > told[other]
        done = [e for e, _ in kept if e.status == "done"]
        arm = driver.arms[0]
        assert arm.stopped == len(kept) - len(done) > 0
        assert arm.failures == {}
        assert {e.number for e in run.front()} <= {e.number for e in done}
        assert arm.best(run.objectives) == max(e.values[0] for e in done if e.values)
        trained = [(e, rungs) for e, rungs in kept if e.seconds is not None]
        assert run.store.epochs("search") == sum(rungs[-1][0] for _, rungs in trained) < 8 * len(trained)
        facts = Facts(run)
        assert facts.failures() == []
        assert sum(move.done for move in facts.moves()) == len(done)


def test_every_evaluation_can_be_done_again(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, budget=8, baseline=False) as run:
        carry_out(run, in_process(run))
        for evaluation in run.store.evaluations():
            again = do_again(run, evaluation, [])
            assert again.same is True
            assert again.values == evaluation.values
            assert bool(again.message) == (evaluation.status == "stopped")


def test_unlike_halving_is_not_compared(space: einsyn.Space, tmp_path: Path) -> None:
    runs: list[Run] = []
    for name, batch, halving in (("a", 8, 2), ("b", 4, 2), ("c", 8, 1)):
        recipe = Recipe(epochs=2, batch_size=32, halving=halving)
        run = begin(tmp_path / name, space, Training("halves.npz", recipe), batch=batch, budget=8)
        carry_out(run, in_process(run))
        runs.append(run)
    for pair, said in ((runs[:2], "networks that halving compares: 8 in"), (runs[::2], "recipe halving: 2 in")):
        with pytest.raises(RunError, match="Q021") as caught:
            Comparison(pair)
        assert said in str(caught.value)
    assert sum("halving" in note for note in Comparison(runs[:1]).record()["notes"]) == 1
    for run in runs:
        run.close()


@pytest.mark.parametrize(
    ("objectives", "options"),
    [(["params"], {}), ([], {"inherit": True}), ([], {"strategy": "mcmc", "options": {}})],
)
def test_what_halving_does_not_go_with(
    space: einsyn.Space, tmp_path: Path, objectives: list[str], options: dict[str, Any]
) -> None:
    from einsyn.evaluate.named import objective_of

    asked = [Training("halves.npz", RECIPE), *[objective_of(text) for text in objectives]]
    with pytest.raises(EinsynError) as caught:
        Run.create(tmp_path / "run", space, Plan(**{**OPTIONS, **options}), asked)
    assert caught.value.code == "Q015"
    assert not (tmp_path / "run").exists()


def test_the_command_on_digits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("short.toml").write_text("epochs = 4\nhalving = 2\ntrain_examples = 200\nvalid_examples = 100\n")
    asked = ["search", "nasbench201", "--profile", "test", "--recipe", "short.toml", "--budget", "8", "-o", "run"]
    assert command([*asked, "--executor", "in-process"]) == 0
    out = capfd.readouterr().out
    # Of 8: 4 end after 1 epoch, 2 after 2, 1 after 4 (8 // 2 // 2 // 2), beside what is repeated.
    assert "stopped early (" in out
    assert "epochs instead of 32)" in out
    assert command(["export", "run", "--json"]) == 0
    assert '"rungs": [{"epochs": 1' in capfd.readouterr().out
    assert command(["report", "run", "-o", "page.html"]) == 0
    assert ">stopped early</th>" in Path("page.html").read_text()
    assert "ray" not in sys.modules
