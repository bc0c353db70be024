"""Published networks as an expert writes them in plain torch: what einsyn's nets are measured against.

Each is written here from its paper and from what torchvision, timm or pytorchcv do about speed: activations and
residual sums in place where nothing else needs the operand, one product for queries, keys and values, fused attention.
Layers are declared in the order in which they compute, so that weights go over by position.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

import einsyn
from benchmarks.comparators import convnext, einspace, language, mobile, nasbench201, resnet, tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from einsyn.architecture import Architecture


@dataclass(frozen=True)
class Net:
    """A network of a shipped space, and the same one by hand.

    Args:
        space: the space.
        ref: the reference in it.
        build: the comparator's constructor.
        training_batch: of a training step; 32, or less where memory asks.
        batch: of the larger inference.
        compiled: whether `torch.compile` is measured on it.
    """

    space: str
    ref: str
    build: Callable[..., nn.Module]
    training_batch: int = 32
    batch: int = 32
    compiled: bool = False

    def architecture(self) -> Architecture:
        """The reference."""
        return einsyn.load(self.space).ref(self.ref)


NETS: Final = {
    "einspace-resnet18": Net("einspace", "resnet18_no_maxpool", einspace.ResNet18, compiled=True),
    "einspace-wrn16-4": Net("einspace", "wideresnet16_4", einspace.WideResNet),
    "einspace-transformer": Net("einspace", "transformer_d4", einspace.Transformer, compiled=True),
    "einspace-mixer": Net("einspace", "mlp_mixer", einspace.Mixer),
    "nasbench201-best": Net("nasbench201", "best_cifar10", nasbench201.NasBench201),
    "resnet50": Net("resnet", "resnet50", resnet.ResNet50, training_batch=8),
    "mobilenetv2": Net("mbconv", "mobilenetv2_100", mobile.MobileNetV2, training_batch=16, compiled=True),
    "efficientnet-b0": Net("mbconv", "efficientnet_b0", mobile.EfficientNetB0, training_batch=8),
    "vit-tiny": Net("vit", "vit_tiny_patch16_224", tokens.ViT, training_batch=16, compiled=True),
    "mixer-b16": Net("mlp", "mixer_b16_224", tokens.Mixer, training_batch=4, batch=8),
    "convnext-tiny": Net("hybrid", "convnext_tiny", convnext.ConvNeXt, training_batch=4, batch=8),
    "gpt2": Net("lm", "gpt2", language.Gpt2, training_batch=1, batch=1),
}


def example(net: Net, batch: int) -> torch.Tensor:
    """A random input of a network."""
    ((_, given),) = net.architecture().space.inputs
    generator = torch.Generator().manual_seed(0)
    sizes = (batch, *given.concrete())
    if given.dtype == "i64":
        return torch.randint(0, 50257, sizes, generator=generator)
    return torch.randn(sizes, generator=generator)
