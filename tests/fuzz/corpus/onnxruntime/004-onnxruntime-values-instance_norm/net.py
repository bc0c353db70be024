# A network written by einsyn.
# It needs torch and nothing else.
# inputs: image f32[B, c:4, h:8, w:8], signal f32[B, c:4, l:12], sequence f32[B, s:8, d:8], vector f32[B, d:8], 
#   tokens i64[B, t:6]
# outputs: f32[B, c:4, h:1, w:1]
# parameters: 8
# multiply-accumulates at batch 1: 0

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.instance_norm1 = nn.GroupNorm(4, 4)

    def forward(self, image: torch.Tensor, signal: torch.Tensor, sequence: torch.Tensor, vector: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        x = image.sum((2, 3), keepdim=True)  # [B, c:4, h:1, w:1]
        x = self.instance_norm1(x)  # [B, c:4, h:1, w:1]
        return x
