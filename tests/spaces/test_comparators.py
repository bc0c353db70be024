"""The networks by hand that benchmarks compare with are the networks of the spaces: equal parameters and outputs."""

from __future__ import annotations

import pytest
import torch
from plain_torch import compare, copy_weights, fill

import einsyn
from benchmarks.comparators import NETS
from benchmarks.comparators.language import Gpt2
from einsyn.architecture import Architecture

# Parameters that belong to no layer.
BARE = ("cls", "positions", "scale", "table")


def check(architecture: Architecture, plain: torch.nn.Module) -> None:
    source = architecture.module(seed=1)
    fill(source, seed=3)
    with torch.no_grad():
        for p in source.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=torch.Generator().manual_seed(p.numel())))
    copy_weights(source, plain, BARE)
    with torch.no_grad():
        for a, b in zip(source.buffers(), plain.buffers(), strict=True):
            b.copy_(a)
    ((_, given),) = architecture.space.inputs
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2, *given.concrete(), generator=generator)
    compare(source.eval(), plain, torch.randint(0, 20, x.shape, generator=generator) if given.dtype == "i64" else x)


@pytest.mark.parametrize("name", NETS)
def test_comparators_have_the_parameters_of_the_reference(name: str) -> None:
    net = NETS[name]
    with torch.device("meta"):
        plain = net.build()
    assert sum(p.numel() for p in plain.parameters()) == net.architecture().params


@pytest.mark.parametrize("name", sorted(set(NETS) - {"gpt2"}))
def test_comparators_compute_what_the_reference_does(name: str) -> None:
    check(NETS[name].architecture(), NETS[name].build())


def test_the_language_model_computes_what_the_reference_does() -> None:
    text = NETS["gpt2"].architecture().text
    check(einsyn.load("lm", params={"vocab": 20, "context": 16}).parse(text), Gpt2(20, 16))
