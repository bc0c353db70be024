"""Searches whose children begin with their parent's weights."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_runs import EXECUTORS, Fallen, Falls, carry_out, in_process, pool, results, write_space

import einsyn
from einsyn.cli.main import run as command
from einsyn.errors import RunError
from einsyn.evaluate.objective import Lineage
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training
from einsyn.report.compare import Comparison
from einsyn.report.reproduce import reproduction
from einsyn.search.plan import Plan
from einsyn.search.run import Run
from einsyn.search.store import SEARCH, Evaluation
from einsyn.search.winner import do_again
from einsyn.weights.file import read_weights
from einsyn.weights.transfer import can_preserve

SHORT = Recipe(epochs=2, batch_size=32)
OPTIONS: dict[str, Any] = {
    "strategy": "evolution",
    "options": {"population": 4, "tournament": 2},
    "budget": 20,
    "batch": 4,
    "baseline": False,
}


@pytest.fixture
def space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> einsyn.Space:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "failing", raising=False)
    file = write_space(tmp_path)
    text = file.read_text().replace("//@ use", "//@ main head\n//@ use")
    file.write_text(f"{text}//@ define head(body)(x) = linear(2)(body(x))\n")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 4))
    np.savez(tmp_path / "planes.npz", x=x, y=(x[:, 0] * x[:, 1] > 0).astype(int))
    return einsyn.load(file)


def begin(folder: Path, space: einsyn.Space, **options: Any) -> Run:
    return Run.create(folder, space, Plan(**{**OPTIONS, "inherit": True, **options}), [Training("planes.npz", SHORT)])


def kept(run: Run) -> set[int]:
    return {int(file.stem) for file in (run.folder / "weights").iterdir()}


def test_training_begins_with_what_is_unchanged_and_leaves_what_it_ends_with(
    space: einsyn.Space, tmp_path: Path
) -> None:
    parent, child = space.parse("4r;8t;2r"), space.parse("4r;8t;8r;2r")
    file, own = tmp_path / "parent.safetensors", tmp_path / "own.safetensors"
    module = parent.module(7)
    parent.save_weights(file, module)
    # A learning rate of 0 leaves weights as they were when training began.
    still = Training("planes.npz", Recipe(epochs=1, learning_rate=0.0))
    value = still.evaluate_child(child, 0, Lineage(file, own))
    expected = child.module(0)
    report = einsyn.transfer((parent, module), (child, expected))
    assert report.copied
    assert report.fresh
    found = read_weights(own)
    assert found.facts["architecture"] == child.text
    assert all(torch.equal(tensor, found.tensors[key]) for key, tensor in expected.state_dict().items())
    assert value == still.train(child, 0, file).valid
    assert still.evaluate_child(child, 0, Lineage(None, own)) == still.evaluate(child, 0)
    # Where weights cannot be left, the number is what it is; whoever wanted the file misses it.
    assert still.evaluate_child(child, 0, Lineage(file, tmp_path / "no" / "own.safetensors")) == value


def test_whoever_evaluates_and_wherever_it_falls_the_results_are_the_same(space: einsyn.Space, tmp_path: Path) -> None:
    found: list[list[Evaluation]] = []
    files: list[dict[str, bytes]] = []

    def note(run: Run) -> None:
        found.append(results(run))
        files.append({file.name: file.read_bytes() for file in (run.folder / "weights").iterdir()})

    for name, executor in EXECUTORS.items():
        with begin(tmp_path / name, space) as run:
            carry_out(run, executor(run))
            note(run)
    with begin(tmp_path / "fell", space) as run, pytest.raises(Fallen):
        carry_out(run, Falls(in_process(run), 14))
    with Run.open_(tmp_path / "fell", write=True) as run:
        carry_out(run, in_process(run))
        note(run)
    assert found[0] == found[1] == found[2] == found[3]
    assert files[0] == files[1] == files[2] == files[3]
    with begin(tmp_path / "alone", space, inherit=False) as run:
        carry_out(run, in_process(run))
        # Until the first children it is the same search.
        assert [e.values for e in results(run)[:4]] == [e.values for e in found[0][:4]]
        assert [e.values for e in results(run)] != [e.values for e in found[0]]


@pytest.mark.parametrize("strategy", ["evolution", "mu+lambda", "nsga2", "local", "mcmc", "random"])
def test_weights_are_kept_of_what_may_have_children(space: einsyn.Space, tmp_path: Path, strategy: str) -> None:
    options = {"population": 4} if strategy in ("evolution", "mu+lambda", "nsga2") else {}
    with begin(tmp_path / "run", space, strategy=strategy, options=options, budget=16) as run:
        driver = carry_out(run, in_process(run))
        arm = driver.arms[0]
        living = arm.strategy.living
        best = {number for e in arm.front.items() for number in (e.number, *e.parents[:1])}
        if strategy == "mcmc":
            assert living is None
            assert kept(run) == set(range(arm.done))
        else:
            assert living is not None
            assert kept(run) == {*living, *best}
        for number in kept(run):
            evaluation = run.store.find(SEARCH, number)
            assert evaluation is not None
            file = run.folder / "weights" / f"{number}.safetensors"
            assert read_weights(file).facts["architecture"] == evaluation.arch


def test_every_evaluation_can_be_done_again(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space, baseline=True) as run:
        carry_out(run, in_process(run))
    with Run.open_(tmp_path / "run") as run:
        run.prepare()
        before = kept(run)
        evaluations = list(run.store.evaluations())
        assert any(e.arm == SEARCH and e.parents and e.parents[0] not in before for e in evaluations)
        for evaluation in evaluations:
            assert do_again(run, evaluation, []).same is True, evaluation.id
        assert kept(run) == before
        best = run.front()[0]
        file = tmp_path / "best.safetensors"
        do_again(run, best, [file])
        assert file.read_bytes() == (run.folder / "weights" / f"{best.number}.safetensors").read_bytes()


def test_weights_that_are_gone_are_made_again(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "whole", space) as run:
        carry_out(run, in_process(run))
        whole = results(run)
    with begin(tmp_path / "run", space) as run, pytest.raises(Fallen):
        carry_out(run, Falls(in_process(run), 12))
    for file in (tmp_path / "run" / "weights").iterdir():
        file.unlink()
    with Run.open_(tmp_path / "run", write=True) as run:
        carry_out(run, in_process(run))
        assert results(run) == whole


def test_weights_that_cannot_be_written_end_the_run_and_lose_nothing(space: einsyn.Space, tmp_path: Path) -> None:
    with begin(tmp_path / "run", space) as run:
        # A folder where the file of evaluation 6 would be.
        (run.folder / "weights" / "6.safetensors").mkdir(parents=True)
        with pytest.raises(RunError, match="Q012"):
            carry_out(run, in_process(run))
        assert [e.number for e in results(run)] == list(range(6))
    (tmp_path / "run" / "weights" / "6.safetensors").rmdir()
    with Run.open_(tmp_path / "run", write=True) as run:
        carry_out(run, in_process(run))
        found = results(run)
    with begin(tmp_path / "whole", space) as run:
        carry_out(run, in_process(run))
        assert results(run) == found


def test_the_command(space: einsyn.Space, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "short.toml").write_text("epochs = 1\n")
    common = ["search", "small.lark", "--data", "planes.npz", "--recipe", "short.toml", "--executor", "in-process"]
    assert command([*common, "--budget", "12", "--batch", "4", "--inherit", "-o", "run"]) == 0
    assert command(["replay", "run", "11", "-o", "net.safetensors"]) == 0
    assert "now:" in capfd.readouterr().out
    assert read_weights(tmp_path / "net.safetensors").facts["space"] == "small"
    assert command(["search", "--resume", "run", "--extend", "4", "--executor", "in-process"]) == 0
    assert command(["search", "small.lark", "--objective", "params", "--inherit", "-o", "other"]) == 2
    assert "Q011" in capfd.readouterr().err
    assert not (tmp_path / "other").exists()


def test_reports_and_comparisons_know_of_it(space: einsyn.Space, tmp_path: Path) -> None:
    folders = [tmp_path / "heirs", tmp_path / "alone"]
    for folder, inherit in zip(folders, (True, False), strict=True):
        with begin(folder, space, inherit=inherit, budget=8, baseline=True) as run:
            carry_out(run, in_process(run))
            assert ("--inherit" in reproduction(run).commands[0].split()) == inherit
    runs = [Run.open_(folder) for folder in folders]
    found = Comparison(runs).record()
    for run in runs:
        run.close()
    assert {group["label"].endswith("with inherited weights") for group in found["groups"]} == {True, False}
    assert sum("inherit" in note for note in found["notes"]) == 1
    # Baselines begin anew: those of one seed are one.
    assert len(found["random"]["seeds"]) == 1


def test_children_that_begin_with_what_their_parents_compute(space: einsyn.Space, tmp_path: Path) -> None:
    parent, child = space.parse("4r;8t;2r"), space.parse("8r;8t;2r")
    file, own = tmp_path / "parent.safetensors", tmp_path / "own.safetensors"
    parent.save_weights(file, parent.module(7))
    still = Training("planes.npz", Recipe(epochs=1, learning_rate=0.0))
    # What computes the same scores the same; taking over what is unchanged alone does not.
    with_parents_weights = still.train(parent, 0, file).valid
    assert still.evaluate_child(child, 0, Lineage(file, own, preserve=True)) == with_parents_weights
    assert read_weights(own).facts["architecture"] == child.text
    ordinary = still.train(child, 0, file)
    preserving = still.train(child, 0, file, preserve=True)
    assert any(
        not torch.equal(tensor, ordinary.module.state_dict()[key])
        for key, tensor in preserving.module.state_dict().items()
    )


def test_searches_that_preserve_functions_do_not_depend_on_workers_or_falls(
    space: einsyn.Space, tmp_path: Path
) -> None:
    found: list[list[Evaluation]] = []
    files: list[dict[str, bytes]] = []

    def note(run: Run) -> None:
        found.append(results(run))
        files.append({file.name: file.read_bytes() for file in (run.folder / "weights").iterdir()})

    for name, executor in (("one", in_process), ("pool", lambda run: pool(run, 2))):
        with begin(tmp_path / name, space, preserve=True) as run:
            carry_out(run, executor(run))
            note(run)
    with begin(tmp_path / "fell", space, preserve=True) as run, pytest.raises(Fallen):
        carry_out(run, Falls(in_process(run), 14))
    with Run.open_(tmp_path / "fell", write=True) as run:
        carry_out(run, in_process(run))
        note(run)
        evaluations = {e.number: e for e in run.store.evaluations()}
        kept = [
            can_preserve(space.parse(evaluations[e.parents[0]].arch), space.parse(e.arch))
            for e in evaluations.values()
            if e.parents
        ]
        assert sum(kept) >= len(kept) / 4
        last = evaluations[max(evaluations)]
        assert do_again(run, last, []).same is True
    assert found[0] == found[1] == found[2]
    assert files[0] == files[1] == files[2]


def test_preserving_is_asked_for_with_inheriting(space: einsyn.Space, capfd: pytest.CaptureFixture[str]) -> None:
    common = ["search", "small.lark", "--data", "planes.npz", "--executor", "in-process", "--budget", "4"]
    assert command([*common, "--preserve", "-o", "run"]) == 2
    assert "Q011" in capfd.readouterr().err
