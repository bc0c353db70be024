"""GPT-2 (Radford et al. 2019), the smallest, with tied tables."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Causal attention and a fourfold layer, each normalised before."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.norm2 = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """B, s, d to the same."""
        q, k, v = self.qkv(self.norm1(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        return x + self.down(nn.functional.gelu(self.up(self.norm2(x))))


class Gpt2(nn.Module):
    """Twelve layers of width 768.

    Args:
        vocab: number of ids.
        context: number of positions.
    """

    def __init__(self, vocab: int = 50257, context: int = 1024) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.randn(vocab, 768) * 0.02)
        self.positions = nn.Parameter(torch.randn(context, 768) * 0.02)
        self.blocks = nn.Sequential(*[Block(768, 12) for _ in range(12)])
        self.norm = nn.LayerNorm(768)

    def forward(self, tokens: Tensor) -> Tensor:
        """Ids B, s to logits B, s, vocab."""
        x = nn.functional.embedding(tokens, self.table) + self.positions
        return nn.functional.linear(self.norm(self.blocks(x)), self.table)
