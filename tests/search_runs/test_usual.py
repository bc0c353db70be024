"""What a search that trains leaves out unless somebody says what networks may cost."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from said import Said
from small_runs import write_space

import einsyn
from einsyn.search.executors import Task, dearest_first
from einsyn.search.run import Run
from einsyn.search.usual import usual_costs


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Said:
    monkeypatch.chdir(tmp_path)
    write_space(tmp_path)
    return Said(capfd)


def test_the_tail_of_the_draws_is_left_out() -> None:
    space = einsyn.load("einspace", input="c:1,h:8,w:8")
    usual = usual_costs(space)
    drawn = space.sample(400, seed=7)
    within = [a for a in drawn if a.macs <= usual["max_macs"] and a.memory <= usual["max_memory"]]
    assert 0.8 * len(drawn) < len(within) < len(drawn)
    assert max(a.macs for a in drawn) > 10 * usual["max_macs"]
    assert max(len(a.graph.operations) for a in drawn) > usual["max_ops"]
    assert usual_costs(space) == usual


def test_networks_that_cost_alike_are_all_there() -> None:
    space = einsyn.load("nasbench201", profile="test")
    usual = usual_costs(space)
    dearest = "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    assert space.parse(dearest).macs <= usual["max_macs"]
    assert space.parse(dearest).memory <= usual["max_memory"]
    assert len(space.parse(dearest).graph.operations) <= usual["max_ops"]


def test_what_a_search_begins_with_may_grow() -> None:
    space = einsyn.load("einspace")
    big = space.ref("mlp_mixer")
    assert big.macs > usual_costs(space)["max_macs"]
    assert usual_costs(space, [big]) == {
        "max_ops": max(2 * len(big.graph.operations), usual_costs(space)["max_ops"]),
        "max_macs": 2 * big.macs,
        "max_memory": max(2 * big.memory, usual_costs(space)["max_memory"]),
    }


def test_limits_of_the_space_are_kept() -> None:
    space = einsyn.load("einspace", input="c:1,h:8,w:8", max_macs=5_000, max_memory=20_000)
    usual = usual_costs(space)
    assert usual["max_macs"] <= 5_000
    assert usual["max_memory"] <= 20_000


def test_the_command_bounds_what_it_trains(said: Said) -> None:
    Path("short.toml").write_text("epochs = 1\ntrain_examples = 64\nvalid_examples = 32\n")
    train = ["search", "einspace", "--recipe", "short.toml", "--budget", "1", "--executor", "in-process"]
    assert said(*train, "-o", "bounded", "--json") == 0
    with Run.open_(Path("bounded")) as run:
        usual = usual_costs(einsyn.load("einspace", input="c:1,h:8,w:8"))
        assert {name: getattr(run.space.limits, name) for name in usual} == usual
    assert "as by " + " ".join(f"--{name.replace('_', '-')} {most}" for name, most in usual.items()) + "\n" in said.err
    assert said(*train, "-o", "given", "--max-ops", "90", "--max-macs", "30e3", "--require", "memory<200000") == 0
    assert "than the usual" not in said.err
    with Run.open_(Path("given")) as run:
        limits = run.space.limits
        assert (limits.max_ops, limits.max_macs, limits.max_memory) == (90, 30_000, 199_999)


def test_a_model_chooses_what_is_trained_unless_weights_are_inherited(said: Said) -> None:
    Path("short.toml").write_text("epochs = 1\ntrain_examples = 64\nvalid_examples = 32\n")
    common = ["search", "einspace", "--recipe", "short.toml", "--budget", "1", "--executor", "in-process"]
    for more, strategy in (([], "bayesian"), (["--inherit"], "evolution"), (["--objective", "macs"], "evolution")):
        assert said(*common, *more, "--json") == 0
        assert json.loads(said.out)["strategy"] == strategy
        assert Path(f"einspace-{strategy}-0").is_dir()
        shutil.rmtree(f"einspace-{strategy}-0")


def test_other_objectives_are_not_bounded(said: Said) -> None:
    assert said("search", "small.lark", "--objective", "macs", "--budget", "2", "-o", "run", "--json") == 0
    assert json.loads(said.out)["arms"]["search"]["evaluations"] == 2
    with Run.open_(Path("run")) as run:
        assert run.space.limits == einsyn.load("small.lark").limits


def test_workers_begin_with_the_dearest() -> None:
    space = einsyn.load("einspace", input="c:1,h:8,w:8")
    tasks = [Task(architecture) for architecture in space.sample(30, seed=3)]
    places = dearest_first(tasks)
    assert sorted(places) == list(range(30))
    costs = [tasks[place].architecture.macs + tasks[place].architecture.memory for place in places]
    assert costs == sorted(costs, reverse=True)
