"""Every shipped space at its test profile: samples build, run, learn, cost what is predicted, and export."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import einsyn
from einsyn import Architecture, Space
from einsyn.backends.verify import check_onnx, random_inputs, verify
from einsyn.shipped import shipped_spaces

FEW, MANY, BATCH = 10, 200, 2
every_space = pytest.mark.parametrize("name", list(shipped_spaces()))


@cache
def space_of(name: str) -> Space:
    return einsyn.load(name, profile="test")


def check(architecture: Architecture) -> bool:
    """Whether torch's numbers were finite; everything else is asserted."""
    assert architecture.space.parse(architecture.text) == architecture
    module = architecture.module(seed=0)
    model = architecture.onnx(module=module)
    assert sum(p.numel() for p in module.parameters()) == architecture.params
    inputs = [torch.from_numpy(x) for x in random_inputs(model, BATCH, seed=0).values()]
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
        computed = module(*inputs)
    outputs = computed if isinstance(computed, tuple) else (computed,)
    assert [["B", *y.shape[1:]] for y in outputs] == architecture.output
    assert counter.get_total_flops() == 2 * BATCH * architecture.macs
    sum(y.sum() for y in outputs).backward()
    assert all(p.grad is not None for p in module.parameters())
    model = architecture.onnx(module=module)  # running statistics have moved
    check_onnx(model)
    outcome = verify(module, model)
    assert outcome.verified or outcome.unstable, f"torch and onnxruntime differ by {outcome.difference}"
    return not outcome.unstable


def check_samples(name: str, count: int) -> None:
    drawn = space_of(name).sample(count, seed=0)
    finite = 0
    for architecture in drawn:
        try:
            finite += check(architecture)
        except Exception as error:
            error.add_note(f"{name}: {architecture.text}")
            raise
    assert finite >= 0.98 * count


@every_space
def test_some_samples(name: str) -> None:
    check_samples(name, FEW)


@pytest.mark.slow
@every_space
def test_many_samples(name: str) -> None:
    check_samples(name, MANY)


@every_space
def test_a_fifth_of_the_draws_are_networks(name: str) -> None:
    sampler = space_of(name).sampler(seed=1)
    assert len({next(sampler).text for _ in range(MANY)}) > 1
    assert sampler.acceptance > 0.2


@every_space
def test_references_are_what_they_say(name: str) -> None:
    space = einsyn.load(name)
    for ref in space.refs:
        architecture = space.ref(ref)
        # The reference carries the parameters and the input that its file states.
        assert architecture.space.parse(architecture.text) == architecture
        ((batch, classes, *_),) = architecture.output
        assert (batch, classes) == ("B", architecture.space.params["classes"])
