"""Data sets that cannot be used: what a search says of them before it evaluates anything."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from said import Said

import einsyn
from einsyn.errors import DataError
from einsyn.evaluate.data import read_data
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import Training

SPACE = """\
//@ einsyn 1
//@ input x f32[B, d:3]
{output}
//@ param width 4
start: "linear" -> one | "deep" -> two
//@ define one()(x) = linear({classes})(x)
//@ define two()(x) = linear({classes})(relu(linear(width)(x)))
"""
# What is said of the output, and how many outputs there are.
SPACES = {
    "free": ("", "1"),
    "fixed": ("//@ output f32[B, d:2]", "2"),
    "kinds": ("//@ output f32[B, d:kinds]\n//@ param kinds 2", "kinds"),
    "double": ("//@ output f32[B, d:2 * half]\n//@ param half 1", "2 * half"),
}
SEARCH = ("--data", "data.npz", "--recipe", "short.toml", "--no-baseline", "--budget", "3", "--executor", "in-process")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(80, 3))
LABELS = np.arange(80) % 2
NUMBERS = X @ [1.0, -2.0, 0.5]
HOLE = np.where(np.arange(80)[:, None] == 7, np.nan, X)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, (output, classes) in SPACES.items():
        Path(f"{name}.lark").write_text(SPACE.format(output=output, classes=classes))
    Path("short.toml").write_text("epochs = 2\nbatch_size = 16\n")


@pytest.fixture
def said(capfd: pytest.CaptureFixture[str]) -> Said:
    return Said(capfd)


def refused(said: Said, code: str, *words: str, space: str = "free", options: tuple[str, ...] = ()) -> None:
    """That a search ends with this code and says all of these words, and leaves no run."""
    assert said("search", f"{space}.lark", *SEARCH, *options, "-o", "run") == 1
    assert said.out == ""
    assert f"error[{code}]: the data set `data.npz`: " in said.err
    assert "\nhelp: " in said.err
    for each in words:
        assert each in said.err
    assert not Path("run").exists()


# Arrays.

PARTED = {"x_train": X, "y_train": LABELS}
ARRAYS: dict[str, tuple[dict[str, Any], str]] = {
    "other lengths": ({"x": X, "y": LABELS[:79]}, "`x` has the shape (80, 3) and `y` the shape (79,)"),
    "no axis": ({"x": np.float64(1), "y": np.int64(1)}, "`x` has the shape () and `y` the shape ()"),
    "no axis of targets": ({"x": X, "y": np.float64(1)}, "`y` the shape ()"),
    "no numbers": ({"x": X[:, :0], "y": LABELS}, "`x` has the shape (80, 0), and no number"),
    "no targets": ({"x": X, "y": X[:, :0]}, "`y` has the shape (80, 0), and no number"),
    "no examples": ({"x": X[:0], "y": LABELS[:0]}, "`x` has 0 examples"),
    "too few": ({"x": X[:5], "y": LABELS[:5]}, "`x` has 5 examples, too few to be split"),
    "a hole": ({"x": HOLE, "y": LABELS}, "`x` holds numbers that are not finite"),
    "a hole in targets": ({"x": X, "y": HOLE[:, 0]}, "`y` holds numbers that are not finite"),
    "a hole in a part": ({**PARTED, "valid_x": HOLE, "valid_y": LABELS}, "`valid_x` holds numbers that are not finite"),
    "text": ({"x": X.astype(str), "y": LABELS}, "`x` holds <U32, not numbers"),
    "negative class": ({"x": X, "y": LABELS - 1}, "`y` has a class -1"),
    "other examples": (
        {**PARTED, "x_valid": X[:, :2], "y_valid": LABELS},
        "examples have the shape (3,) in the train part and (2,) in the valid part",
    ),
    "other targets": (
        {**PARTED, "x_test": X, "y_test": LABELS[:, None]},
        "targets have the shape () in the train part and (1,) in the test part",
    ),
    "large": ({"x": X * 1e300, "y": LABELS}, "too large for 32 bits"),
    "large targets": ({"x": X, "y": NUMBERS * 1e300}, "`y` holds numbers up to"),
    "large sums": ({"x": 2e38 + X * 1e37, "y": LABELS}, "its examples are too large to be standardised in 32 bits"),
    "large sums of targets": ({"x": X, "y": 2e38 + NUMBERS * 1e37}, "its targets are too large to be standardised"),
    "constant": ({"x": X, "y": np.full(80, 0.1)}, "the 51 targets of the training part are all the same"),
    "constant in 32 bits": ({"x": X, "y": 1 + NUMBERS * 1e-12}, "51 targets of the training part are all the same"),
    "constant where it is looked at": (
        {"x_train": X, "y_train": NUMBERS, "x_valid": X[:9], "y_valid": np.full(9, 0.3)},
        "the 9 targets of the validation part are all the same in 32 bits, which leaves R2 undefined",
    ),
}


@pytest.mark.parametrize("wrong", ARRAYS)
def test_arrays(said: Said, wrong: str) -> None:
    arrays, word = ARRAYS[wrong]
    np.savez("data.npz", **arrays)
    refused(said, "E003", word)


def test_targets_of_which_a_recipe_leaves_one() -> None:
    np.savez("data.npz", x=X, y=NUMBERS)
    objective = Training("data.npz", Recipe(valid_examples=1))
    with pytest.raises(DataError, match="the 1 targets of the validation part"):
        objective.prepare(einsyn.load("free.lark"))


# Files.


def no_arrays() -> None:
    with zipfile.ZipFile("data.npz", "w") as archive:
        archive.writestr("x.npy", b"1 2 3")
        archive.writestr("y.npy", b"1 2 3")


def patched(offset: int, value: bytes) -> None:
    """A file with other bytes so far behind the version that each header of a member begins with."""
    np.savez("data.npz", x=X, y=LABELS)
    data = bytearray(Path("data.npz").read_bytes())
    for signature, version in ((b"PK\x03\x04", 4), (b"PK\x01\x02", 6)):
        at = data.find(signature)
        while at >= 0:
            begin = at + version + offset
            data[begin : begin + len(value)] = value
            at = data.find(signature, at + 4)
    Path("data.npz").write_bytes(data)


def encrypted() -> None:
    patched(2, b"\x01\x00")


def compressed_otherwise() -> None:
    patched(4, b"\x63\x00")


def damaged() -> None:
    np.savez_compressed("data.npz", x=X, y=LABELS)
    data = bytearray(Path("data.npz").read_bytes())
    begin = data.find(b"x.npy") + len(b"x.npy") + int.from_bytes(data[28:30], "little")
    data[begin : begin + 8] = b"\xff" * 8
    Path("data.npz").write_bytes(data)


def claiming(shape: str) -> Callable[[], None]:
    """A file whose array says that it has a shape, and has no number."""

    def write() -> None:
        header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}}}\n".encode()
        with zipfile.ZipFile("data.npz", "w") as archive:
            for key in "xy":
                archive.writestr(f"{key}.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)

    return write


FILES: dict[str, tuple[Callable[[], None], str]] = {
    "no arrays": (no_arrays, "`x` is no .npy file"),
    "encrypted": (encrypted, "it cannot be read: File 'x.npy' is encrypted"),
    "compressed otherwise": (compressed_otherwise, "it cannot be read: That compression method is not supported"),
    "damaged": (damaged, "it cannot be read: Error -3 while decompressing"),
    "582 TiB": (claiming("(80000000000000,)"), "it cannot be read: Unable to allocate 582. TiB"),
    "more than a number": (claiming(f"({10**30},)"), "it cannot be read: "),
    "less than nothing": (claiming("(-8, 3)"), "it cannot be read: "),
    "no shape": (claiming("'80'"), "it cannot be read: "),
    "nested": (claiming(4000 * "(" + 4000 * ")"), "it cannot be read: "),
}


@pytest.mark.parametrize("wrong", FILES)
def test_files(said: Said, wrong: str) -> None:
    write, word = FILES[wrong]
    write()
    refused(said, "E003", word)


def test_an_archive_in_a_folder() -> None:
    Path("data").mkdir()
    np.savez("data/archive.npz", x=X)
    Path("data/archive.npz").rename("data/x.npy")
    np.save("data/y.npy", LABELS)
    with pytest.raises(DataError, match="`x` is no"):
        read_data("data")


def test_what_is_beside_the_arrays_does_not_matter() -> None:
    np.savez("data.npz", x=X, y=LABELS)
    with zipfile.ZipFile("data.npz", "a") as archive:
        archive.writestr("README", b"two halves")
    assert read_data("data.npz").classes == 2


@pytest.mark.parametrize("numbers", [LABELS, NUMBERS])
def test_the_byte_order_of_a_file_does_not_matter(said: Said, numbers: np.ndarray[Any, Any]) -> None:
    np.savez("data.npz", x=X.astype("<f4"), y=numbers)
    native = read_data("data.npz")
    swapped = numbers.astype(numbers.dtype.newbyteorder(">"))
    np.savez("data.npz", x=X.astype(">f4"), y=swapped)
    assert read_data("data.npz").digest == native.digest
    space = "kinds" if numbers is LABELS else "free"
    assert said("search", f"{space}.lark", *SEARCH, "-o", "run") == 0


# Classes.

CLASSES: dict[str, tuple[str, tuple[str, ...], tuple[str, ...]]] = {
    "a parameter": (
        "kinds",
        ("--set", "kinds=5"),
        ("8 classes, one more than its largest label, and the output is f32[B, d:5]", "help: --set kinds=8; only 2"),
    ),
    "no parameter": ("fixed", (), ("help: the line `//@ output` says how many it takes; only 2 labels occur",)),
    "an expression": (
        "double",
        (),
        ("help: the line `//@ output` says", "; only 2 labels occur, and can be numbered from 0\n"),
    ),
}


@pytest.mark.parametrize("wrong", CLASSES)
def test_more_classes_than_outputs(said: Said, wrong: str) -> None:
    np.savez("data.npz", x=X, y=5 + 2 * LABELS)
    space, options, words = CLASSES[wrong]
    refused(said, "E004", *words, space=space, options=options)
    assert "classes=" not in said.err


def test_more_classes_than_outputs_where_all_labels_occur(said: Said) -> None:
    np.savez("data.npz", x=X, y=np.arange(80) % 4)
    refused(said, "E004", "4 classes", "help: the line `//@ output` says how many it takes\n", space="fixed")
