"""Linear attention against its recurrence, and what its attributes mean."""

from __future__ import annotations

import pytest
import torch
from small_graphs import shape, single

from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.types import TensorType
from einsyn.ops import Op
from einsyn.ops.linear_attention import LinearAttention

EXAMPLES = list(LinearAttention.examples())


def recurrence(op: LinearAttention, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    """One head of one example: a state that reads one position after the other."""
    if not op.gated:
        q, k = torch.nn.functional.elu(q) + 1, torch.nn.functional.elu(k) + 1
    state, total = torch.zeros(k.shape[-1], v.shape[-1]), torch.zeros(k.shape[-1])
    outputs: list[torch.Tensor] = []
    for i in range(len(k)):
        if op.gated:
            state = a[i].unsqueeze(-1) * state
        state, total = state + torch.outer(k[i], v[i]), total + k[i]
        if op.causal or op.gated:
            outputs.append(q[i] @ state / (1 if op.gated else q[i] @ total))
    if not outputs:
        outputs = [query @ state / (query @ total) for query in q]
    return torch.stack(outputs)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e[0]}:{'|'.join(map(str, e[1]))}")
def test_is_its_recurrence(example: tuple[Op, tuple[TensorType, ...]]) -> None:
    op, types = example
    assert isinstance(op, LinearAttention)
    module = build_module(write_source(single(op, types)))
    generator = torch.Generator().manual_seed(2)
    inputs = [torch.randn(shape(t), generator=generator) for t in types]
    if op.gated:
        inputs[3] = inputs[3].sigmoid()
    result = module(*inputs)
    flat = [x.flatten(0, -3) for x in inputs]
    for i, computed in enumerate(result.flatten(0, -3)):
        heads = [x[i].chunk(op.heads, -1) for x in flat]
        gates = heads[3] if op.gated else heads[1]
        parts = [recurrence(op, q, k, v, a) for q, k, v, a in zip(*heads[:3], gates, strict=True)]
        torch.testing.assert_close(computed, torch.cat(parts, -1), rtol=1e-4, atol=1e-5)


def test_gates_of_zero_forget_everything() -> None:
    t = TensorType("f32", ("s", "d"), (4, 3))
    module = build_module(write_source(single(LinearAttention.configure(gated=True), (t, t, t, t))))
    q, k, v = (torch.randn(1, 4, 3, generator=torch.Generator().manual_seed(i)) for i in range(3))
    only_here = (q * k).sum(-1, keepdim=True) * v
    torch.testing.assert_close(module(q, k, v, torch.zeros(1, 4, 3)), only_here, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
def test_features_that_vanish_give_numbers(causal: bool) -> None:
    t = TensorType("f32", ("s", "d"), (4, 3))
    module = build_module(write_source(single(LinearAttention.configure(1, causal), (t, t, t))))
    far = torch.full((1, 4, 3), -100.0)
    assert module(far, far, torch.ones(1, 4, 3)).isfinite().all()
