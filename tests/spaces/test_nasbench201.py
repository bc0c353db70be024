"""NAS-Bench-201: every cell once, in the benchmark's notation, with its published number of parameters."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

import einsyn
from einsyn.derivation.enumerate import derivations
from einsyn.derivation.tree import Derivation

PUBLISHED = Path(__file__).parents[3] / "shared" / "reference" / "nb201.npz"
DATA_SETS = {"cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}
SOME = range(0, 15_625, 41)  # 382 cells
EDGES = [[0, 1], [0, 2], [1, 2], [0, 3], [1, 3], [2, 3]]


def notation(ops: tuple[str, ...]) -> str:
    """A cell in the benchmark's own notation; the edges are 0-1, 0-2, 1-2, 0-3, 1-3, 2-3."""
    a, b, c, d, e, f = ops
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


def parameters(ops: tuple[str, ...], classes: int) -> int:
    """Learned scalars of the benchmark's network in closed form: 16 channels, three stages of 5 cells.

    A convolution k x k from c to d channels without bias has c d k^2, a batch norm 2 d.
    """

    def conv_bn(c: int, d: int, k: int) -> int:
        return c * d * k * k + 2 * d

    kernels = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}
    total = conv_bn(3, 16, 3)
    for width in (16, 32, 64):
        total += 5 * sum(conv_bn(width, width, kernels[op]) for op in ops if op in kernels)
    for width in (32, 64):
        total += conv_bn(width // 2, width, 3) + conv_bn(width, width, 3) + width // 2 * width
    return total + 2 * 64 + 64 * classes + classes


def cells(space: einsyn.Space) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Every cell of the space with the operations on its edges."""
    for tree in derivations(space.grammar):
        yield tree.text, operations(tree)


def operations(tree: Derivation) -> tuple[str, ...]:
    """The operations on the edges of a cell, by the names of the benchmark."""
    (cell,) = tree.children
    assert isinstance(cell, Derivation)
    return tuple(c.production.describe().strip('"') for c in cell.children if isinstance(c, Derivation))


def test_count_and_texts() -> None:
    space = einsyn.load("nasbench201")
    assert space.count() == 5**6 == 15_625
    texts: set[str] = set()
    for text, ops in cells(space):
        assert text == notation(ops)
        texts.add(text)
    assert len(texts) == 15_625


@pytest.mark.parametrize("classes", DATA_SETS.values())
def test_parameters_in_closed_form(classes: int) -> None:
    space = einsyn.load("nasbench201", params={"classes": classes})
    for text, ops in islice(cells(space), 0, None, 61):
        architecture = space.parse(text)
        assert architecture.params == parameters(ops, classes)
        assert architecture.output == [["B", classes]]


@pytest.mark.parametrize("data_set", DATA_SETS)
def test_parameters_are_those_published(data_set: str) -> None:
    compare(data_set, SOME)


@pytest.mark.slow
@pytest.mark.parametrize("data_set", DATA_SETS)
def test_all_parameters_are_those_published(data_set: str) -> None:
    compare(data_set, range(15_625))


def compare(data_set: str, numbers: range) -> None:
    if not PUBLISHED.exists():
        pytest.skip(f"the published data is not at {PUBLISHED}")
    import numpy as np

    with np.load(PUBLISHED, allow_pickle=False) as data:
        names = [str(name) for name in data["op_names"]]
        assert data["edges"].tolist() == EDGES
        codes = data["ops"]
        published = dict(zip([str(d) for d in data["datasets"]], data["params"], strict=True))[data_set]
    space = einsyn.load("nasbench201", params={"classes": DATA_SETS[data_set]})
    for number in numbers:
        ops = tuple(names[code] for code in codes[number])
        assert space.parse(notation(ops)).params == published[number], notation(ops)


def test_enumerate_gives_all_as_architectures() -> None:
    space = einsyn.load("nasbench201", profile="test")
    architectures = list(islice(space.enumerate(), 500))
    assert len({a.text for a in architectures}) == 500
    assert [a.text for a in architectures] == [text for text, _ in islice(cells(space), 500)]


@pytest.mark.slow
def test_every_architecture_is_enumerated() -> None:
    space = einsyn.load("nasbench201")
    found = {a.text: a.params for a in space.enumerate()}
    assert len(found) == 15_625
    assert all(found[text] == parameters(ops, 10) for text, ops in cells(space))


def test_references_are_the_best_cells() -> None:
    space = einsyn.load("nasbench201")
    classes = {"best_cifar10": 10, "best_cifar100": 100, "best_imagenet16_120": 120}
    assert set(space.refs) == set(classes)
    for name, number in classes.items():
        architecture = space.ref(name)
        assert architecture.output == [["B", number]]
        assert architecture.params == parameters(operations(architecture.derivation), number)
    assert space.ref("best_cifar10").params == 1_073_466


def test_sampled_cells_run_as_predicted() -> None:
    from einsyn.testing.space_contract import check_model, check_module, check_text

    space = einsyn.load("nasbench201", profile="test")
    for architecture in space.sample(12, seed=6):
        check_text(architecture)
        check_module(architecture)
        assert check_model(architecture)
