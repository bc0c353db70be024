"""Another order takes less memory, never more, and computes the same; where a stretch is small it is the best one."""

from __future__ import annotations

from itertools import permutations
from random import Random
from typing import TYPE_CHECKING

import pytest
import torch

import einsyn
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.graph import Graph, Operation, peak_activation_bytes
from einsyn.ir.path import Path
from einsyn.ir.types import TensorType
from einsyn.ir.verify import verify_graph
from einsyn.ops import OPS
from einsyn.rewrite.schedule import scheduled

if TYPE_CHECKING:
    from einsyn.ops.op import Op


class Drawn:
    """A graph that grows by one operation after the other."""

    def __init__(self) -> None:
        self.types = [TensorType("f32", ("d",), (8,))]
        self.operations: list[Operation] = []
        self.owners = 0

    def add(self, op: Op, *inputs: int) -> int:
        signature = op.signature(tuple([self.types[value] for value in inputs]))
        owner = None
        if signature.params:
            owner, self.owners = self.owners, self.owners + 1
        outputs = tuple(range(len(self.types), len(self.types) + len(signature.outputs)))
        self.types += signature.outputs
        self.operations.append(Operation(op, inputs, outputs, signature, owner, Path.of(0), None))
        return outputs[0]

    def graph(self, *outputs: int) -> Graph:
        return Graph("drawn", (("x", 0),), tuple(self.operations), outputs, tuple(self.types))


def random_graph(seed: int, count: int) -> Graph:
    """Layers of random width on random values, and joins of some; the last joins what nobody uses."""
    rng = Random(seed)
    drawn = Drawn()
    values = [0]
    for _ in range(count - 1):
        if rng.random() < 0.6 or len(values) < 2:
            op = OPS["linear"].configure(rng.choice([1, 4, 16, 64]))
            values.append(drawn.add(op, rng.choice(values)))
        elif rng.random() < 0.5:
            values.append(drawn.add(OPS["concat"].configure(axis=1), *rng.sample(values, 2)))
        else:
            values.append(drawn.add(OPS["identity"].configure(), rng.choice(values)))
    used = {value for operation in drawn.operations for value in operation.inputs}
    ends = [value for value in values if value not in used] or [values[-1]]
    outputs = [drawn.add(OPS["concat"].configure(axis=1), *ends)] if rng.random() < 0.7 else ends
    return drawn.graph(*outputs)


def reordered(graph: Graph, order: tuple[int, ...]) -> Graph | None:
    """The graph in some order, None where something runs before what it needs."""
    known = {value for _, value in graph.inputs}
    for i in order:
        if not known.issuperset(graph.operations[i].inputs):
            return None
        known.update(graph.operations[i].outputs)
    operations = tuple([graph.operations[i] for i in order])
    return Graph(graph.name, graph.inputs, operations, graph.outputs, graph.types)


@pytest.mark.parametrize("seed", range(60))
def test_small_graphs_get_the_best_order(seed: int) -> None:
    graph = random_graph(seed, 6)
    found = scheduled(graph)
    verify_graph(found)
    orders = [reordered(graph, order) for order in permutations(range(len(graph.operations)))]
    best = min([peak_activation_bytes(one) for one in orders if one is not None])
    assert peak_activation_bytes(found) == best


@pytest.mark.parametrize("seed", range(30))
def test_larger_graphs_compute_the_same(seed: int) -> None:
    graph = random_graph(100 + seed, 40)
    found = scheduled(graph)
    verify_graph(found)
    before, after = peak_activation_bytes(graph), peak_activation_bytes(found)
    assert after < before or (after == before and found is graph)
    x = torch.randn(2, 8)
    modules = [build_module(write_source(each)) for each in (graph, found)]
    keys = [write_source(each).keys for each in (graph, found)]
    state = modules[0].state_dict()
    # Weight sets keep their numbers, whatever the layers are called.
    modules[1].load_state_dict({keys[1][slot]: state[keys[0][slot]] for slot in keys[0]})
    outputs = [module(x) for module in modules]
    for one, other in zip(*[o if isinstance(o, tuple) else (o,) for o in outputs], strict=True):
        assert torch.equal(one, other)


def test_some_of_these_gain() -> None:
    graphs = [random_graph(100 + seed, 40) for seed in range(30)]
    assert sum(scheduled(graph) is not graph for graph in graphs) >= 5


def test_an_order_that_is_best_stays() -> None:
    graph = einsyn.load("nasbench201", profile="test").ref("best_cifar10").rewritten.graph
    assert scheduled(graph) is graph


def test_a_wide_branch_is_over_before_a_narrow_one_begins() -> None:
    drawn = Drawn()
    wide, narrow = [drawn.add(OPS["linear"].configure(width), 0) for width in (4096, 1024)]
    ends = [drawn.add(OPS["linear"].configure(2), value) for value in (wide, narrow)]
    graph = drawn.graph(drawn.add(OPS["add"].configure(), *ends))
    found = scheduled(graph)
    widths = [o.signature.outputs[0].sizes[0] for o in found.operations]
    assert widths[:2] in ([4096, 2], [1024, 2])
    assert peak_activation_bytes(graph) - peak_activation_bytes(found) == 4 * 1024 - 4 * 2
