"""Networks of the space hybrid against definitions in plain torch, written from their papers."""

from __future__ import annotations

import torch
from plain_torch import compare, copy_weights, in_order, reference
from torch import nn

import einsyn
from benchmarks.comparators.tokens import Mlp

IMAGE = torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))


class SwinBlock(nn.Module):
    """A block of Swin (arXiv:2103.14030, equation 3) on a map B, h, w, d: windows of 7, shifted by 3 or not."""

    def __init__(self, width: int, heads: int, shift: int) -> None:
        super().__init__()
        self.heads, self.shift = heads, shift
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.table = nn.Parameter(torch.zeros(heads, 13, 13))
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = Mlp(width, 4 * width)

    def bias(self) -> torch.Tensor:
        places = [(i, j) for i in range(7) for j in range(7)]
        rows = torch.tensor([[k - i + 6 for k, _ in places] for i, _ in places])
        columns = torch.tensor([[m - j + 6 for _, m in places] for _, j in places])
        return self.table[:, rows, columns]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        size = x.shape[1]
        y = torch.zeros_like(x)
        normed = self.norm1(x)
        attended = self.qkv(normed)
        # Each window of the shifted map, as the list of places that it really holds.
        for top in range(0, size, 7):
            for left in range(0, size, 7):
                places = [
                    ((top + i + self.shift) % size, (left + j + self.shift) % size, top + i, left + j)
                    for i in range(7)
                    for j in range(7)
                ]
                rows, columns = [p[0] for p in places], [p[1] for p in places]
                # Places that the shift brought round an edge do not see those that it did not.
                around = [(p[2] + self.shift >= size, p[3] + self.shift >= size) for p in places]
                seen = torch.tensor([[a == b for b in around] for a in around])
                q, k, v = (t.chunk(self.heads, -1) for t in attended[:, rows, columns].chunk(3, dim=-1))
                mixed = [
                    (q[n] @ k[n].mT / q[n].shape[-1] ** 0.5 + self.bias()[n])
                    .masked_fill(~seen, float("-inf"))
                    .softmax(-1)
                    @ v[n]
                    for n in range(self.heads)
                ]
                y[:, rows, columns] = self.out(torch.cat(mixed, -1))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Merging(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(4 * width)
        self.reduce = nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        return self.reduce(self.norm(torch.cat(parts, dim=-1)))


class Swin(nn.Module):
    """Swin-T."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 96, 4, 4)
        self.norm = nn.LayerNorm(96, eps=1e-6)
        stages: list[nn.Module] = []
        for i, (depth, heads) in enumerate([(2, 3), (2, 6), (6, 12), (2, 24)]):
            width = 96 * 2**i
            stages += [Merging(width // 2)] if i else []
            stages += [SwinBlock(width, heads, 3 * (n % 2) if i < 3 else 0) for n in range(depth)]
        self.stages = nn.Sequential(*stages)
        self.last = nn.LayerNorm(768)
        self.head = nn.Linear(768, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.stages(self.norm(self.patches(x).permute(0, 2, 3, 1)))
        return self.head(self.last(y).mean((1, 2)))


def test_swin() -> None:
    source, plain = reference("hybrid", "swin_tiny_patch4_window7_224"), Swin()
    swin = einsyn.load("hybrid").ref("swin_tiny_patch4_window7_224")
    copy_weights(source, plain, ("table",), in_order(swin))
    compare(source, plain, IMAGE[:1])


class BottleneckAttention(nn.Module):
    """Attention of BoTNet (arXiv:2101.11605, figure 4) on 8 x 8 places: content and relative positions."""

    def __init__(self, width: int, heads: int, side: int) -> None:
        super().__init__()
        self.heads, self.side = heads, side
        self.qkv = nn.Conv2d(width, 3 * width, 1, bias=False)
        self.across = nn.Linear(width // heads, 2 * side - 1, bias=False)
        self.down = nn.Linear(width // heads, 2 * side - 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (t.flatten(2).mT.chunk(self.heads, -1) for t in self.qkv(x).chunk(3, dim=1))
        places = [(i, j) for i in range(self.side) for j in range(self.side)]
        dy = torch.tensor([[k - i + self.side - 1 for k, _ in places] for i, _ in places])
        dx = torch.tensor([[m - j + self.side - 1 for _, m in places] for _, j in places])
        mixed: list[torch.Tensor] = []
        for a, b, c in zip(q, k, v, strict=True):
            position = self.across(a).gather(-1, dx.expand(len(x), -1, -1)) + self.down(a).gather(
                -1, dy.expand(len(x), -1, -1)
            )
            mixed.append((a @ b.mT / a.shape[-1] ** 0.5 + position).softmax(-1) @ c)
        return torch.cat(mixed, -1).mT.unflatten(2, (self.side, self.side))


def test_bottleneck_attention() -> None:
    from small_spaces import net

    made = net(
        'define net()(x) { q, k, v = group(3, "d")(image_tokens(conv(24, 1, bias=false)(x))) '
        "return token_image(attention(2)(q, k, v, query_bias(2)(q))) }",
        "//@ input x f32[B, c:8, h:5, w:5]\n//@ use windows.ein\n",
    )
    plain = BottleneckAttention(8, 2, 5)
    source = made.module(seed=3)
    copy_weights(source, plain)
    compare(source, plain, torch.randn(2, 8, 5, 5, generator=torch.Generator().manual_seed(0)))
