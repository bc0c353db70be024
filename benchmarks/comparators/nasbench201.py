"""The best network of NAS-Bench-201 on CIFAR-10 (Dong & Yang, ICLR 2020)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _conv_norm(c: int, d: int, k: int = 3, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(c, d, k, stride, (k - 1) // 2, bias=False), nn.BatchNorm2d(d))


class Cell(nn.Module):
    """Four nodes; every edge but the skip is a convolution of what was activated, once for each node."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.edge01, self.edge02, self.edge12 = (_conv_norm(c, c) for _ in range(3))
        self.edge13, self.edge23 = _conv_norm(c, c), _conv_norm(c, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to the same."""
        active = torch.relu(x)
        first = self.edge01(active).relu_()
        second = self.edge02(active)
        second += self.edge12(first)
        third = self.edge13(first)
        third += x
        third += self.edge23(second.relu_())
        return third


class Reduction(nn.Module):
    """The residual block between stages."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = _conv_norm(c, 2 * c, 3, 2), _conv_norm(2 * c, 2 * c)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(c, 2 * c, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to B, 2c, h/2, w/2."""
        y = self.conv2(self.conv1(torch.relu(x)).relu_())
        y += self.shortcut(x)
        return y


class NasBench201(nn.Module):
    """Three stages of five cells."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [_conv_norm(3, 16)]
        for c in (16, 32, 64):
            layers += [Reduction(c // 2)] if c > 16 else []
            layers += [Cell(c) for _ in range(5)]
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(64), nn.ReLU(inplace=True))
        self.head = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 32, 32 to logits."""
        return self.head(self.layers(x).mean((2, 3)))
