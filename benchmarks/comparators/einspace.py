"""The four reference networks of einspace (Ericsson et al., NeurIPS 2024) as the best plain torch."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn


def _conv(c: int, d: int, k: int = 3, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(c, d, k, stride, (k - 1) // 2)


class BasicBlock(nn.Module):
    """Two convolutions beside a shortcut, activated after the sum."""

    def __init__(self, c: int, d: int) -> None:
        super().__init__()
        stride = 1 if c == d else 2
        self.conv1, self.norm1 = _conv(c, d, 3, stride), nn.BatchNorm2d(d)
        self.conv2, self.norm2 = _conv(d, d), nn.BatchNorm2d(d)
        self.act = nn.LeakyReLU(inplace=True)
        self.shortcut = None if c == d else nn.Sequential(_conv(c, d, 1, stride), nn.BatchNorm2d(d))

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to B, d, h / stride, w / stride."""
        y = self.act(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        y += x if self.shortcut is None else self.shortcut(x)
        return self.act(y)


class ResNet18(nn.Module):
    """ResNet-18 for small images; a convolution of stride 2 stands for the pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 64), nn.BatchNorm2d(64), nn.LeakyReLU(inplace=True), _conv(64, 64, 3, 2))
        self.blocks = nn.Sequential(
            *[BasicBlock(c, d) for c, d in pairwise((64, 64, 64, 128, 128, 256, 256, 512, 512))]
        )
        self.head = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 32, 32 to logits."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class WideBlock(nn.Module):
    """Two convolutions beside a shortcut, normalised and activated after the sum."""

    def __init__(self, c: int, d: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _conv(c, d, 3, stride), nn.BatchNorm2d(d)
        self.conv2 = _conv(d, d)
        self.shortcut = None if c == d else _conv(c, d, 1, stride)
        self.norm2 = nn.BatchNorm2d(d)
        self.act = nn.LeakyReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """B, c, h, w to B, d, h / stride, w / stride."""
        y = self.conv2(self.act(self.norm1(self.conv1(x))))
        y += x if self.shortcut is None else self.shortcut(x)
        return self.act(self.norm2(y))


class WideResNet(nn.Module):
    """WRN-16-4."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 16), nn.BatchNorm2d(16), nn.LeakyReLU(inplace=True))
        widths = ((16, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1), (128, 256, 2), (256, 256, 1))
        self.blocks = nn.Sequential(*[WideBlock(*w) for w in widths])
        self.head = nn.Linear(256, 10)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 32, 32 to logits."""
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Patches(nn.Module):
    """Patches of 4x4 as tokens, with learned positions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 512, 4, 4)
        self.positions = nn.Parameter(torch.randn(64, 512))

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 32, 32 to B, 64, 512."""
        return self.conv(x).flatten(2).transpose(1, 2) + self.positions


class Encoder(nn.Module):
    """Attention with four heads of 64, and a layer of the width; normalised after each sum."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.out = nn.Linear(512, 768), nn.Linear(256, 512)
        self.norm1 = nn.LayerNorm(512)
        self.up, self.down = nn.Linear(512, 512), nn.Linear(512, 512)
        self.act = nn.LeakyReLU(inplace=True)
        self.norm2 = nn.LayerNorm(512)

    def forward(self, x: Tensor) -> Tensor:
        """B, s, 512 to the same."""
        q, k, v = self.qkv(x).unflatten(2, (3, 4, 64)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        x = self.norm1(self.out(mixed.transpose(1, 2).flatten(2)) + x)
        return self.norm2(self.down(self.act(self.up(x))) + x)


class Transformer(nn.Module):
    """Four layers of width 512."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Patches(), *[Encoder() for _ in range(4)])
        self.head = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 32, 32 to logits."""
        return self.head(self.layers(x).mean(1))


class MixerLayer(nn.Module):
    """A layer over positions and one over features, under one normalisation and one sum."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(512)
        act = nn.LeakyReLU(inplace=True)
        self.positions = nn.Sequential(nn.Linear(64, 256), act, nn.Linear(256, 64))
        self.features = nn.Sequential(nn.Linear(512, 256), act, nn.Linear(256, 512))

    def forward(self, x: Tensor) -> Tensor:
        """B, 64, 512 to the same."""
        y = self.positions(self.norm(x).transpose(1, 2)).transpose(1, 2)
        return self.features(y) + x


class Mixer(nn.Module):
    """Eight layers of width 512."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(Patches(), *[MixerLayer() for _ in range(8)])
        self.head = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        """B, 3, 32, 32 to logits."""
        return self.head(self.layers(x).mean(1))
