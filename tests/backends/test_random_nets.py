"""Networks that the strategies draw: text form, parameters, shapes, torch against onnxruntime."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings

import einsyn
from einsyn.backends.verify import check_onnx, random_inputs, verify
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph
from einsyn.ops import OPS
from einsyn.testing import Net, architectures, every_op_space
from einsyn.testing.case import output_shapes
from einsyn.testing.closure import close, instances

# Results that torch and ONNX may round to very different numbers when they are chained.
UNSTEADY = {"exp", "log", "sqrt", "reciprocal", "divide", "sinh", "cosh", "square", "instance_norm", "group_norm"}
BATCH = 3


@pytest.fixture(scope="module")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A space of chains of every operation but those that amplify rounding."""
    assert set(OPS) >= UNSTEADY
    file = tmp_path_factory.mktemp("space") / "steady.lark"
    file.write_text(every_op_space(close(op for op in instances() if op.name not in UNSTEADY)))
    return file


def check(net: Net) -> None:
    """What holds of every network."""
    graph = net.architecture.graph
    verify_graph(graph)
    assert parse_graph(print_graph(graph)) == graph
    assert sum(p.numel() for p in net.module.parameters()) == graph.params
    check_onnx(net.model)
    inputs = random_inputs(net.model, BATCH)
    with torch.no_grad():
        computed = net.module(*(torch.from_numpy(array) for array in inputs.values()))
    outputs = computed if isinstance(computed, tuple) else (computed,)
    assert tuple(tuple(tensor.shape) for tensor in outputs) == output_shapes(graph, inputs)
    outcome = verify(net.module, net.model)
    assert outcome.verified or outcome.unstable, outcome


# Branches that join again; chains of every operation; the same with a sequence of any length.
@pytest.mark.parametrize(
    ("name", "given_inputs"),
    [
        ("einspace", {"image": "c:3,h:8,w:8"}),
        ("steady", {}),
        ("steady", {"sequence": "s:T,d:8"}),
    ],
    ids=["branches", "chains", "open sizes"],
)
def test_networks_are_what_they_say(name: str, given_inputs: dict[str, str], steady: Path) -> None:
    space = einsyn.load(steady if name == "steady" else name, input=given_inputs)
    symbols: set[str | int] = set()

    @settings(max_examples=40, deadline=None, derandomize=True)
    @given(architectures(space, max_size=25, max_params=100_000, max_macs=1_000_000))
    def every(net: Net) -> None:
        check(net)
        graph = net.architecture.graph
        symbols.update(n for value in graph.outputs for n in graph.types[value].shape if isinstance(n, str))

    every()
    assert "B" in symbols
    # An open size that no output has was not looked at.
    assert ("T" in symbols) is ("T" in str(given_inputs))
