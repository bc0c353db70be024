"""Ten thousand modules nested in one another, both ways: nothing recurses, and time grows with the number.

Operations keep their outputs finite at that depth. Times are those of einsyn alone, per module, each the best of a
few runs; the bound is generous, it catches squares and not slowness.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest
from small_spaces import small_space

from einsyn import Architecture, Chooser, TensorType
from einsyn.derivation.choice import Choice
from einsyn.derivation.draw import draw, pretty_text
from einsyn.grammar.model import Production, Rule, Terminal
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph

MODULES = 10_000
SPACE = """
//@ input x f32[B, s:4, d:4]
//@ max_ops 20000
start: module
module: "(" module ";" module ")" -> seq
      | "relu" -> leaky_relu
      | "norm" -> layer_norm
      | "id" -> identity
      | "w" -> linear_here
//@ define linear_here()(x) = linear(4)(x)
"""
LEAVES = ("relu", "norm", "id", "norm")


class Deep(Chooser):
    """Chooses the same nesting as `text`, by counting."""

    def __init__(self, modules: int, side: str) -> None:
        self.left = modules - 1
        self.deep_slot = 0 if side == "left" else 1
        self.leaf = 0

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        assert isinstance(rule, Rule)
        if rule.name == "start":
            return rule.productions[0]
        assert path.parent is not None
        inner = path.slot == self.deep_slot or path.parent.symbol.name == "start"
        if inner and self.left:
            self.left -= 1
            return rule.productions[0]
        self.leaf += 1
        return rule.productions[1 + self.leaf % 3]


def text(modules: int, side: str) -> str:
    """`modules` leaves in `modules - 1` brackets, nested on one side."""
    leaves = [LEAVES[i % 4] for i in range(modules)]
    if side == "left":
        return "(" * (modules - 1) + leaves[0] + "".join(f";{leaf})" for leaf in leaves[1:])
    return "".join(f"({leaf};" for leaf in leaves[:-1]) + leaves[-1] + ")" * (modules - 1)


@pytest.fixture(scope="module", params=["left", "right"])
def deep(request: pytest.FixtureRequest) -> Architecture:
    return small_space(SPACE).parse(text(MODULES, request.param))


def side_of(architecture: Architecture) -> str:
    return "left" if architecture.text.startswith("((") else "right"


def test_parse_print_hash_compare(deep: Architecture) -> None:
    space, side = deep.space, side_of(deep)
    assert deep.text == text(MODULES, side)
    assert (deep.size, deep.depth) == (2 * MODULES, MODULES + 1)
    again = space.derivation(deep.text)
    assert again == deep.derivation
    assert again is not deep.derivation
    assert hash(again) == hash(deep.derivation)
    assert again.log_prob == deep.log_prob
    assert len(deep.hash) == 16
    assert again != space.derivation(text(MODULES, side).replace("relu", "id", 1))


def test_sample_a_deep_one(deep: Architecture) -> None:
    architecture = deep.space.generate(Deep(MODULES, side_of(deep)))
    assert architecture.size == deep.size
    assert architecture.text.count(";") == MODULES - 1
    assert deep.space.derivation(architecture.text) == architecture.derivation
    assert architecture.record()["depth"] == MODULES + 1


def test_walk_at_and_replace(deep: Architecture) -> None:
    tree = deep.derivation
    assert sum(1 for _ in tree.nodes()) == tree.size
    path = (0,) + (0 if side_of(deep) == "left" else 1,) * (MODULES - 1)
    leaf = tree.at(path)
    changed = tree.replace(path, tree.at((0, 1 if side_of(deep) == "left" else 0)))
    assert changed.size == tree.size
    assert changed.at(path) != leaf or changed == tree
    assert changed.replace(path, leaf) == tree


def test_draw_and_pretty_text(deep: Architecture) -> None:
    assert draw(deep.derivation).count("\n") == deep.size - 1
    assert pretty_text(deep.derivation, deep.space.grammar) == deep.text


def test_graph_prints_parses_and_verifies(deep: Architecture) -> None:
    verify_graph(deep.graph)
    assert len(deep.graph.operations) == MODULES
    printed = print_graph(deep.graph)
    assert print_graph(parse_graph(printed)) == printed
    assert deep.memory == deep.graph.memory


def test_torch_runs_it(deep: Architecture) -> None:
    import torch

    module = deep.module(seed=0)
    assert sum(p.numel() for p in module.parameters()) == deep.params
    y = module(torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1)))
    assert y.shape == (2, 4, 4)
    assert torch.isfinite(y).all()


def test_onnx_is_checked_and_agrees(deep: Architecture) -> None:
    from einsyn.backends.verify import check_onnx, verify

    module = deep.module(seed=0)
    model = deep.onnx(module=module)
    check_onnx(model)
    assert len(model.graph.node) >= MODULES // 2
    assert verify(module, model, batches=(2,)).verified


@pytest.mark.parametrize("side", ["left", "right"])
def test_time_grows_linearly(side: str) -> None:
    space = small_space(SPACE)
    steps: dict[str, Callable[[Architecture], object]] = {
        "parse and type": lambda a: space.parse(a.text),
        "generate": lambda a: space.generate(Deep(a.size // 2, side)).record(),
        "graph and source": lambda a: (print_graph(a.graph), a.source()),
        "canonical form": lambda a: a.canonical,
        "onnx": lambda a: a.onnx(module=a.module()) if a.size < 10_000 else None,
    }
    rates: dict[str, list[float]] = {name: [] for name in steps}
    for modules in (1_000, 3_000, 10_000):
        for name, step in steps.items():
            # Another architecture each time, because it keeps what it has worked out.
            times = [_seconds(step, space.parse(text(modules, side))) for _ in range(3 if modules == 1_000 else 1)]
            rates[name].append(min(times) / modules)
    for name, (small, middle, large) in rates.items():
        # A square would be a factor of 3 and of 10.
        assert max(middle, large) < 5 * small, (name, rates[name])


def _seconds(step: Callable[[Architecture], object], architecture: Architecture) -> float:
    gc.collect()
    started = time.process_time()
    step(architecture)
    return time.process_time() - started
