"""Published convolutional nets against plain torch definitions, written here from the papers: equal outputs.

The definitions declare their layers in the order in which a network computes, so that weights go over by position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from plain_torch import copy, fill
from torch import Tensor, nn
from torch.nn import functional

import einsyn


def conv_bn(c: int, d: int, k: int, s: int = 1, groups: int = 1, eps: float = 1e-5) -> Iterator[nn.Module]:
    yield nn.Conv2d(c, d, k, s, (k - 1) // 2, groups=groups, bias=False)
    yield nn.BatchNorm2d(d, eps=eps)


class SqueezeExcite(nn.Module):
    def __init__(self, c: int, hidden: int, gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.down, self.up, self.gate = nn.Conv2d(c, hidden, 1), nn.Conv2d(hidden, c, 1), gate

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(self.up(functional.relu(self.down(x.mean((2, 3), keepdim=True)))))


# SE-ResNet-50 (Hu et al. 2018): the stride of a block is in its 3x3 convolution.


class Bottleneck(nn.Module):
    def __init__(self, c: int, width: int, stride: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            *conv_bn(c, width, 1),
            nn.ReLU(),
            *conv_bn(width, width, 3, stride),
            nn.ReLU(),
            *conv_bn(width, 4 * width, 1),
            SqueezeExcite(4 * width, width // 4, torch.sigmoid),
        )
        self.shortcut = nn.Sequential(*(conv_bn(c, 4 * width, 1, stride) if c != 4 * width else ()))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.branch(x) + self.shortcut(x))


def se_resnet50() -> nn.Module:
    layers: list[nn.Module] = [*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    c = 64
    for depth, width in ((3, 64), (4, 128), (6, 256), (3, 512)):
        for i in range(depth):
            layers.append(Bottleneck(c, width, 2 if i == 0 and width > 64 else 1))
            c = 4 * width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1000))


# DenseNet-121 (Huang et al. 2017), with bottlenecks and compression.


class DenseLayer(nn.Sequential):
    def __init__(self, c: int, k: int) -> None:
        squeeze = [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, 4 * k, 1, bias=False)]
        super().__init__(*squeeze, nn.BatchNorm2d(4 * k), nn.ReLU(), nn.Conv2d(4 * k, k, 3, padding=1, bias=False))

    def forward(self, input: Tensor) -> Tensor:
        return torch.cat([input, super().forward(input)], 1)


def densenet121() -> nn.Module:
    layers: list[nn.Module] = [*conv_bn(3, 64, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    c = 64
    for block, depth in enumerate((6, 12, 24, 16)):
        if block:
            layers += [nn.BatchNorm2d(c), nn.ReLU(), nn.Conv2d(c, c // 2, 1, bias=False), nn.AvgPool2d(2)]
            c //= 2
        for _ in range(depth):
            layers.append(DenseLayer(c, 32))
            c += 32
    return nn.Sequential(
        *layers, nn.BatchNorm2d(c), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1000)
    )


# GoogLeNet (Szegedy et al. 2015), with batch normalisation and 3x3 in place of 5x5 as torchvision has it.


class Inception(nn.Module):
    def __init__(self, c: int, a: int, b: tuple[int, int], d: tuple[int, int], pooled: int) -> None:
        super().__init__()
        self.one = unit(c, a, 1)
        self.three = nn.Sequential(unit(c, b[0], 1), unit(b[0], b[1], 3))
        self.five = nn.Sequential(unit(c, d[0], 1), unit(d[0], d[1], 3))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), unit(c, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.one(x), self.three(x), self.five(x), self.pool(x)], 1)


def unit(c: int, d: int, k: int, s: int = 1) -> nn.Module:
    return nn.Sequential(*conv_bn(c, d, k, s, eps=1e-3), nn.ReLU())


def googlenet() -> nn.Module:
    def halve(k: int) -> nn.Module:
        return nn.MaxPool2d(k, 2, ceil_mode=True)

    return nn.Sequential(
        *(unit(3, 64, 7, 2), halve(3), unit(64, 64, 1), unit(64, 192, 3), halve(3)),
        Inception(192, 64, (96, 128), (16, 32), 32),
        Inception(256, 128, (128, 192), (32, 96), 64),
        halve(3),
        Inception(480, 192, (96, 208), (16, 48), 64),
        Inception(512, 160, (112, 224), (24, 64), 64),
        Inception(512, 128, (128, 256), (24, 64), 64),
        Inception(512, 112, (144, 288), (32, 64), 64),
        Inception(528, 256, (160, 320), (32, 128), 128),
        halve(2),
        Inception(832, 256, (160, 320), (32, 128), 128),
        Inception(832, 384, (192, 384), (48, 128), 128),
        *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000)),
    )


# MobileNetV3-Large (Howard et al. 2019), table 1.


class Mobile(nn.Module):
    def __init__(self, c: int, kernel: int, wide: int, out: int, gate: int, hard: int, stride: int) -> None:
        super().__init__()
        act = nn.Hardswish if hard else nn.ReLU
        layers: list[nn.Module] = [*conv_bn(c, wide, 1), act()] if wide != c else []
        layers += [*conv_bn(wide, wide, kernel, stride, wide), act()]
        if gate:
            layers.append(SqueezeExcite(wide, gate, functional.hardsigmoid))
        self.branch = nn.Sequential(*layers, *conv_bn(wide, out, 1))
        self.residual = stride == 1 and c == out

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x) if self.residual else self.branch(x)


# Kernel, expanded width, width, hidden width of the gate, whether hard swish, stride.
MOBILENET_V3 = (
    (3, 16, 16, 0, 0, 1),
    (3, 64, 24, 0, 0, 2),
    (3, 72, 24, 0, 0, 1),
    (5, 72, 40, 24, 0, 2),
    (5, 120, 40, 32, 0, 1),
    (5, 120, 40, 32, 0, 1),
    (3, 240, 80, 0, 1, 2),
    (3, 200, 80, 0, 1, 1),
    (3, 184, 80, 0, 1, 1),
    (3, 184, 80, 0, 1, 1),
    (3, 480, 112, 120, 1, 1),
    (3, 672, 112, 168, 1, 1),
    (5, 672, 160, 168, 1, 2),
    (5, 960, 160, 240, 1, 1),
    (5, 960, 160, 240, 1, 1),
)


def mobilenet_v3() -> nn.Module:
    layers: list[nn.Module] = [*conv_bn(3, 16, 3, 2), nn.Hardswish()]
    c = 16
    for kernel, wide, out, gate, hard, stride in MOBILENET_V3:
        layers.append(Mobile(c, kernel, wide, out, gate, hard, stride))
        c = out
    layers += [*conv_bn(c, 960, 1), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(960, 1280), nn.Hardswish(), nn.Linear(1280, 1000))


# RepVGG-A0 (Ding et al. 2021) as it is trained.


class Rep(nn.Module):
    def __init__(self, c: int, d: int, stride: int) -> None:
        super().__init__()
        self.dense = nn.Sequential(*conv_bn(c, d, 3, stride))
        self.point = nn.Sequential(*conv_bn(c, d, 1, stride))
        self.same = nn.BatchNorm2d(c) if c == d and stride == 1 else None

    def forward(self, x: Tensor) -> Tensor:
        y = self.dense(x) + self.point(x)
        return functional.relu(y if self.same is None else y + self.same(x))


def repvgg_a0() -> nn.Module:
    layers: list[nn.Module] = [Rep(3, 48, 2)]
    c = 48
    for depth, width in ((2, 48), (4, 96), (14, 192), (1, 1280)):
        for i in range(depth):
            layers.append(Rep(c, width, 2 if i == 0 else 1))
            c = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(c, 1000))


NETS: dict[str, tuple[str, Callable[[], nn.Module]]] = {
    "seresnet50": ("resnet", se_resnet50),
    "densenet121": ("densenet", densenet121),
    "googlenet": ("inception", googlenet),
    "mobilenetv3_large_100": ("mbconv", mobilenet_v3),
    "repvgg_a0": ("repvgg", repvgg_a0),
}


@pytest.mark.parametrize("name", NETS)
def test_outputs_are_those_of_a_plain_definition(name: str) -> None:
    space, build = NETS[name]
    architecture = einsyn.load(space).ref(name)
    with torch.no_grad():
        plain = build().double().eval()
        fill(plain, seed=3)
        module = architecture.module().double().eval()
        copy(plain, module)
        ((_, image),) = architecture.space.inputs
        x = torch.randn(1, *image.sizes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        expected = plain(x)
        assert expected.std() > 1e-3  # the nets do tell inputs apart
        torch.testing.assert_close(module(x), expected, rtol=1e-5, atol=1e-5)
