"""torch 2.13 on CPU: the weight gradient of a 1x1 convolution with stride 2 writes past its buffer (channels-last)."""
import torch
torch.set_num_threads(1)
torch.manual_seed(0)
conv = torch.nn.Conv2d(4, 16, 1, stride=2, bias=False)
x = torch.randn(2, 4, 8, 8).contiguous(memory_format=torch.channels_last)
for _ in range(200):
    (conv(x) ** 2).sum().backward()
    junk = [bytearray(n) for n in range(16, 600, 16)]
print("alive")
