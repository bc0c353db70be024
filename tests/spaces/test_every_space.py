"""Every shipped space at its test profile: samples build, run, learn, cost what is predicted, and export."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import einsyn
from einsyn import Architecture, Space
from einsyn.backends.torch_source import write_source
from einsyn.backends.verify import check_onnx, random_inputs, verify
from einsyn.shipped import shipped_spaces

FEW, MANY, BATCH = 10, 200, 2
every_space = pytest.mark.parametrize("name", list(shipped_spaces()))


@cache
def space_of(name: str) -> Space:
    return einsyn.load(name, profile="test")


def cut_off(architecture: Architecture) -> set[str]:
    """Parameters from which no path leads to an output but through `zero`, which lets no gradient through."""
    graph = architecture.graph
    reaching = set(graph.outputs)
    owners: set[int | None] = set()
    for operation in reversed(graph.operations):
        if reaching.intersection(operation.outputs) and operation.op.name != "zero":
            reaching.update(operation.inputs)
            owners.add(operation.owner)
    keys = write_source(graph).keys
    return {key for (owner, _), key in keys.items() if owner not in owners}


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
    missing = {name for name, p in module.named_parameters() if p.grad is None}
    assert missing <= cut_off(architecture)
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
        # The reference carries the parameters and the input that its file states; the output is the declared one.
        assert architecture.space.parse(architecture.text) == architecture
        assert architecture.params > 0
