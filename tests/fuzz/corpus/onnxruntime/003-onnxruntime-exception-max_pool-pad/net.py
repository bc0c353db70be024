# A network written by einsyn.
# It needs torch and nothing else.
# inputs: image f32[B, c:4, h:8, w:8], signal f32[B, c:4, l:12], sequence f32[B, s:8, d:8], vector f32[B, d:8], 
#   tokens i64[B, t:6]
# outputs: f32[B, c:4, h:4, w:4]
# parameters: 0
# multiply-accumulates at batch 1: 0

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, image: torch.Tensor, signal: torch.Tensor, sequence: torch.Tensor, vector: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        x = nn.functional.pad(image, (1, 1, 1, 1))  # [B, c:4, h:10, w:10]
        x = nn.functional.max_pool2d(x, (2, 3), stride=3, padding=1, ceil_mode=True)  # [B, c:4, h:4, w:4]
        return x
