"""ConvNeXt-T (Liu et al. 2022), as torchvision computes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of an image."""

    def forward(self, input: Tensor) -> Tensor:
        """B, c, h, w to the same."""
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """A 7x7 convolution by channel and two layers over channels, scaled."""

    def __init__(self, c: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(c, c, 7, padding=3, groups=c)
        self.norm = nn.LayerNorm(c, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(c, 4 * c), nn.GELU(), nn.Linear(4 * c, c))
        self.scale = nn.Parameter(torch.full((1, 1, c), 1e-6))

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to the same."""
        y = self.scale * self.mlp(self.norm(self.conv(x).permute(0, 2, 3, 1)))
        return x + y.permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """ConvNeXt-T at 224 x 224."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, 96, 4, 4), ChannelNorm(96, eps=1e-6)]
        c = 96
        for depth, d in ((3, 96), (3, 192), (9, 384), (3, 768)):
            if d != c:
                layers += [ChannelNorm(c, eps=1e-6), nn.Conv2d(c, d, 2, 2)]
            layers += [Block(d) for _ in range(depth)]
            c = d
        self.layers = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(c, eps=1e-6)
        self.head = nn.Linear(c, 1000)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 224, 224 to logits."""
        return self.head(self.norm(self.layers(x).mean((2, 3))))
