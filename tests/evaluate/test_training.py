"""Data sets, recipes and training."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import einsyn
from einsyn.errors import DataError
from einsyn.evaluate.data import read_data
from einsyn.evaluate.fit import class_parameter, fit, natural_input
from einsyn.evaluate.objective import evaluate
from einsyn.evaluate.recipe import Recipe, read_recipe, recipe_of
from einsyn.evaluate.training import Training, train


def normal(*shape: int) -> np.ndarray[Any, Any]:
    """The same normal numbers for the same shape."""
    return np.random.default_rng(0).normal(size=shape)


def save(folder: Path, **arrays: Any) -> str:
    np.savez(folder / "data.npz", **arrays)
    return str(folder / "data.npz")


# Data sets.


def test_digits_are_split_the_same_way_each_time_and_by_class() -> None:
    data, again = read_data("digits"), read_data("digits")
    assert data.digest == again.digest
    assert data.classes == 10
    assert data.test is not None
    counts = [np.bincount(part.y, minlength=10) for part in (data.train, data.valid, data.test)]
    assert [c.sum() for c in counts] == [1150, 288, 359]
    for part in counts:
        shares = part / sum(counts)
        assert np.ptp(shares) < 0.03
    seen = {x.tobytes() for part in (data.train, data.valid, data.test) for x in part.x}
    assert len(seen) == len({x.tobytes() for part in again[1:4] for x in part.x})
    assert sum(c.sum() for c in counts) == 1797


@pytest.mark.parametrize("names", [("x_{}", "y_{}"), ("{}_x", "{}_y")])
def test_files_and_folders(tmp_path: Path, names: tuple[str, str]) -> None:
    parts = {p: (normal(n, 4), np.arange(n) % 3) for p, n in (("train", 30), ("valid", 12), ("test", 9))}
    arrays = {name.format(p): a for p, pair in parts.items() for name, a in zip(names, pair, strict=True)}
    for key, array in arrays.items():
        np.save(tmp_path / f"{key}.npy", array)
    folder, file = read_data(str(tmp_path)), read_data(save(tmp_path, **arrays))
    for data in (folder, file):
        assert data.classes == 3
        for part, (x, y) in parts.items():
            assert np.array_equal(getattr(data, part).x, x)
            assert np.array_equal(getattr(data, part).y, y)
    assert folder.digest == file.digest


def test_parts_that_are_missing_are_taken_from_what_is_there(tmp_path: Path) -> None:
    x, y = np.arange(50.0)[:, None], np.repeat(np.arange(5), 10)
    data = read_data(save(tmp_path, x=x, y=y))
    assert data.test is not None
    assert [len(p.x) for p in (data.train, data.valid, data.test)] == [32, 8, 10]
    taken = np.concatenate([data.train.x, data.valid.x, data.test.x])
    assert sorted(taken.ravel()) == list(range(50))
    data = read_data(save(tmp_path, x_train=x, y_train=y))
    assert data.test is None
    assert np.bincount(data.valid.y).tolist() == [2] * 5


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"x": np.zeros((4, 2))}, "its arrays are x"),
        ({}, "its arrays are none"),
        ({"x_train": np.zeros((4, 2))}, "only one of x and y"),
        ({"x_train": np.zeros((4, 2)), "y_train": np.zeros(3, int)}, r"shape \(4, 2\) and `y_train` the shape \(3,\)"),
        ({"x_train": np.zeros((1, 2)), "y_train": np.zeros(1, int)}, "has 1 examples"),
        ({"x_train": np.full((4, 2), np.nan), "y_train": np.zeros(4, int)}, "not finite"),
        ({"x_train": np.zeros((4, 2)), "y_train": np.array([0, 1, -1, 0])}, "class -1"),
        ({"x_train": np.array(["a", "b"]), "y_train": np.zeros(2, int)}, "not numbers"),
        (
            {
                "x_train": np.zeros((9, 2)),
                "y_train": np.zeros(9, int),
                "x_test": np.zeros((4, 2)),
                "y_test": np.zeros(4),
            },
            "whole numbers in one part",
        ),
    ],
)
def test_wrong_data_sets(tmp_path: Path, arrays: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        read_data(save(tmp_path, **arrays))
    assert caught.value.code == "E003"


def test_data_sets_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    (tmp_path / "cut.npz").write_bytes(b"PK\x03\x04 and no more")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "train_x.npy").write_bytes(pickle.dumps([1]))
    objects = np.empty(3, dtype=object)
    np.savez(tmp_path / "objects.npz", x=objects, y=np.zeros(3, int))
    for name in ("text.npz", "cut.npz", "folder", "objects.npz", "absent.npz"):
        with pytest.raises(DataError) as caught:
            read_data(str(tmp_path / name))
        assert caught.value.code == "E003"


# Data and spaces.


def space_for(tmp_path: Path, kind: str, outputs: int) -> einsyn.Space:
    """A space of a linear and a deep network on an input, flattened."""
    text = f"""\
//@ einsyn 1
//@ input x {kind}
//@ output f32[B, d:{outputs}]
start: "linear" -> one | "deep" -> two | "wild" -> wild
//@ define one()(x) = linear({outputs})(flatten(x))
//@ define two()(x) = linear({outputs})(relu(linear(16)(flatten(x))))
//@ define wild()(x) {{
//@   y = linear({outputs})(flatten(x))
//@   return exp(exp(exp(y * y + 2)))
//@ }}
"""
    (tmp_path / "small.lark").write_text(text)
    return einsyn.load(tmp_path / "small.lark")


def test_the_space_takes_the_data_as_it_is() -> None:
    data = read_data("digits")
    for space, natural in (("einspace", "c:1,h:8,w:8"), ("tdnn", "c:8,l:8"), ("lm", None)):
        declared = einsyn.load(space).inputs[0][1]
        assert natural_input(data, declared) == natural


def test_a_row_of_numbers_is_a_signal_to_a_space_of_images(tmp_path: Path) -> None:
    declared = einsyn.load("einspace").inputs[0][1]
    for shape, natural in (((24,), "c:1,l:24"), ((1, 24), "c:1,l:24"), ((2, 24), "c:1,h:2,w:24")):
        data = read_data(save(tmp_path, x=np.zeros((20, *shape)), y=np.arange(20) % 2))
        assert natural_input(data, declared) == natural


def test_the_parameter_of_the_classes_is_found_by_what_it_does(tmp_path: Path) -> None:
    (tmp_path / "named.lark").write_text("""\
//@ einsyn 1
//@ input x f32[B, d:8]
//@ output f32[B, d:kinds]
//@ param width 10
//@ param kinds 10
start: "a" -> one
//@ define one()(x) = linear(kinds)(relu(linear(width)(x)))
""")

    def with_(name: str) -> einsyn.Space:
        return einsyn.load(tmp_path / "named.lark", params={name: 3})

    assert class_parameter(einsyn.load(tmp_path / "named.lark"), 3, with_) == "kinds"
    assert class_parameter(space_for(tmp_path, "f32[B, d:8]", 4), 3, with_) is None


def test_the_data_is_made_to_fit_the_space(tmp_path: Path) -> None:
    data = read_data("digits")
    for kind in (
        "f32[B, c:3, h:16, w:16]",
        "f32[B, c:1, h:8, w:8]",
        "f32[B, c:8, l:20]",
        "f32[B, s:8, d:8]",
        "f32[B, d:64]",
    ):
        space = space_for(tmp_path, kind, 10)
        fitted = fit(data, space)
        sizes = space.inputs[0][1].sizes
        assert tuple(fitted.train.x.shape) == (1150, *sizes)
        assert fitted.train.y.dtype == torch.int64
        values = fitted.train.x.double()
        assert abs(float(values.mean())) < 1e-4
        assert fitted.valid.x.abs().max() < 50
    for kind, said in (
        ("f32[B, c:3, l:8]", "--input c:8,l:8"),
        ("f32[B, d:63]", "--input d:64"),
        ("i64[B, t:8]", "are no"),
    ):
        with pytest.raises(DataError, match=said) as caught:
            fit(data, space_for(tmp_path, kind, 10))
        assert caught.value.code == "E004"
    with pytest.raises(DataError, match="10 classes"):
        fit(data, space_for(tmp_path, "f32[B, d:64]", 9))


def test_colours_behind_height_and_width(tmp_path: Path) -> None:
    x = normal(20, 5, 6, 3)
    data = read_data(save(tmp_path, x=x, y=np.arange(20) % 2))
    space = space_for(tmp_path, "f32[B, c:3, h:5, w:6]", 2)
    assert natural_input(data, space.inputs[0][1]) == "c:3,h:5,w:6"
    fitted = fit(data, space, standardise=False)
    assert np.allclose(fitted.train.x.numpy(), data.train.x.transpose(0, 3, 1, 2))


# Recipes.


def test_recipes(tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text('optimiser = "sgd"\nlearning_rate = 1\nepochs = 3\nflip = true\n')
    assert read_recipe(file) == Recipe(optimiser="sgd", learning_rate=1.0, epochs=3, flip=True)
    assert recipe_of(Recipe(shift=2).record(), "x") == Recipe(shift=2)


@pytest.mark.parametrize(
    ("text", "said", "line"),
    [
        ("epoch = 3", "did you mean `epochs`", 1),
        ("\nepochs = 0", "between 1 and", 2),
        ("epochs = 2.5", "a whole number", 1),
        ("epochs = true", "a whole number", 1),
        ("learning_rate = nan", "between 0 and", 1),
        ('learning_rate = "fast"', "a number", 1),
        ('optimiser = "lion"', "adamw or adam or sgd", 1),
        ("flip = 1", "true or false", 1),
        ("clip = inf", "0 or more", 1),
        ("[train]\nepochs = 3", "no setting `train`", None),
    ],
)
def test_wrong_recipes(tmp_path: Path, text: str, said: str, line: int | None) -> None:
    (tmp_path / "recipe.toml").write_text(text)
    with pytest.raises(DataError, match=said) as caught:
        read_recipe(tmp_path / "recipe.toml")
    (found,) = caught.value.diagnostics
    assert found.code == "E002"
    assert (found.span.line if found.span else None) == line


def test_a_recipe_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "recipe.toml").write_text("epochs: 3")
    with pytest.raises(DataError, match="no TOML"):
        read_recipe(tmp_path / "recipe.toml")


# Training.


def clusters(tmp_path: Path, n: int = 300) -> str:
    """Two clusters that a line divides."""
    y = np.arange(n) % 2
    return save(tmp_path, x=normal(n, 4) + 4 * y[:, None], y=y)


def test_training_learns_what_can_be_learned(tmp_path: Path) -> None:
    space = space_for(tmp_path, "f32[B, d:4]", 2)
    objective = Training(clusters(tmp_path), Recipe(epochs=5, batch_size=16))
    first, again, other = (evaluate([objective], space.parse("deep"), seed).values for seed in (0, 0, 1))
    assert first == again
    assert first is not None
    assert other is not None
    assert min(first[0], other[0]) > 0.95
    trained = objective.train(space.parse("deep"), 0)
    assert trained.valid == first[0]
    assert trained.test is not None
    assert trained.test > 0.95
    assert len(trained.losses) == 5
    assert trained.losses[-1] < trained.losses[0]


def test_numbers_are_approximated(tmp_path: Path) -> None:
    x = normal(400, 4)
    data = save(tmp_path, x=x, y=x @ [1.0, -2.0, 0.5, 0.0] + 3)
    space = space_for(tmp_path, "f32[B, d:4]", 1)
    found = evaluate([Training(data, Recipe(epochs=30, learning_rate=0.05, clip=0.0))], space.parse("linear"), 0)
    assert found.values is not None
    assert found.values[0] > 0.99


def test_what_diverges_is_a_failure(tmp_path: Path) -> None:
    space = space_for(tmp_path, "f32[B, d:4]", 2)
    data = clusters(tmp_path)
    assert evaluate([Training(data)], space.parse("wild"), 0).failure == "nan"
    steep = Recipe(optimiser="sgd", learning_rate=1e6, clip=0.0, warmup=0.0, epochs=5)
    assert evaluate([Training(data, steep)], space.parse("deep"), 0).failure == "nan"


def test_every_setting_of_a_recipe_has_an_effect(tmp_path: Path) -> None:
    x, y = normal(64, 1, 6, 6), np.arange(64) % 2
    space = space_for(tmp_path, "f32[B, c:1, h:6, w:6]", 2)
    fitted = fit(read_data(save(tmp_path, x=x, y=y)), space)
    base = Recipe(epochs=2, batch_size=8, optimiser="sgd", clip=0.1)

    def losses(**changes: Any) -> list[float]:
        return train(space.parse("deep"), fitted, recipe_of({**base.record(), **changes}, "x"), 0).losses

    seen = {tuple(losses())}
    changes = {
        "optimiser": "adam", "learning_rate": 0.03, "weight_decay": 5.0, "momentum": 0.0, "schedule": "constant",
        "warmup": 0.5, "epochs": 3, "batch_size": 16, "clip": 0.0, "label_smoothing": 0.2, "shift": 1, "flip": True,
        "noise": 0.5, "seed": 7,
    }  # fmt: skip
    for name, value in changes.items():
        found = tuple(losses(**{name: value}))
        assert all(math.isfinite(v) for v in found)
        assert found not in seen, name
        seen.add(found)
    left = set(Recipe().record()) - set(changes)
    assert left == {"standardise", "train_examples", "valid_examples", "halving", "first_rung"}
    assert Recipe(epochs=8, halving=2).rungs == (1, 2, 4, 8)
    assert Recipe(epochs=8, halving=2, first_rung=3).rungs == (4, 8)
    objective = Training(save(tmp_path, x=x, y=y), Recipe(train_examples=10, valid_examples=5, standardise=False))
    objective.prepare(space)
    assert (len(objective._fitted[0].train.x), len(objective._fitted[0].valid.x)) == (10, 5)


def test_moved_examples_are_moved() -> None:
    from einsyn.evaluate.training import _augmented

    random = torch.Generator().manual_seed(0)
    x = torch.zeros(200, 1, 7, 7)
    x[:, :, 3, 3] = 1
    moved = _augmented(x, Recipe(shift=2), random)
    assert torch.equal(moved.sum((1, 2, 3)), torch.ones(200))
    places = moved.flatten(1).argmax(1)
    assert {(int(p) // 7, int(p) % 7) for p in places} == {(i, j) for i in range(1, 6) for j in range(1, 6)}
    signal = torch.zeros(200, 2, 9)
    signal[:, :, 0] = 1
    out = _augmented(signal, Recipe(shift=1), random).sum((1, 2))
    assert set(out.tolist()) == {0.0, 2.0}
