# A network written by einsyn.
# It needs torch and nothing else.
# inputs: x f32[B, s:5, d:4]
# outputs: f32[B, d:3]
# parameters: 57
# multiply-accumulates at batch 1: 186

import torch
from torch import nn


class Net(nn.Module):
    constant1: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("constant1", torch.tensor([0.0, 0.0]))
        self.linear1 = nn.Linear(4, 6)
        self.linear2 = nn.Linear(2, 6)
        self.linear3 = nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x1 = self.constant1 + x.new_zeros(x.shape[0], 1, dtype=self.constant1.dtype)
        x2 = list[torch.Tensor]()
        for x3 in range(5):
            x4 = x.select(1, x3)
            x5 = self.linear1(x4)  # [B, d:6]
            x5, x6, x7 = x5.chunk(3, dim=1)  # 3 x [B, d:2]
            x8 = self.linear2(x1)  # [B, d:6]
            x8, x9, x10 = x8.chunk(3, dim=1)  # 3 x [B, d:2]
            x6 = x6 + x9  # [B, d:2]
            del x9
            x6 = torch.sigmoid(x6)  # [B, d:2]
            x5 = x5 + x8  # [B, d:2]
            del x8
            x5 = torch.sigmoid(x5)  # [B, d:2]
            x5 = x5 * x10  # [B, d:2]
            del x10
            x7 = x7 + x5  # [B, d:2]
            del x5
            x7 = torch.tanh(x7)  # [B, d:2]
            x5 = x6 * -1.0 + 1.0  # [B, d:2]
            x5 = x5 * x7  # [B, d:2]
            del x7
            x6 = x6 * x1  # [B, d:2]
            x5 = x5 + x6  # [B, d:2]
            del x6
            x2.append(x5)
            x1 = x5
            del x5
        x2 = torch.stack(x2, dim=1)
        del x1, x3, x4
        x2 = x2.narrow(1, 4, 1)  # [B, s:1, d:2]
        x2 = x2.reshape(x2.shape[0], 2)  # [B, d:2]
        x2 = self.linear3(x2)  # [B, d:3]
        return x2
