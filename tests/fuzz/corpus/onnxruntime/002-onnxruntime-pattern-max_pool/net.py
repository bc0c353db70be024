# A network written by einsyn.
# It needs torch and nothing else.
# inputs: image f32[B, c:4, h:8, w:8], signal f32[B, c:4, l:12], sequence f32[B, s:8, d:8], vector f32[B, d:8], 
#   tokens i64[B, t:6]
# outputs: f32[B, c:36, h:2, w:2]
# parameters: 0
# multiply-accumulates at batch 1: 0

import torch
from torch import nn


class Net(nn.Module):
    def forward(self, image: torch.Tensor, signal: torch.Tensor, sequence: torch.Tensor, vector: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        x = nn.functional.unfold(image, 3, padding=1, stride=2).transpose(1, 2)  # [B, s:4*4, d:36]
        x = x / x  # [B, s:4*4, d:36]
        x = x.reshape(x.shape[0], 4, 4, 36).permute(0, 3, 1, 2)  # [B, c:36, h:4, w:4]
        x = nn.functional.max_pool2d(x, 2)  # [B, c:36, h:2, w:2]
        return x
