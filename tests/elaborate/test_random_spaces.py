"""Over random search spaces: print and parse, prediction and torch, torch and onnxruntime, all agree."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from small_spaces import small_space

from einsyn.ir.parse_text import parse_graph
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph
from einsyn.testing import Net, architectures, grammars

LIMITS = {"max_ops": 60, "max_params": 50_000, "max_size": 40}
# Networks of each space: loading one takes longer than drawing from it.
EACH = 5


@st.composite
def nets(draw: st.DrawFn) -> list[Net]:
    """Some networks of a random space."""
    space = small_space(draw(grammars()), **LIMITS)
    return draw(st.lists(architectures(space), min_size=1, max_size=EACH))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(nets())
def test_text_derivation_and_graph_are_one_to_one(drawn: list[Net]) -> None:
    for architecture in (net.architecture for net in drawn):
        space = architecture.space
        again = space.parse(architecture.text)
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
@given(nets())
def test_predictions_hold_in_torch(drawn: list[Net]) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    for net in drawn:
        architecture, module = net.architecture, net.module
        assert sum(p.numel() for p in module.parameters()) == architecture.params
        x, *_ = (torch.from_numpy(array[:1]) for array in net.inputs.values())
        with FlopCounterMode(display=False) as counter:
            y = module(x)
        assert ["B", *y.shape[1:]] == architecture.output[0]
        assert counter.get_total_flops() == 2 * architecture.macs
        outputs = module.train()(torch.cat([x, x.flip(-1)]))
        if outputs.requires_grad:
            outputs.sum().backward()
        assert all(p.grad is not None for p in module.parameters())


@settings(max_examples=12, deadline=None, derandomize=True)
@given(nets())
def test_torch_and_onnxruntime_agree(drawn: list[Net]) -> None:
    for net in drawn:
        outcome = net.architecture.verify(seed=2)
        assert outcome.verified or outcome.unstable, net
