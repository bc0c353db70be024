# A network written by einsyn.
# It needs torch and nothing else.
# inputs: image f32[B, c:4, h:8, w:8], signal f32[B, c:4, l:12], sequence f32[B, s:8, d:8], vector f32[B, d:8], 
#   tokens i64[B, t:6]
# outputs: f32[]
# parameters: 4
# multiply-accumulates at batch 1: 0

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight1 = nn.Parameter(torch.zeros(4))

    def forward(self, image: torch.Tensor, signal: torch.Tensor, sequence: torch.Tensor, vector: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        x = torch.sqrt(self.weight1)  # [d:4]
        x = x.amax(0)  # []
        return x
