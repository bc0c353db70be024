"""Borders and resizing where a runtime or torch has rules of its own."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_graphs import Builder

from einsyn.backends.onnx_model import NEWEST_OPSET, OLDEST_OPSET, build_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.graph import Graph
from einsyn.ir.types import TensorType
from einsyn.ops import OPS

IMAGE = TensorType("f32", ("c", "h", "w"), (2, 8, 8))


def both(graph: Graph, x: torch.Tensor, opset: int = 20) -> tuple[np.ndarray, np.ndarray]:
    """What torch and onnxruntime compute."""
    import onnxruntime

    source = write_source(graph)
    module = build_module(source).eval()
    model = build_onnx(graph, module.state_dict(), source.keys, opset=opset)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    with torch.no_grad():
        return module(x).numpy(), session.run(None, {session.get_inputs()[0].name: x.numpy()})[0]


@pytest.mark.parametrize("opset", [OLDEST_OPSET, 18, 20, NEWEST_OPSET])
@pytest.mark.parametrize("pool", ["max_pool", "avg_pool"])
def test_a_border_of_zeros_counts_in_the_pool_behind_it(pool: str, opset: int) -> None:
    builder = Builder(x=IMAGE)
    (padded,) = builder.apply(OPS["pad"].configure(1, 0), 0)
    graph = builder.graph(*builder.apply(OPS[pool].configure(5, 2, 2), padded))
    below = -1 - torch.rand(2, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    expected, found = both(graph, below, opset)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert (expected[:, :, 0] == 0).all() == (pool == "max_pool")


@pytest.mark.parametrize("sizes", [(n, m) for n in (1, 2, 3, 5, 7, 8, 49) for m in (1, 2, 3, 4, 9, 14, 49, 98)])
@pytest.mark.parametrize("mode", ["nearest", "linear"])
def test_resizing_takes_the_places_that_torch_takes(sizes: tuple[int, int], mode: str) -> None:
    before, after = sizes
    builder = Builder(x=TensorType("f32", ("c", "l"), (1, before)))
    graph = builder.graph(*builder.apply(OPS["resize"].configure(after, mode), 0))
    expected, found = both(graph, torch.arange(before, dtype=torch.float32).view(1, 1, -1) * 10)
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("factor", [1, 2, 3, 7, 49])
def test_nearest_upsampling_repeats_each_place(factor: int) -> None:
    builder = Builder(x=TensorType("f32", ("c", "l"), (1, 6)))
    graph = builder.graph(*builder.apply(OPS["upsample"].configure(factor), 0))
    x = torch.arange(6.0).view(1, 1, -1)
    expected, found = both(graph, x)
    assert found.tolist() == expected.tolist() == x.repeat_interleave(factor, 2).tolist()


def test_pixel_unshuffle_undoes_pixel_shuffle() -> None:
    for x in (IMAGE, TensorType("f32", ("c", "l"), (4, 6))):
        builder = Builder(x=x)
        (coarse,) = builder.apply(OPS["pixel_unshuffle"].configure(2), 0)
        graph = builder.graph(*builder.apply(OPS["pixel_shuffle"].configure(2), coarse))
        values = torch.randn(3, *x.concrete(), generator=torch.Generator().manual_seed(1))
        for result in both(graph, values):
            assert result.tolist() == values.tolist()


def test_kernels_are_standardised() -> None:
    builder = Builder(x=IMAGE)
    graph = builder.graph(*builder.apply(OPS["std_conv"].configure(3, 3, bias=False, eps=0.0), 0))
    module = build_module(write_source(graph))
    kernel = torch.nn.Conv2d(2, 3, 3, padding=1, bias=False)
    weight = module.std_conv1.weight.detach()
    variance, mean = torch.var_mean(weight, (1, 2, 3), correction=0, keepdim=True)
    kernel.weight.data = (weight - mean) / variance.sqrt()
    x = torch.randn(2, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(module(x), kernel(x))
