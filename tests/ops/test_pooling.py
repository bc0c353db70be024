"""Windows that hang over the border: every small case against torch, and a share of them against onnxruntime."""

from __future__ import annotations

from itertools import islice, product

import numpy as np
import pytest
import torch
from small_graphs import single

from einsyn.backends.onnx_model import build_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.backends.verify import random_inputs
from einsyn.ir.types import TensorType
from einsyn.ops import OPS, Op

CASES = [
    (size, kernel, stride, padding)
    for size, kernel, stride in product(range(1, 10), range(1, 5), range(1, 6))
    for padding in range(kernel // 2 + 1)
    if kernel <= size + 2 * padding
]
POOLS = {
    "max": ("max_pool", {}),
    "avg": ("avg_pool", {}),
    "avg without border": ("avg_pool", {"count_include_pad": False}),
}


def pool(kind: str, case: tuple[int, int, int, int]) -> tuple[Op, TensorType]:
    size, *window = case
    name, more = POOLS[kind]
    return OPS[name].configure(*window, **more, ceil_mode=True), TensorType("f32", ("c", "l"), (2, size))


@pytest.mark.parametrize("kind", POOLS)
def test_shapes_are_those_of_torch(kind: str) -> None:
    name, more = POOLS[kind]
    function = getattr(torch.nn.functional, f"{name}1d")
    for case in CASES:
        op, x = pool(kind, case)
        expected = function(torch.zeros(1, *x.sizes), *case[1:], ceil_mode=True, **more)
        assert op.infer(x).sizes == tuple(expected.shape[1:]), (kind, case)


@pytest.mark.parametrize("kind", POOLS)
def test_values_are_those_of_onnxruntime(kind: str) -> None:
    import onnxruntime

    for case in islice(CASES, 0, None, 9):
        op, x = pool(kind, case)
        graph = single(op, (x,))
        source = write_source(graph, title=kind)
        module = build_module(source, seed=0)
        model = build_onnx(graph, module.state_dict(), source.keys)
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        inputs = random_inputs(model, 2, seed=1)
        expected = module(*(torch.from_numpy(x) for x in inputs.values())).numpy()
        np.testing.assert_allclose(session.run(None, inputs)[0], expected, rtol=1e-6, atol=1e-6, err_msg=str(case))
