"""What nobody else needs is overwritten, and nothing else is."""

from __future__ import annotations

import pytest
import torch
from small_spaces import IMAGE, net

from einsyn.architecture import Architecture

IN_PLACE = (
    "define net()(x) = relu(batch_norm(conv(4, 3)(x)))",
    "define net()(x) = leaky_relu(add(conv(4, 3)(x), x))",
    "define net()(x) = relu(x + conv(4, 1)(x))",
    "define net()(x) = leaky_relu(0.2)(linear(3)(x))",
    "define net()(x) = relu6(conv(4, 3)(x))",
)
APART = {
    "an input": "define net()(x) = relu(x)",
    "another name of an input": "define net()(x) = relu(add(identity(x)))",
    "needed by another": "define net()(x) { y = conv(4, 3)(x) return add(relu(y), y) }",
    "backward needs it": "define net()(x) = relu(sigmoid(conv(4, 3)(x)))",
    "its slope is not known from the result": "define net()(x) = leaky_relu(-0.1)(conv(4, 3)(x))",
}


def trains(architecture: Architecture, training: bool = True) -> None:
    """Gradients are those of the function that is computed, in 64 bits, and inputs stay what they are."""
    module = architecture.module(seed=0).double().train(training)
    x = torch.randn(3, 4, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    given = x.detach().clone()
    assert torch.autograd.gradcheck(module, (x[:1].detach().requires_grad_(),))
    module(x).square().sum().backward()
    torch.testing.assert_close(x.detach(), given, rtol=0, atol=0)


@pytest.mark.parametrize("text", IN_PLACE)
def test_activations_overwrite_what_they_alone_use(text: str) -> None:
    architecture = net(text, IMAGE)
    assert "inplace=" in architecture.source()
    assert "inplace=" in architecture.source(rewrite="none")
    trains(architecture)
    trains(architecture, training=False)


@pytest.mark.parametrize("why", APART)
def test_what_is_needed_is_left_alone(why: str) -> None:
    architecture = net(APART[why], IMAGE)
    assert "inplace" not in architecture.source()
    assert "inplace" not in architecture.source(rewrite="none")
    trains(architecture)


def test_outputs_are_left_alone() -> None:
    from small_graphs import Builder

    from einsyn.backends.torch_source import write_source
    from einsyn.ir.parse_type import parse_type
    from einsyn.ops import OPS

    builder = Builder(x=parse_type("c:4,h:8,w:8"))
    (y,) = builder.apply(OPS["conv"].configure(4, 3), 0)
    (z,) = builder.apply(OPS["relu"].configure(), y)
    assert "inplace=True" in write_source(builder.graph(z)).text
    assert "inplace" not in write_source(builder.graph(y, z)).text
