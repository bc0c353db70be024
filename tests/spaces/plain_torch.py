"""What comparisons with plain torch definitions share: random weights, their exchange by position, equal outputs."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn

import einsyn
from einsyn.architecture import Architecture


def fill(module: nn.Module, seed: int) -> None:
    """Values that show an exchange of any two tensors: also shifts, scales and running statistics are random."""
    generator = torch.Generator().manual_seed(seed)
    for name, t in module.state_dict().items():
        if t.is_floating_point():
            if name.endswith("running_var") or (t.dim() == 1 and name.endswith("weight")):
                t.uniform_(0.5, 1.5, generator=generator)
            elif t.dim() == 1:
                t.normal_(0, 0.1, generator=generator)
            else:
                t.normal_(0, (2 / max(1, t[0].numel())) ** 0.5, generator=generator)


def copy(source: nn.Module, target: nn.Module) -> None:
    given, wanted = list(source.state_dict().values()), list(target.state_dict().values())
    assert [t.shape for t in given] == [t.shape for t in wanted]
    for a, b in zip(given, wanted, strict=True):
        b.copy_(a)


def reference(space: str, name: str) -> nn.Module:
    """A reference with weights none of which is what it starts as."""
    module = einsyn.load(space).ref(name).module(seed=1).eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for p in module.parameters():
            p.add_(0.02 * torch.randn(p.shape, generator=generator))
    return module


def copy_weights(
    source: nn.Module, target: nn.Module, bare: tuple[str, ...] = (), order: Iterable[str] | None = None
) -> None:
    """Copy in order of definition; `bare` are names of parameters that belong to no layer, copied among themselves.

    Args:
        order: the names of the source's parameters in the order of definition, where blocks of it own parameters that
            belong to no layer: torch lists a block's own ones before those of its layers.
    """
    parameters = dict(source.named_parameters())
    layers: list[nn.Parameter] = []
    alone: list[nn.Parameter] = []
    for name in parameters if order is None else order:
        owner = source.get_submodule(name.rpartition(".")[0])
        (layers if type(owner).__module__.startswith("torch.nn") else alone).append(parameters[name])
    taken = list(target.named_parameters())
    own = [p for name, p in taken if name.rpartition(".")[2] in bare]
    rest = [p for name, p in taken if name.rpartition(".")[2] not in bare]
    assert [p.shape for p in alone] == [p.shape for p in own]
    assert [p.shape for p in layers] == [p.shape for p in rest]
    with torch.no_grad():
        for a, b in zip((*alone, *layers), (*own, *rest), strict=True):
            b.copy_(a)


def in_order(architecture: Architecture) -> list[str]:
    """The names of a module's parameters in the order in which the architecture defines them."""
    keys = architecture.form("exact").keys()
    parameters = {name for name, _ in architecture.module().named_parameters()}
    ordered = dict.fromkeys(keys[slot] for slot in sorted(keys, key=lambda slot: slot[0]))
    return [key for key in ordered if key in parameters]


def compare(source: nn.Module, target: nn.Module, x: torch.Tensor) -> None:
    """Equal outputs to 1e-5 of the largest."""
    with torch.no_grad():
        expected, computed = target.eval()(x), source(x)
    assert expected.std() > 0.01
    torch.testing.assert_close(computed, expected, rtol=0, atol=1e-5 * max(1.0, float(expected.abs().max())))
