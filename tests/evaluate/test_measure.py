"""What a network costs by part, and what it takes when it runs."""

from __future__ import annotations

import pytest
import torch
from small_spaces import IMAGE, net

import einsyn
from einsyn.architecture import Architecture
from einsyn.errors import EinsynError
from einsyn.evaluate.breakdown import by_node, by_operation
from einsyn.evaluate.measure import measure, operation_seconds


def cell() -> Architecture:
    return einsyn.load("nasbench201", profile="test").ref("best_cifar10")


def test_operations_add_up() -> None:
    architecture = cell()
    graph = architecture.graph
    rows = by_operation(graph, [1.0] * len(graph.operations))
    assert {row.name: row.count for row in rows} == architecture.ops
    assert sum(row.params for row in rows) == architecture.params
    assert sum(row.macs for row in rows) == architecture.macs
    assert sum(row.seconds or 0 for row in rows) == len(graph.operations)
    assert [row.macs for row in rows] == sorted((row.macs for row in rows), reverse=True)


def test_bytes_are_what_is_read_and_written() -> None:
    architecture = net("define net()(x) = relu(conv(6, 3, bias=false)(identity(x)))", IMAGE)
    found = {row.name: row.bytes for row in by_operation(architecture.graph)}
    image, wide, kernels = 4 * 4 * 64, 4 * 6 * 64, 4 * 6 * 4 * 9
    assert found == {"conv": image + kernels + wide, "relu": 2 * wide, "identity": 0}
    (conv,) = (row for row in by_operation(architecture.graph) if row.name == "conv")
    assert conv.intensity == pytest.approx(6 * 64 * 36 / (image + kernels + wide))


def test_shared_weights_count_once() -> None:
    architecture = net("define net()(x) { f = shared(conv(4, 3)) return f(f(x)) }", IMAGE)
    assert sum(row.params for row in by_operation(architecture.graph)) == architecture.params == 4 * 4 * 9 + 4


def test_nodes_hold_what_came_from_below_them() -> None:
    architecture = einsyn.load("einspace").parse("((linear16;norm);(linear32;leaky_relu))")
    rows = by_node(architecture.derivation, architecture.graph, 2)
    assert rows[0].macs == architecture.macs
    assert rows[0].params == architecture.params
    assert rows[0].count == len(architecture.graph.operations)
    assert [len(row.name) - len(row.name.lstrip()) for row in rows] == [0, 2, 4, 4]
    # The head is the root's own: channels to classes.
    assert rows[0].macs - rows[1].macs == 3 * 10
    assert rows[1].macs == rows[2].macs + rows[3].macs
    (root,) = by_node(architecture.derivation, architecture.graph, 0)
    assert (root.macs, root.bytes) == (rows[0].macs, rows[0].bytes)


def test_deep_derivations_are_cut_in_one_walk() -> None:
    space = einsyn.load("einspace", max_ops=100_000)
    deep = space.parse("(" * 3_000 + "(leaky_relu;norm)" + ";leaky_relu)" * 3_000)
    rows = by_node(deep.derivation, deep.graph, 1)
    assert rows[0].count == len(deep.graph.operations)


@pytest.mark.parametrize("runtime", ["torch", "onnxruntime"])
def test_networks_are_run_in_a_process_of_their_own(runtime: str) -> None:
    found = measure(cell(), runtime, batch=2)
    assert 0 < found.milliseconds < 10_000
    assert found.bytes >= 0


def test_a_runtime_that_fails_is_named() -> None:
    with pytest.raises(EinsynError) as caught:
        measure(_failing(), "torch")
    assert caught.value.code == "E010"
    assert "torch cannot run the network" in str(caught.value.diagnostics[0].message)


def _failing() -> Architecture:
    architecture = net("define net()(x) = relu(x)", IMAGE)
    form = architecture.form()
    broken = form.torch.text.replace("return ", "raise RuntimeError('out of luck') or ")
    object.__setattr__(form, "torch", type(form.torch)(broken, form.torch.keys))
    return architecture


def test_each_operation_is_timed_alone_and_equal_ones_alike() -> None:
    architecture = cell()
    threads = torch.get_num_threads()
    graph = architecture.rewritten.graph
    found = operation_seconds(graph)
    assert len(found) == len(graph.operations)
    assert min(found) > 0
    alike: dict[object, set[float]] = {}
    for operation, taken in zip(graph.operations, found, strict=True):
        types = tuple(graph.types[value] for value in operation.inputs)
        alike.setdefault((operation.op, types), set()).add(taken)
    assert all(len(times) == 1 for times in alike.values())
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(("space", "arch"), [("lm", "lm64[1x(attn1/1)]ln"), ("rnncell", None)])
def test_ids_and_loops_are_timed_as_well(space: str, arch: str | None) -> None:
    loaded = einsyn.load(space, profile="test")
    architecture = loaded.parse(arch) if arch else loaded.ref("gru")
    assert min(operation_seconds(architecture.rewritten.graph)) > 0
