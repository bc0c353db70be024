"""Recurrent cells against torch's own, and the cell of DARTS against its definition."""

from __future__ import annotations

import math

import pytest
import torch
from plain_torch import compare, copy_weights, reference
from torch import nn

import einsyn

X = torch.randn(3, 28, 28, generator=torch.Generator().manual_seed(0))


class Recurrent(nn.Module):
    """A layer of torch and the classifier of its last output."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.layer(x)[0][:, -1])


@pytest.mark.parametrize("name", ["elman", "gru", "lstm"])
def test_equals_torch(name: str) -> None:
    kinds = {"elman": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    source, plain = reference("rnncell", name), Recurrent(kinds[name](28, 128, batch_first=True))
    weights, inner = dict(source.named_parameters()), plain.layer
    for key, own in (("weight_ih_l0", "linear1.weight"), ("bias_ih_l0", "linear1.bias"),
                     ("weight_hh_l0", "linear2.weight"), ("bias_hh_l0", "linear2.bias")):  # fmt: skip
        getattr(inner, key).data.copy_(weights[own])
    plain.head.weight.data.copy_(weights["linear3.weight"])
    plain.head.bias.data.copy_(weights["linear3.bias"])
    compare(source, plain, X)
    assert einsyn.load("rnncell").ref(name).params == sum(p.numel() for p in plain.parameters())


def test_relu_cell_equals_torch() -> None:
    space = einsyn.load("rnncell", params={"classes": 10})
    source = space.parse("rnn[elman-relu:128]last").module(seed=4).eval()
    plain = Recurrent(nn.RNN(28, 128, nonlinearity="relu", batch_first=True))
    ordered = list(source.parameters())
    for key, own in zip(("weight_ih_l0", "bias_ih_l0", "weight_hh_l0", "bias_hh_l0"), ordered, strict=False):
        getattr(plain.layer, key).data.copy_(own)
    plain.head.load_state_dict({"weight": ordered[4].detach(), "bias": ordered[5].detach()})
    compare(source, plain, X)


class DartsCell(nn.Module):
    """The recurrent cell of DARTS (arXiv:1806.09055, appendix A.1.2): highway nodes, their mean is the state."""

    def __init__(self, genotype: list[tuple[str, int]]) -> None:
        super().__init__()
        self.genotype = genotype
        self.first = nn.Linear(28 + 128, 256, bias=False)
        self.nodes = nn.ModuleList(nn.Linear(128, 256, bias=False) for _ in genotype)
        self.head = nn.Linear(128, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        functions = {"tanh": torch.tanh, "relu": torch.relu, "sigmoid": torch.sigmoid, "identity": lambda t: t}
        h = x.new_zeros(len(x), 128)
        for t in range(x.shape[1]):
            gate, new = self.first(torch.cat([x[:, t], h], -1)).chunk(2, -1)
            states = [h + gate.sigmoid() * (new.tanh() - h)]
            for (name, before), node in zip(self.genotype, self.nodes, strict=True):
                gate, new = node(states[before]).chunk(2, -1)
                states.append(states[before] + gate.sigmoid() * (functions[name](new) - states[before]))
            h = torch.stack(states[1:]).mean(0)
        return self.head(h)


def test_darts_cell() -> None:
    genotype = [("sigmoid", 0), ("relu", 1), ("relu", 1), ("identity", 1), ("tanh", 2), ("sigmoid", 5), ("tanh", 3),
                ("relu", 5)]  # fmt: skip
    source, plain = reference("rnncell", "darts_v2"), DartsCell(genotype)
    # Nodes that read the same state are one layer of the network; as it was elaborated each has its own.
    architecture = einsyn.load("rnncell").ref("darts_v2")
    node_by_node = architecture.module(rewrite="none")
    weights = architecture.form("exact").elaborated_weights(source.state_dict())
    node_by_node.load_state_dict(architecture.form("none").state(weights))
    copy_weights(node_by_node, plain)
    compare(source, plain, X)


def test_counts() -> None:
    """Node i of a cell of DARTS has i predecessors and four functions; the other cells are seven."""
    cells = 7 + 4**8 * math.factorial(8)
    space = einsyn.load("rnncell")
    assert space.count() == 2 * sum((4 * cells) ** layers for layers in (1, 2, 3))
    with pytest.raises(einsyn.EinsynError):
        space.parse("rnn[darts(tanh1,relu0,relu0,relu0,relu0,relu0,relu0,relu0):16]last")


def test_learns_to_remember_the_first_element() -> None:
    space = einsyn.load("rnncell", input="s:8,d:2", params={"classes": 2})
    module = space.parse("rnn[gru:16]last").module(seed=0)
    generator = torch.Generator().manual_seed(1)
    optimiser = torch.optim.Adam(module.parameters(), 0.02)
    loss = torch.tensor(1.0)
    for _ in range(150):
        x = torch.randn(64, 8, 2, generator=generator)
        loss = nn.functional.cross_entropy(module(x), (x[:, 0, 0] > 0).long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert float(loss.detach()) < 0.25
