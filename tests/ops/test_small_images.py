"""Images as small as they get: what type-checks also runs, and learns, in a batch of one."""

from __future__ import annotations

import pytest
import torch
from small_spaces import net

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import OPS

NORMS = ["instance_norm", "instance_norm(affine=false)", "group_norm(4)", "group_norm(1)", "instance_norm(eps=0.5)"]


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("axes", ["h:1, w:1", "l:1"])
def test_a_normalisation_of_one_element_runs_in_a_batch_of_one(norm: str, axes: str) -> None:
    head = f"//@ input x f32[B, c:4, {axes}]\n"
    architecture = net(f"define net()(x) = x + {norm}(x)", head)
    module = architecture.module(seed=0).train()
    x = torch.randn(1, 4, *([1] * axes.count(":")), generator=torch.Generator().manual_seed(0), requires_grad=True)
    y = module(x)
    y.sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    if norm != "group_norm(1)":
        torch.testing.assert_close(y, x, atol=1e-4, rtol=1e-4)  # x - x, times 1 / sqrt(eps)
    found = architecture.verify(module=module.eval())
    assert found.verified


@pytest.mark.parametrize("name", ["max_pool", "avg_pool"])
@pytest.mark.parametrize("size", range(1, 6))
@pytest.mark.parametrize("kernel", range(1, 6))
@pytest.mark.parametrize("stride", range(1, 5))
@pytest.mark.parametrize("padding", [0, 1])
def test_what_fits_is_what_torch_takes(name: str, size: int, kernel: int, stride: int, padding: int) -> None:
    function = getattr(torch.nn.functional, f"{name}1d")
    found = (
        OPS[name].configure(kernel, stride, padding, ceil_mode=True).known((TensorType("f32", ("c", "l"), (2, size)),))
    )
    try:
        expected = function(torch.zeros(1, 2, size), kernel, stride, padding, ceil_mode=True).shape[-1]
    except RuntimeError:
        assert isinstance(found, Mismatch)
    else:
        assert found.outputs[0].sizes == (2, expected)
