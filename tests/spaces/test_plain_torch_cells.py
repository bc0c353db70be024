"""Published nets against plain torch definitions, written here from the papers: equal outputs.

The definitions declare their layers in the order in which a network computes, so that weights go over by position.
"""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from plain_torch import copy, fill
from torch import Tensor, nn
from torch.nn import functional

import einsyn


def check(space: str, ref: str, plain: nn.Module, *sizes: int) -> None:
    """Equal outputs, to 1e-5 of the largest, after the weights of one went over to the other."""
    module = einsyn.load(space).ref(ref).module(seed=0)
    fill(module, seed=3)
    copy(module, plain)
    x = torch.randn(1, *sizes, generator=torch.Generator().manual_seed(7))
    with torch.no_grad():
        found, expected = module.eval()(x), plain.eval()(x)
    assert expected.std() > 0
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * expected.abs().max().item())


# FractalNet (Larsson et al., ICLR 2017): columns of convolutions, the j-th over 2^j rows of the block.


class FractalBlock(nn.Module):
    def __init__(self, c: int, d: int, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.ends = [[j for j in range(columns) if (row + 1) % 2**j == 0] for row in range(2 ** (columns - 1))]
        self.layers = nn.ModuleDict()
        for row in range(2 ** (columns - 1)):
            # The network computes a column's layer after the shorter columns have been half way beside it.
            half_way = next((j for j in range(1, columns) if (row + 1) % 2**j == 2 ** (j - 1)), None)
            for j, at in [(0, row)] + ([(half_way, row + 2 ** (half_way - 1))] if half_way else []):
                channels = c if at + 1 == 2**j else d
                layer = nn.Sequential(nn.Conv2d(channels, d, 3, padding=1, bias=False), nn.BatchNorm2d(d), nn.ReLU())
                self.layers[f"{j} {at}"] = layer

    def forward(self, x: Tensor) -> Tensor:
        inputs = [x] * self.columns
        for row, ends in enumerate(self.ends):
            joined = torch.stack([self.layers[f"{j} {row}"](inputs[j]) for j in ends]).mean(0)
            for j in ends:
                inputs[j] = joined
        return inputs[0]


class FractalNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        widths = [3, 64, 128, 256, 512, 512]
        self.blocks = nn.ModuleList(FractalBlock(c, d, 3) for c, d in pairwise(widths))
        self.head = nn.Linear(512, 10)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = functional.max_pool2d(block(x), 2)
        return self.head(x.flatten(1))


def test_fractalnet() -> None:
    check("fractal", "fractalnet_cifar10", FractalNet(), 3, 32, 32)


# U2-Net (Qin et al. 2020), the small one.


class Reb(nn.Sequential):
    def __init__(self, c: int, d: int, dilation: int = 1) -> None:
        super().__init__(nn.Conv2d(c, d, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(d), nn.ReLU())


class Rsu(nn.Module):
    """A U-shaped residual block that pools, with `levels` - 2 times half the size."""

    def __init__(self, levels: int, c: int, inner: int, d: int) -> None:
        super().__init__()
        self.first = Reb(c, d)
        self.down = nn.ModuleList([Reb(d, inner), *(Reb(inner, inner) for _ in range(levels - 2))])
        self.bottom = Reb(inner, inner, 2)
        self.up = nn.ModuleList([*(Reb(2 * inner, inner) for _ in range(levels - 2)), Reb(2 * inner, d)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        ends: list[Tensor] = []
        y = x
        for i, layer in enumerate(self.down):
            y = layer(functional.max_pool2d(y, 2, ceil_mode=True) if i else y)
            ends.append(y)
        y = self.bottom(y)
        for layer, end in zip(self.up, reversed(ends), strict=True):
            if y.shape[2:] != end.shape[2:]:
                y = functional.interpolate(y, end.shape[2:], mode="bilinear", align_corners=False)
            y = layer(torch.cat([y, end], 1))
        return x + y


class DilatedRsu(nn.Module):
    def __init__(self, c: int, inner: int, d: int) -> None:
        super().__init__()
        self.first = Reb(c, d)
        self.down = nn.ModuleList([Reb(d, inner), Reb(inner, inner, 2), Reb(inner, inner, 4)])
        self.bottom = Reb(inner, inner, 8)
        self.up = nn.ModuleList([Reb(2 * inner, inner, 4), Reb(2 * inner, inner, 2), Reb(2 * inner, d)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        ends = [self.down[0](x)]
        for layer in self.down[1:]:
            ends.append(layer(ends[-1]))
        y = self.bottom(ends[-1])
        for layer, end in zip(self.up, reversed(ends), strict=True):
            y = layer(torch.cat([y, end], 1))
        return x + y


class U2NetSmall(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(
            [*(Rsu(n, 64 if n < 7 else 3, 16, 64) for n in (7, 6, 5, 4)), DilatedRsu(64, 16, 64)]
        )
        self.bottom, self.bottom_side = DilatedRsu(64, 16, 64), nn.Conv2d(64, 1, 3, padding=1)
        decoders = [DilatedRsu(128, 16, 64), *(Rsu(n, 128, 16, 64) for n in (4, 5, 6, 7))]
        self.decoders = nn.ModuleList(nn.ModuleList([d, nn.Conv2d(64, 1, 3, padding=1)]) for d in decoders)
        self.out = nn.Conv2d(6, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        def whole(y: Tensor) -> Tensor:
            return functional.interpolate(y, image.shape[2:], mode="bilinear", align_corners=False)

        ends: list[Tensor] = []
        y = image
        for encoder in self.encoders:
            ends.append(encoder(y))
            y = functional.max_pool2d(ends[-1], 2, ceil_mode=True)
        y = self.bottom(y)
        sides = [whole(self.bottom_side(y))]
        for (decoder, side), end in zip(self.decoders, reversed(ends), strict=True):
            up = functional.interpolate(y, end.shape[2:], mode="bilinear", align_corners=False)
            y = decoder(torch.cat([end, up], 1))
            sides.insert(0, whole(side(y)))
        return torch.sigmoid(self.out(torch.cat(sides, 1)))


def test_u2net_small() -> None:
    check("unet", "u2netp", U2NetSmall(), 3, 320, 320)


# ECAPA-TDNN (Desplanques, Thienpondt & Demuynck, Interspeech 2020).


def dense(c: int, d: int, k: int, dilation: int = 1) -> nn.Sequential:
    padding = dilation * (k // 2)
    return nn.Sequential(nn.Conv1d(c, d, k, padding=padding, dilation=dilation), nn.ReLU(), nn.BatchNorm1d(d))


class SeRes2Block(nn.Module):
    def __init__(self, c: int, dilation: int, scale: int = 8) -> None:
        super().__init__()
        self.scale = scale
        self.first = dense(c, c, 1)
        self.parts = nn.ModuleList(dense(c // scale, c // scale, 3, dilation) for _ in range(scale - 1))
        self.last = dense(c, c, 1)
        self.squeeze = nn.Sequential(nn.Conv1d(c, 128, 1), nn.ReLU(), nn.Conv1d(128, c, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        first, *rest = self.first(x).chunk(self.scale, 1)
        done = [first]
        for i, (layer, part) in enumerate(zip(self.parts, rest, strict=True)):
            done.append(layer(part + done[-1] if i else part))
        y = self.last(torch.cat(done, 1))
        return x + y * self.squeeze(y.mean(2, keepdim=True))


class EcapaTdnn(nn.Module):
    def __init__(self, c: int) -> None:
        super().__init__()
        self.first = dense(80, c, 5)
        self.blocks = nn.ModuleList(SeRes2Block(c, dilation) for dilation in (2, 3, 4))
        self.aggregate = nn.Conv1d(3 * c, 1536, 1)
        self.attention = nn.Sequential(nn.Conv1d(3 * 1536, 128, 1), nn.Tanh(), nn.Conv1d(128, 1536, 1))
        self.embedding = nn.Sequential(nn.BatchNorm1d(3072), nn.Conv1d(3072, 192, 1), nn.BatchNorm1d(192))
        self.head = nn.Linear(192, 10)

    def forward(self, x: Tensor) -> Tensor:
        layers = [self.first(x)]
        for block in self.blocks:
            layers.append(block(torch.stack(layers).sum(0)))
        h = functional.relu(self.aggregate(torch.cat(layers[1:], 1)))
        mean, spread = h.mean(2, keepdim=True), (h.var(2, correction=0, keepdim=True) + 1e-5).sqrt()
        weights = self.attention(torch.cat([h, mean.expand_as(h), spread.expand_as(h)], 1)).softmax(2)
        mean = (weights * h).sum(2, keepdim=True)
        spread = ((weights * (h - mean) ** 2).sum(2, keepdim=True) + 1e-5).sqrt()
        return self.head(self.embedding(torch.cat([mean, spread], 1)).flatten(1))


@pytest.mark.parametrize("channels", [512, 1024])
def test_ecapa_tdnn(channels: int) -> None:
    check("tdnn", f"ecapa_tdnn_{channels}", EcapaTdnn(channels), 80, 200)
