"""Attention against its formula, written out with plain products."""

from __future__ import annotations

import pytest
import torch
from small_graphs import shape, single

from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.types import TensorType
from einsyn.ops import Op
from einsyn.ops.attention import Attention

EXAMPLES = list(Attention.examples())


def formula(op: Op, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """One head, one query at a time."""
    assert isinstance(op, Attention)
    share = op.heads // op.kv_heads
    queries, keys, values = q.chunk(op.heads, -1), k.chunk(op.kv_heads, -1), v.chunk(op.kv_heads, -1)
    outputs: list[torch.Tensor] = []
    for head, part in enumerate(queries):
        scores = part @ keys[head // share].transpose(-1, -2) / part.shape[-1] ** 0.5
        if bias is not None:
            scores = scores + bias[..., min(head, bias.shape[-3] - 1), :, :]
        for i in range(scores.shape[-2]):
            for j in range(scores.shape[-1]):
                if (op.causal and j > i) or (op.window and abs(i - j) >= op.window):
                    scores[..., i, j] = float("-inf")
        weights = scores.exp() / scores.exp().sum(-1, keepdim=True)
        outputs.append(weights @ values[head // share])
    return torch.cat(outputs, -1)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: f"{e[0]}:{'|'.join(map(str, e[1]))}")
def test_is_its_formula(example: tuple[Op, tuple[TensorType, ...]]) -> None:
    op, types = example
    module = build_module(write_source(single(op, types)))
    generator = torch.Generator().manual_seed(2)
    q, k, v, *bias = [torch.randn(shape(t), generator=generator) for t in types]
    expected = formula(op, q, k, v, bias[0] if bias else None)
    torch.testing.assert_close(module(q, k, v, *bias), expected, rtol=1e-5, atol=1e-5)
