"""Over random search spaces: print and parse, prediction and torch, torch and onnxruntime, all agree."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from random_spaces import spaces
from small_spaces import small_space

from einsyn import Architecture
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph

LIMITS = {"max_ops": 60, "max_params": 50_000, "max_size": 40}


def samples(text: str, seed: int, n: int) -> list[Architecture]:
    space = small_space(text)
    return space.sample(n, seed=seed, **LIMITS)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(spaces(), st.integers(0, 2**32))
def test_text_derivation_and_graph_are_one_to_one(text: str, seed: int) -> None:
    for architecture in samples(text, seed, 10):
        space = architecture.space
        again = space.parse(architecture.text, **LIMITS)
        assert again.derivation == architecture.derivation
        assert again.log_prob == architecture.log_prob
        assert again.record() == architecture.record()
        assert again.graph == architecture.graph
        verify_graph(architecture.graph)
        assert parse_graph(print_graph(architecture.graph)) == architecture.graph
        assert architecture.graph.params == architecture.params
        assert architecture.graph.macs == architecture.macs
        assert architecture.graph.memory == architecture.memory


@settings(max_examples=15, deadline=None, derandomize=True)
@given(spaces(), st.integers(0, 2**32))
def test_predictions_hold_in_torch(text: str, seed: int) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    for architecture in samples(text, seed, 3):
        module = architecture.module(seed=1)
        assert sum(p.numel() for p in module.parameters()) == architecture.params
        ((_, input_type),) = architecture.space.inputs
        x = torch.randn(1, *input_type.sizes, generator=torch.Generator().manual_seed(0))
        with FlopCounterMode(display=False) as counter:
            y = module.eval()(x)
        assert ["B", *y.shape[1:]] == architecture.output[0]
        assert counter.get_total_flops() == 2 * architecture.macs
        pair = torch.cat([x, 2 * x]).requires_grad_()
        module.train()(pair).sum().backward()
        assert pair.grad is not None
        assert all(p.grad is not None for p in module.parameters())


@settings(max_examples=8, deadline=None, derandomize=True)
@given(spaces(), st.integers(0, 2**32))
def test_torch_and_onnxruntime_agree(text: str, seed: int) -> None:
    for architecture in samples(text, seed, 2):
        outcome = architecture.verify(seed=2)
        assert outcome.verified or outcome.unstable, architecture.text
