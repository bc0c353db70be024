"""ONNX models are written as they are evaluated: batch normalisations are part of the convolutions before them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from onnx import ModelProto, numpy_helper
from small_spaces import IMAGE, net

import einsyn
from einsyn.architecture import Architecture
from einsyn.backends.verify import check_onnx
from einsyn.errors import BackendError

NORMALISED = "define net()(x) = relu(batch_norm(conv(6, 3, bias=false)(x)))"


def nodes(model: ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def trained(architecture: Architecture) -> torch.nn.Module:
    """A module whose statistics are not what they start as."""
    module = architecture.module(seed=1)
    generator = torch.Generator().manual_seed(0)
    ((_, given),) = architecture.space.inputs
    for _ in range(3):
        module(2 * torch.randn(4, *given.concrete(), generator=generator) + 1)
    return module.eval()


def test_normalisations_become_part_of_convolutions() -> None:
    architecture = net(NORMALISED, IMAGE)
    module = trained(architecture)
    assert nodes(architecture.onnx(module=module)) == Counter(["Conv", "Relu"])
    assert architecture.verify(module=module).verified
    assert architecture.verify(module=module).magnitude > 0.1


def test_not_where_somebody_else_needs_the_convolution() -> None:
    architecture = net("define net()(x) { y = conv(4, 3)(x) return add(batch_norm(y), y) }", IMAGE)
    assert nodes(architecture.onnx())["BatchNormalization"] == 1
    assert architecture.verify(module=trained(architecture)).verified


def test_weights_keep_their_keys_where_it_is_not_wanted() -> None:
    architecture = net(NORMALISED, IMAGE)
    module = trained(architecture)
    model = architecture.onnx(module=module, fold=False)
    assert nodes(model)["BatchNormalization"] == 1
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    wanted = {key: t.numpy() for key, t in module.state_dict().items() if not key.endswith("num_batches_tracked")}
    assert wanted.keys() <= stored.keys()
    for key, array in wanted.items():
        np.testing.assert_array_equal(stored[key], array)
    assert architecture.verify(module=module, fold=False).verified


def test_what_reaches_no_output_keeps_its_weights() -> None:
    architecture = net("define net()(x) { unused = batch_norm(conv(4, 3)(x)) return batch_norm(relu(x)) }", IMAGE)
    model = architecture.onnx()
    assert nodes(model) == Counter(["Conv", "BatchNormalization", "Relu", "BatchNormalization"])
    assert sum(node.op_type == "Conv" for node in architecture.onnx(rewrite="deploy").graph.node) == 0


def test_half_precision_is_left_alone() -> None:
    architecture = net(NORMALISED, IMAGE.replace("f32", "f16"))
    assert nodes(architecture.onnx())["BatchNormalization"] == 1


def test_a_module_that_does_not_fit_is_refused() -> None:
    architecture = net(NORMALISED, IMAGE)
    with pytest.raises(BackendError) as caught:
        architecture.onnx(module=torch.nn.Linear(2, 2))
    assert caught.value.code == "B008"


# What depends on no input.


def test_what_depends_on_no_input_is_worked_out() -> None:
    architecture = net("define net()(x) = x * sigmoid(exp(weight(c=4, h=1, w=1)()) - 1)", IMAGE)
    module = architecture.module(seed=3)
    model = architecture.onnx(module=module)
    check_onnx(model)
    assert nodes(model) == Counter(["Mul"])
    ((name, array),) = ((t.name, numpy_helper.to_array(t)) for t in model.graph.initializer)
    assert name not in module.state_dict()
    (weight,) = module.parameters()
    np.testing.assert_allclose(array, weight.detach().exp().sub(1).sigmoid().numpy(), rtol=1e-6)
    assert architecture.verify(module=module).verified
    assert nodes(architecture.onnx(module=module, fold=False)).total() > 1


def test_a_weight_that_is_used_otherwise_stays() -> None:
    architecture = net("define net()(x) { w = weight(c=4, h=1, w=1)() return x * exp(w) + w }", IMAGE)
    module = architecture.module(seed=3)
    model = architecture.onnx(module=module)
    assert nodes(model) == Counter(["Mul", "Add"])
    assert len(model.graph.initializer) == 2
    assert {t.name for t in model.graph.initializer} & module.state_dict().keys()
    assert architecture.verify(module=module).verified


def test_a_large_result_stays_to_be_computed() -> None:
    architecture = net(
        'define net()(x) = x + expand("s", 40000)(weight(s=1, d=8)())', "//@ input x f32[B, s:40000, d:8]\n"
    )
    model = architecture.onnx()
    assert nodes(model)["Expand"] == 1
    assert sum(len(t.raw_data) for t in model.graph.initializer) < 1000
    assert architecture.verify().verified


@pytest.mark.parametrize("opset", [17, 20])
def test_masks_and_tables_of_windows_are_constants(opset: int) -> None:
    architecture = einsyn.load("hybrid", params={"shrink": 16, "classes": 4}).ref("swin_tiny_patch4_window7_224")
    few, all_of_it = (nodes(architecture.onnx(opset=opset, fold=fold)) for fold in (True, False))
    assert few["Expand"] == 0 < all_of_it["Expand"]
    assert few.total() < 0.7 * all_of_it.total()
    assert architecture.verify(opset=opset).verified


def test_loops_keep_the_weights_that_they_read() -> None:
    architecture = einsyn.load("rnncell", profile="test").ref("gru")
    assert nodes(architecture.onnx())["Scan"] > 0
    assert architecture.verify().verified


def test_an_output_may_depend_on_no_input() -> None:
    architecture = net("define net()(x) = exp(weight(c=4)())", IMAGE)
    check_onnx(architecture.onnx())
    assert architecture.verify().verified
