# A network written by einsyn.
# It needs torch and nothing else.
# inputs: image f32[B, c:4, h:8, w:8], signal f32[B, c:4, l:12], sequence f32[B, s:8, d:8], vector f32[B, d:8], 
#   tokens i64[B, t:6]
# outputs: f32[d:4]
# parameters: 8
# multiply-accumulates at batch 1: 0

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight1 = nn.Parameter(torch.zeros(4))
        self.weight2 = nn.Parameter(torch.randn(4) * 0.02)

    def forward(self, image: torch.Tensor, signal: torch.Tensor, sequence: torch.Tensor, vector: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        x = torch.zeros_like(self.weight1)  # [d:4]
        x = x / self.weight2  # [d:4]
        x = nn.functional.selu(x)  # [d:4]
        x = torch.reciprocal(x)  # [d:4]
        return x
