"""Objectives that need no training, names, requirements, and what an evaluation leaves behind."""

from __future__ import annotations

import json
import pickle
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_spaces import net

import einsyn
from einsyn.errors import DataError, EinsynError, FileError, UsageError
from einsyn.evaluate.named import NAMES, PROXY_NAMES, objective_from, objective_of, requirement_of
from einsyn.evaluate.objective import EvaluationError, Objective, evaluate
from einsyn.evaluate.proxies import PROXIES
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.table import read_table

ARCH = "(linear16;leaky_relu)"


@pytest.fixture(scope="module")
def arch() -> einsyn.Architecture:
    return einsyn.load("einspace", input="1x8x8").parse(ARCH)


def test_costs_are_those_of_the_architecture(arch: einsyn.Architecture) -> None:
    objectives = [objective_of(name) for name in ("params", "macs", "memory")]
    assert evaluate(objectives, arch, 0).values == (arch.params, arch.macs, arch.memory)
    assert [o.maximise for o in objectives] == [False] * 3
    assert objective_of("max:params").maximise
    assert objective_of("max:params").score(3.0) == 3.0
    assert objective_of("params").score(3.0) == -3.0


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_tables(tmp_path: Path, arch: einsyn.Architecture, suffix: str) -> None:
    file = tmp_path / f"known.{suffix}"
    rows = [(ARCH, 0.75), ("(norm;norm)", -2)]
    if suffix == "csv":
        file.write_text("arch,value\n" + "".join(f'"{text}",{value}\n' for text, value in rows))
    else:
        file.write_text("".join(json.dumps({"arch": text, "value": value}) + "\n\n" for text, value in rows))
    table = objective_of(f"table:{file}")
    assert evaluate([table], arch, 0).values == (0.75,)
    assert evaluate([pickle.loads(pickle.dumps(table))], arch, 0).values == (0.75,)
    missing = evaluate([table], arch.space.parse("(norm;identity)"), 0)
    assert (missing.values, missing.failure) == (None, "missing")
    assert str(file) in missing.message


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.csv", "arch,score\nx,1\n", "`value`"),
        ("a.csv", "", "no rows"),
        ("a.csv", "arch,value\nx,high\n", "'high'"),
        ("a.csv", "arch,value\nx,1\nx,2\n", "two values"),
        ("a.csv", 'arch,value\n"x,1\n', "unexpected end"),
        ("a.jsonl", "{", "no JSON object"),
        ("a.jsonl", "[1]", "no JSON object"),
        ("a.jsonl", '{"arch": "x"}', "`value`"),
        ("a.jsonl", '{"arch": 3, "value": 1}', "`arch` is a text"),
        ("a.jsonl", '{"arch": "x", "value": true}', "True"),
        ("a.jsonl", "[" * 100_000, "no JSON object"),
    ],
)
def test_damaged_tables_are_refused_with_their_line(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_table(str(tmp_path / name))
    assert caught.value.code == "E005"
    assert caught.value.diagnostics[0].span is not None


def test_tables_that_are_no_text_files(tmp_path: Path) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe")
    for name, code in (("binary.csv", "F005"), ("absent.csv", "F001"), (".", "F002")):
        with pytest.raises(FileError) as caught:
            read_table(str(tmp_path / name))
        assert caught.value.code == code


MODULE = """
import random
import numpy
import torch

def depth(architecture, seed):
    return architecture.depth

def draws(architecture, seed):
    return random.random() + numpy.random.rand() + torch.rand(()).item()

def nothing(architecture, seed):
    return None

def fails(architecture, seed):
    raise ValueError("no such thing")

def infinite(architecture, seed):
    return float("inf")

def hungry(architecture, seed):
    return float(torch.zeros(10**15).sum())

NUMBER = 3
"""


@pytest.fixture
def functions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"functions_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    return name


def test_functions(functions: str, arch: einsyn.Architecture) -> None:
    def result(name: str, seed: int = 0) -> Any:
        return evaluate([objective_of(f"python:{functions}:{name}")], arch, seed)

    assert result("depth").values == (arch.depth,)
    assert result("draws", 1) == result("draws", 1) != result("draws", 2)
    for name, kind, said in (
        ("nothing", "exception", "NoneType"),
        ("fails", "exception", "ValueError: no such thing"),
        ("infinite", "nan", "inf"),
        ("hungry", "memory", "allocate"),
    ):
        found = result(name)
        assert (found.values, found.failure) == (None, kind)
        assert said in found.message


def test_functions_that_are_not_there(functions: str, arch: einsyn.Architecture) -> None:
    for target in (f"{functions}:absent", "no_such_module:f", f"{functions}:NUMBER"):
        with pytest.raises(UsageError) as caught:
            objective_of(f"python:{target}").prepare(arch.space)
        assert caught.value.code == "E006"


def test_global_random_states_and_threads_are_left_alone(functions: str, arch: einsyn.Architecture) -> None:
    random.seed(5)
    np.random.seed(5)  # noqa: NPY002  # what others may rely on
    torch.manual_seed(5)
    before = torch.get_num_threads()
    expected = random.Random(5).random(), np.random.RandomState(5).rand()
    with torch.random.fork_rng():
        torch.manual_seed(5)
        drawn = torch.rand(3)
    for name in ("draws", "fails"):
        evaluate([objective_of(f"python:{functions}:{name}")], arch, 3)
    assert (random.random(), np.random.rand()) == expected  # noqa: NPY002
    assert torch.equal(torch.rand(3), drawn)
    assert torch.get_num_threads() == before


def test_the_first_failure_ends_an_evaluation(arch: einsyn.Architecture) -> None:
    class Never(Objective):
        name = "never"

        def evaluate(self, architecture: einsyn.Architecture, seed: int) -> float:
            raise EvaluationError("nan", "it grew")

    assert evaluate([objective_of("params"), Never(), Never()], arch, 0) == (None, "nan", "never: it grew")


def test_names() -> None:
    assert set(PROXIES) == set(PROXY_NAMES)
    for name in NAMES:
        text = {"table": "table:FILE", "python": "python:a:b"}.get(name, name)
        made = objective_of(f"min:{text}")
        assert not made.maximise
        if name not in ("table", "python"):
            again = objective_from(made.recipe())
            assert (again.recipe(), type(again)) == (made.recipe(), type(made))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("trian", "did you mean `train`"),
        ("", "there is no objective ``"),
        ("table", "needs FILE"),
        ("max:python:", "needs module:function"),
        ("python:module", "names no function"),
        ("params:3", "takes nothing"),
        ("latency:tensorrt", "no runtime"),
        ("memory:idle", "no step `idle` to measure"),
        ("min:max:params", "no objective `max`"),
    ],
)
def test_wrong_names(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        objective_of(text)
    assert caught.value.code == "E001"


def test_requirements() -> None:
    for text, values in (("params<2e6", (1e6, 2e6)), ("train >= 0.5", (0.5, 0.4)), ("macs<=10", (10, 11))):
        requirement = requirement_of(text, ["train"])
        assert [requirement.met(v) for v in values] == [True, False]
    for text in ("params", "params<", "params=3", "size<3", "params<many", "params<nan", "params<inf", "<3", "train<3"):
        with pytest.raises(EinsynError) as caught:
            requirement_of(text, ["latency:torch"])
        assert caught.value.code == "E007"


def test_a_requirement_has_the_name_of_its_objective(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    table = objective_of("table:known.csv")
    for text in ("table:known.csv<=0.6", "table:./known.csv<=0.6", f"table:{tmp_path}/known.csv<=0.6"):
        assert requirement_of(text, [table.name]).name == table.name == objective_of(f"table:{table.file}").name


def test_latency_is_a_time(arch: einsyn.Architecture) -> None:
    for text in ("latency", "latency:onnxruntime"):
        objective = objective_of(text)
        assert not objective.deterministic
        assert not objective.maximise
        (value,) = evaluate([objective], arch, 0).values or (0.0,)
        assert value > 0


VECTOR = "//@ input x f32[B, d:8]\n"


def test_memory_of_inference_is_what_is_alive_at_once() -> None:
    architecture = net("define net()(x) = linear(4)(tanh(linear(32)(x)))", VECTOR)
    (value,) = evaluate([objective_of("memory:inference")], architecture, 0).values or (0.0,)
    # Weights, the input, and the two activations of 32 numbers.
    assert value == 4 * ((9 * 32 + 33 * 4) + 8 + 2 * 32)
    # All three branches are there when they are added, and the sum.
    branches = net("define net()(x) = add(relu(x), tanh(x), sigmoid(x))", VECTOR)
    (value,) = evaluate([objective_of("memory:inference")], branches, 0).values or (0.0,)
    assert 4 * 8 * 5 <= value <= 4 * 8 * 6


def test_memory_of_training_has_gradients_states_and_activations() -> None:
    architecture = net("define net()(x) = linear(8)(relu(linear(512)(x)))", VECTOR)
    found: dict[str, float] = {}
    for optimiser, batch in (("sgd", 1), ("adamw", 1), ("sgd", 500)):
        recipe = Recipe(optimiser=optimiser, momentum=0.0, batch_size=batch)
        objective = objective_of("memory:training", recipe=recipe)
        assert objective_from(objective.recipe()).recipe() == objective.recipe()
        values = {evaluate([objective], architecture, seed).values for seed in (0, 0, 1)}
        assert len(values) == 1  # it does not depend on when it is measured, nor on numbers
        (found[f"{optimiser} {batch}"],) = values.pop() or (0.0,)
    weights = 4 * architecture.params
    assert 2 * weights < found["sgd 1"] < 3 * weights
    assert 2 * weights <= found["adamw 1"] - found["sgd 1"] < 3 * weights
    # At least the 512 activations of each further example are kept for the way back.
    assert 499 * 4 * 512 <= found["sgd 500"] - found["sgd 1"] < 499 * 4 * 512 * 4


def test_measuring_memory_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    evaluate([objective_of("memory:inference")], net("define net()(x) = relu(x)", VECTOR), 0)
    assert capfd.readouterr() == ("", "")
