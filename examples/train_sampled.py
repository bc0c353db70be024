"""Train a network that was sampled, with a plain torch loop, and export the trained weights.

    python examples/train_sampled.py

The data set is made here: 16x16 colour images of stripes in four directions, under noise. Nothing is downloaded.
"""

from __future__ import annotations

import math
from itertools import islice

import torch
from torch import nn

import einsyn

SIZE, CLASSES = 16, 4


def stripes(count: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Images of stripes with random phase, period and colour; the label is their direction."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.randint(CLASSES, (count,), generator=random)
    angle = labels * (math.pi / CLASSES)
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    along = x * angle.cos()[:, None, None] + y * angle.sin()[:, None, None]
    period = 3 + 3 * torch.rand(count, 1, 1, generator=random)
    phase = 2 * math.pi * torch.rand(count, 1, 1, generator=random)
    wave = torch.sin(2 * math.pi * along / period + phase)
    colour = torch.rand(count, 3, 1, 1, generator=random) + 0.5
    noise = 0.3 * torch.randn(count, 3, SIZE, SIZE, generator=random)
    return colour * wave[:, None] + noise, labels


def pick() -> einsyn.Architecture:
    """The largest of five draws within a budget that look at patches and are more than linear."""
    space = einsyn.load("einspace", input=f"3x{SIZE}x{SIZE}", params={"classes": CLASSES})
    drawn = space.sampler(seed=2, max_params=200_000, max_macs=1_000_000)
    wanted = (a for a in drawn if {"im2col", "leaky_relu"} <= a.ops.keys() and a.ops.get("linear", 0) >= 3)
    return max(islice(wanted, 5), key=lambda arch: arch.macs)


def accuracy(net: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """The share of labels that the net finds."""
    net.eval()
    with torch.no_grad():
        return float((net(images).argmax(1) == labels).float().mean())


def main() -> None:
    """Train, show the falling loss, and check that the ONNX model has the trained weights."""
    arch = pick()
    print(f"{arch.text}\n{arch.params:,} parameters, {arch.macs:,} MACs")
    images, labels = stripes(1024, seed=0)
    test_images, test_labels = stripes(512, seed=1)

    net = arch.module(seed=0)
    optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
    order = torch.Generator().manual_seed(0)
    losses: list[float] = []
    for epoch in range(6):
        net.train()
        total = 0.0
        for batch in torch.randperm(len(images), generator=order).split(64):
            loss = nn.functional.cross_entropy(net(images[batch]), labels[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
        print(f"epoch {epoch + 1}: loss {losses[-1]:.3f}, test accuracy {accuracy(net, test_images, test_labels):.3f}")
    assert losses[-1] < 0.5 * losses[0], "the loss falls"

    found = arch.verify(module=net)
    print(f"the trained net as ONNX: agrees {found.verified}, largest difference {found.difference:.2g}")
    assert found.verified


if __name__ == "__main__":
    main()
