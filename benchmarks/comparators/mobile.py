"""MobileNetV2 (Sandler et al. 2018) and EfficientNet-B0 (Tan & Le 2019), as torchvision computes them."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def _layer(c: int, d: int, k: int, stride: int, act: type[nn.Module] | None, groups: int = 1) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Conv2d(c, d, k, stride, (k - 1) // 2, groups=groups, bias=False), nn.BatchNorm2d(d)]
    return layers if act is None else [*layers, act(inplace=True)]


class SqueezeExcite(nn.Module):
    """A gate for each channel."""

    def __init__(self, c: int, hidden: int) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.down, self.act, self.up = nn.Conv2d(c, hidden, 1), nn.SiLU(inplace=True), nn.Conv2d(hidden, c, 1)

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to the same."""
        return x * torch.sigmoid(self.up(self.act(self.down(self.pool(x)))))


class InvertedResidual(nn.Module):
    """Wider, by channel, gated or not, narrower."""

    def __init__(self, c: int, d: int, k: int, stride: int, ratio: int, act: type[nn.Module], gated: bool) -> None:
        super().__init__()
        wide = c * ratio
        layers = _layer(c, wide, 1, 1, act) if ratio > 1 else []
        layers += _layer(wide, wide, k, stride, act, wide)
        if gated:
            layers.append(SqueezeExcite(wide, c // 4))
        self.branch = nn.Sequential(*layers, *_layer(wide, d, 1, 1, None))
        self.residual = stride == 1 and c == d

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to B, d, h / stride, w / stride."""
        y = self.branch(x)
        if self.residual:
            y += x
        return y


class Mobile(nn.Module):
    """A stem, stages of (ratio, kernel, stride, width, depth), a wide layer and a classifier."""

    def __init__(self, stages: tuple[tuple[int, int, int, int, int], ...], act: type[nn.Module], gated: bool) -> None:
        super().__init__()
        layers = _layer(3, 32, 3, 2, act)
        c = 32
        for ratio, k, stride, d, depth in stages:
            for i in range(depth):
                layers.append(InvertedResidual(c, d, k, stride if i == 0 else 1, ratio, act, gated))
                c = d
        self.layers = nn.Sequential(*layers, *_layer(c, 1280, 1, 1, act))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(1280, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, h, w to logits."""
        return self.head(self.pool(self.layers(x)).flatten(1))


class MobileNetV2(Mobile):
    """Table 2 of the paper."""

    def __init__(self) -> None:
        stages = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 3, 2, 32, 3), (6, 3, 2, 64, 4), (6, 3, 1, 96, 3))
        super().__init__((*stages, (6, 3, 2, 160, 3), (6, 3, 1, 320, 1)), nn.ReLU6, gated=False)


class EfficientNetB0(Mobile):
    """Table 1 of the paper."""

    def __init__(self) -> None:
        stages = ((1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3), (6, 5, 1, 112, 3))
        super().__init__((*stages, (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)), nn.SiLU, gated=True)
