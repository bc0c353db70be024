"""Random weights for networks, and their exchange by position."""

from __future__ import annotations

import torch
from torch import nn


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
