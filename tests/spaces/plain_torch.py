"""What comparisons with plain torch definitions share: random weights, their exchange by position, equal outputs."""

from __future__ import annotations

import torch
from torch import nn

import einsyn


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


def copy_weights(source: nn.Module, target: nn.Module, bare: tuple[str, ...] = ()) -> None:
    """Copy in order of definition; `bare` are names of parameters that belong to no layer, copied among themselves."""
    given = list(source.named_parameters())
    alone = [p for name, p in given if "." not in name]
    layers = [p for name, p in given if "." in name]
    taken = list(target.named_parameters())
    own = [p for name, p in taken if name.rpartition(".")[2] in bare]
    rest = [p for name, p in taken if name.rpartition(".")[2] not in bare]
    assert [p.shape for p in alone] == [p.shape for p in own]
    assert [p.shape for p in layers] == [p.shape for p in rest]
    with torch.no_grad():
        for a, b in zip((*alone, *layers), (*own, *rest), strict=True):
            b.copy_(a)


def compare(source: nn.Module, target: nn.Module, x: torch.Tensor) -> None:
    """Equal outputs to 1e-5 of the largest."""
    with torch.no_grad():
        expected, computed = target.eval()(x), source(x)
    assert expected.std() > 0.01
    torch.testing.assert_close(computed, expected, rtol=0, atol=1e-5 * max(1.0, float(expected.abs().max())))
