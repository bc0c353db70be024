"""The comparison itself: it finds differences, names what is unstable, and disturbs nothing."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from small_graphs import Builder, single
from small_nets import classifier
from small_spaces import net

from einsyn.backends.onnx_model import DEFAULT_OPSET, build_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.backends.verify import check_onnx, verify
from einsyn.errors import BackendError
from einsyn.ir.graph import Graph
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS


def lowered(graph: Graph) -> tuple[torch.nn.Module, onnx.ModelProto]:
    source = write_source(graph)
    module = build_module(source)
    return module, build_onnx(graph, module.state_dict(), source.keys)


def test_agreement() -> None:
    module, model = lowered(classifier())
    outcome = verify(module, model, seed=4, batches=(1, 2, 7))
    assert outcome.verified
    assert not outcome.unstable
    assert 0 <= outcome.difference < 1e-4
    assert outcome.magnitude > 0
    assert outcome.batches == (1, 2, 7)


def test_a_changed_weight_is_found() -> None:
    module, model = lowered(classifier())
    with torch.no_grad():
        module.get_parameter("linear2.bias")[3] += 0.01
    outcome = verify(module, model)
    assert not outcome.verified
    assert not outcome.unstable
    assert outcome.difference == pytest.approx(0.01, rel=1e-2)


def test_differences_are_relative_to_large_outputs_and_absolute_to_small_ones() -> None:
    for scale, shift, verified in ((1e4, 0.5, True), (1e-6, 0.5, False), (1e-6, 5e-5, True)):
        graph = single(OPS["linear"].configure(3), (parse_type("d:4"),))
        module, model = lowered(graph)
        with torch.no_grad():
            module.get_parameter("linear1.weight").fill_(0)
            module.get_parameter("linear1.bias").fill_(scale)
            source = write_source(graph)
            model = build_onnx(graph, module.state_dict(), source.keys)
            module.get_parameter("linear1.bias").add_(shift)
        assert verify(module, model).verified is verified


def test_what_is_not_finite_is_unstable() -> None:
    builder = Builder(x=parse_type("d:64"))
    (y,) = builder.apply(OPS["log"].configure(), 0)
    module, model = lowered(builder.graph(y))
    outcome = verify(module, model)
    assert outcome.unstable
    assert not outcome.verified


def test_zero_silences_what_is_not_finite() -> None:
    builder = Builder(x=parse_type("d:64"))
    (y,) = builder.apply(OPS["log"].configure(), 0)
    (y,) = builder.apply(OPS["zero"].configure(), y)
    module, model = lowered(builder.graph(y))
    assert verify(module, model).verified


def test_windows_keep_what_is_not_finite_where_it_is() -> None:
    builder = Builder(x=parse_type("c:2,h:6,w:6"))
    (y,) = builder.apply(OPS["affine"].configure(1e38), 0)
    (y,) = builder.apply(OPS["affine"].configure(1e38), y)
    (y,) = builder.apply(OPS["im2col"].configure(3, 2, 1), y)
    (y,) = builder.apply(OPS["tanh"].configure(), y)
    module, model = lowered(builder.graph(y))
    assert verify(module, model).verified


def test_mode_and_random_states_are_untouched() -> None:
    module, model = lowered(classifier())
    states = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002 - the global state is the point
    buffers = {k: v.clone() for k, v in module.named_buffers()}
    module.train()
    verify(module, model)
    assert module.training
    assert torch.equal(states[0], torch.get_rng_state())
    assert states[1] == np.random.get_state()[1].tolist()  # noqa: NPY002
    assert all(torch.equal(buffers[k], v) for k, v in module.named_buffers())


def test_invalid_models_are_explained() -> None:
    _, model = lowered(classifier())
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 11
    with pytest.raises(BackendError) as caught:
        check_onnx(model)
    assert caught.value.code == "B005"
    assert caught.value.diagnostics[0].evidence


def test_models_that_do_not_load_are_explained() -> None:
    module, model = lowered(classifier())
    model.opset_import[0].version = 500
    with pytest.raises(BackendError) as caught:
        verify(module, model)
    assert caught.value.code == "B007"


# Dtypes other than f32.


def half(dtype: str, opset: int = DEFAULT_OPSET) -> tuple[torch.nn.Module, onnx.ModelProto]:
    body = "define net()(x) = add(batch_norm(conv(4, 3, padding=1)(x)), batch_norm(x))"
    architecture = net(body, head=f"//@ input x {dtype}[B, c:4, h:6, w:7]\n")
    return architecture.module(), architecture.onnx(opset=opset)


def test_an_opset_without_the_dtype_is_not_written() -> None:
    with pytest.raises(BackendError) as caught:
        half("bf16")
    (found,) = caught.value.diagnostics
    assert found.code == "B009"
    assert "bfloat16" in found.evidence[0]
    assert found.hint is not None
    assert found.hint.startswith("--opset 22")
    check_onnx(half("bf16", 22)[1])


@pytest.mark.parametrize(("dtype", "opset"), [("bf16", 22), ("f64", DEFAULT_OPSET)])
def test_what_onnxruntime_has_no_kernel_for(dtype: str, opset: int) -> None:
    module, model = half(dtype, opset)
    check_onnx(model)
    with pytest.raises(BackendError) as caught:
        verify(module, model)
    assert caught.value.code == "B007"
    assert "f32 input" in str(caught.value)


def test_half_precision_is_compared_by_its_own_digits() -> None:
    module, model = half("f16")
    found = verify(module, model)
    assert found.verified
    with torch.no_grad():
        module.get_parameter("conv1.bias")[0] += 0.1
    assert not verify(module, model).verified
