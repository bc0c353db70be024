"""Written networks go through torch's own tools: export, tracing, copies, mixed precision, memory formats."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

import einsyn
from einsyn.backends.agreement import agreement
from einsyn.backends.verify import random_inputs
from einsyn.shipped import shipped_spaces

Inputs = tuple[torch.Tensor, ...]
FEW = ("einspace", "lm", "nasbench201", "rnncell", "vit")


def exported(module: torch.nn.Module, inputs: Inputs) -> Any:
    return torch.export.export(module, inputs).module()(*inputs)


def traced(module: torch.nn.Module, inputs: Inputs) -> Any:
    return torch.fx.symbolic_trace(module)(*inputs)


def copied(module: torch.nn.Module, inputs: Inputs) -> Any:
    return copy.deepcopy(module)(*inputs)


def pickled(module: torch.nn.Module, inputs: Inputs) -> Any:
    return pickle.loads(pickle.dumps(module))(*inputs)


def channels_last(module: torch.nn.Module, inputs: Inputs) -> Any:
    turned = copy.deepcopy(module).to(memory_format=torch.channels_last)
    return turned(*(x.contiguous(memory_format=torch.channels_last) if x.dim() == 4 else x for x in inputs))


def half(module: torch.nn.Module, inputs: Inputs) -> Any:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return module(*inputs)


def outputs(computed: Any) -> list[torch.Tensor]:
    return [computed] if isinstance(computed, torch.Tensor) else list(computed)


def check(space: str, samples: int, tool: Callable[[torch.nn.Module, Inputs], Any]) -> None:
    for architecture in einsyn.load(space, profile="test").sample(samples, seed=11):
        module = architecture.module(seed=0).eval()
        model = architecture.onnx(module=module)
        inputs = tuple(torch.tensor(array) for array in random_inputs(model, 2).values())
        with torch.no_grad():
            wanted, given = outputs(module(*inputs)), outputs(tool(module, inputs))
        assert [y.shape for y in given] == [y.shape for y in wanted]
        if tool is half:
            continue  # it rounds to 8 bits: there is nothing to compare
        for a, b in zip(wanted, given, strict=True):
            found = agreement(a.numpy(), b.numpy())
            assert not found.finite or not found.differs, f"{architecture.text}: {found}"


TOOLS = (exported, traced, copied, pickled, channels_last, half)


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
@pytest.mark.parametrize("space", FEW)
def test_few_networks(space: str, tool: Callable[[torch.nn.Module, Inputs], Any]) -> None:
    check(space, 2, tool)


@pytest.mark.slow
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
@pytest.mark.parametrize("space", sorted(shipped_spaces()))
def test_many_networks(space: str, tool: Callable[[torch.nn.Module, Inputs], Any]) -> None:
    check(space, 9, tool)
