"""What operations say about themselves to the canonical form holds in torch, on every example, for any weights."""

from __future__ import annotations

from itertools import permutations, product

import pytest
import torch
from small_graphs import shape, single

from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.types import TensorType
from einsyn.ops import OPS, Op

Example = tuple[Op, tuple[TensorType, ...]]
EXAMPLES = [example for cls in OPS.values() for example in cls.examples()]


def ids(example: Example) -> str:
    return f"{example[0]}:{'|'.join(map(str, example[1]))}"


def run(example: Example, inputs: list[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """The results with weights and statistics that are not those at the start."""
    graph = single(*example)
    module = build_module(write_source(graph, title="op"), seed=1).eval()
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
        computed = module(*inputs)
    return computed if isinstance(computed, tuple) else (computed,)


def inputs_of(example: Example) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    return [
        torch.randint(0, 3, shape(t), generator=generator)
        if t.dtype == "i64"
        else torch.randn(shape(t), generator=generator)
        for t in example[1]
    ]


PASSING = [e for e in EXAMPLES if e[0].passes(*e[1]) is not None]
JOINING = [e for e in EXAMPLES if e[0].joins is not None and len(e[1]) > 1]
REMAINING = [
    e for e in EXAMPLES if any(e[0].remains(z) is not None for z in product((False, True), repeat=min(len(e[1]), 4)))
]
VANISHING = [e for e in EXAMPLES if e[0].is_zero((True,) * len(e[1]))]


@pytest.mark.parametrize("example", PASSING, ids=ids)
def test_what_is_handed_on_is_unchanged(example: Example) -> None:
    op, types = example
    inputs = inputs_of(example)
    passed = op.passes(*types)
    assert passed is not None
    results = run(example, inputs)
    assert len(results) == len(passed)
    for result, source in zip(results, passed, strict=True):
        assert torch.equal(result, inputs[source])


@pytest.mark.parametrize("example", JOINING, ids=ids)
def test_joins_commute(example: Example) -> None:
    inputs = inputs_of(example)
    (expected,) = run(example, inputs)
    orders = permutations(range(len(inputs))) if len(inputs) < 4 else [range(len(inputs))[::-1]]
    for order in orders:
        types = tuple(example[1][i] for i in order)
        (found,) = run((example[0], types), [inputs[i] for i in order])
        torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("name", sorted(name for name, cls in OPS.items() if cls.joins is not None))
def test_joins_are_associative(name: str) -> None:
    op, t = OPS[name].configure(), TensorType("f32", ("s", "d"), (4, 3))
    a, b, c = inputs_of((op, (t, t, t)))
    (left,) = run((op, (t, t)), [*run((op, (t, t)), [a, b]), c])
    (right,) = run((op, (t, t)), [a, *run((op, (t, t)), [b, c])])
    torch.testing.assert_close(left, right)


@pytest.mark.parametrize("example", VANISHING, ids=ids)
def test_zeros_give_zeros(example: Example) -> None:
    op, types = example
    # Of long lists the first two and the rest stand for all subsets.
    for few in product((False, True), repeat=min(len(types), 3)):
        zeros = (*few, *few[-1:] * (len(types) - len(few)))
        if op.is_zero(zeros):
            inputs = [torch.zeros_like(x) if z else x for x, z in zip(inputs_of(example), zeros, strict=True)]
            assert all(not result.any() for result in run(example, inputs)), zeros


@pytest.mark.parametrize("example", REMAINING, ids=ids)
def test_what_remains_beside_zeros_is_unchanged(example: Example) -> None:
    op, types = example
    for zeros in product((False, True), repeat=len(types)):
        left = op.remains(zeros)
        if left is None or types[left].sizes != op.signature(types).outputs[0].sizes:
            continue
        inputs = [torch.zeros_like(x) if z else x for x, z in zip(inputs_of(example), zeros, strict=True)]
        (result,) = run(example, inputs)
        assert torch.equal(result, inputs[left])


def test_there_is_something_of_each_kind() -> None:
    assert {e[0].name for e in PASSING} >= {"identity", "clone", "add", "group", "permute", "pad", "max_pool"}
    assert {e[0].name for e in JOINING} >= {"add", "multiply", "plus", "times", "maximum", "minimum"}
    assert {e[0].name for e in REMAINING} == {"minus"}
    assert {e[0].name for e in VANISHING} >= {"zero", "conv", "linear", "relu", "avg_pool", "dot_product"}
    assert not any(e[0].name in ("batch_norm", "sigmoid", "softmax") for e in VANISHING)
