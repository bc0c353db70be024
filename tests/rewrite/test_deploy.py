"""Networks for evaluation alone compute what the trained ones do."""

from __future__ import annotations

import pytest
import torch
from small_spaces import IMAGE, net

import einsyn
from einsyn.architecture import Architecture
from einsyn.errors import UsageError


def shaken(module: torch.nn.Module) -> torch.nn.Module:
    """Every weight and statistic moved, so that nothing is 0 or 1 any more."""
    generator = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                noise = 0.1 * torch.randn(tensor.shape, generator=generator)
                tensor.copy_(tensor * noise.exp() if name.endswith("running_var") else tensor + noise)
    return module.eval()


def gap(architecture: Architecture, image: torch.Tensor) -> float:
    """How far the deployed module is from the trained one, relative to its largest output."""
    module = shaken(architecture.module(seed=1))
    deployed = architecture.deploy(module)
    with torch.no_grad():
        wanted, given = module(image), deployed(image)
    return float((wanted - given).abs().max() / max(1.0, float(wanted.abs().max())))


def test_repvgg_becomes_a_chain_of_convolutions() -> None:
    architecture = einsyn.load("repvgg").ref("repvgg_a0")
    graph = architecture.form("deploy").rewritten.graph
    # Ding et al., CVPR 2021, table 5: 8.30 million parameters when it is deployed.
    assert graph.params == 8_309_384
    assert {o.op.name for o in graph.operations} == {"conv", "relu", "mean", "linear"}
    assert gap(architecture, torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(2))) <= 1e-5


def test_normalisations_after_convolutions_go() -> None:
    architecture = einsyn.load("nasbench201", profile="test").ref("best_cifar10")
    assert gap(architecture, torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(2))) <= 1e-5
    before, after = architecture.rewritten.graph, architecture.form("deploy").rewritten.graph
    folded = architecture.form("deploy").rewritten.fired["fold-batch-norm"]
    counts = [sum(o.op.name == "batch_norm" for o in graph.operations) for graph in (before, after)]
    assert counts[0] - counts[1] == folded > 0
    assert after.params < before.params


@pytest.mark.parametrize(
    ("layer", "left"),
    [
        ("conv_transpose(6, 3, 2, 1, groups=2)", "conv_transpose"),
        ('linear(6, axis="c")', "linear"),
        ("std_conv(6, 3)", "conv"),
        ('std_conv(6, 3, padding_mode="circular", bias=false)', "conv"),
    ],
)
def test_normalisations_after_other_layers_go(layer: str, left: str) -> None:
    architecture = net(f"define net()(x) = relu(batch_norm({layer}(conv(4, 1)(relu(x)))))", IMAGE)
    assert gap(architecture, torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(2))) <= 1e-5
    assert [o.op.name for o in architecture.form("deploy").rewritten.graph.operations] == ["relu", "conv", left, "relu"]


def test_layers_that_give_no_channels_keep_their_normalisation() -> None:
    for layer in ('linear(6, axis="h")', "linear(6)"):
        architecture = net(f"define net()(x) = batch_norm({layer}(x))", IMAGE)
        kept = [str(o.op) for o in architecture.rewritten.graph.operations]
        assert [str(o.op) for o in architecture.form("deploy").rewritten.graph.operations] == kept
        assert kept[-1] == "batch_norm"


def test_branches_that_reach_no_output_go() -> None:
    architecture = net(
        "define net()(x) { unused = conv(4, 3)(x) return add(relu(x), conv(4, 3, bias=false)(zero(x))) }", IMAGE
    )
    assert architecture.params > 0
    assert [str(o.op) for o in architecture.form("deploy").rewritten.graph.operations] == ["relu"]
    assert architecture.module(rewrite="deploy").state_dict() == {}


def test_an_unknown_way_of_rewriting_is_named() -> None:
    with pytest.raises(UsageError, match="did you mean deploy"):
        net("define net()(x) = relu(x)").source(rewrite="deply")  # type: ignore[arg-type]  # a slip
