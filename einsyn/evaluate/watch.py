"""Watches what a network computes: torch's functions tell what passes through them."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor


class Seen:
    """What passed by, in order.

    `products` are results of convolutions and linear layers with their axis of channels, `activated` inputs of
    activation functions, `variances` means over channels of the variance of inputs of batch normalisations, `features`
    the last result that has places or steps.
    """

    def __init__(self) -> None:
        self.products: list[tuple[Tensor, int]] = []
        self.activated: list[Tensor] = []
        self.variances: list[float] = []
        self.features: Tensor | None = None


@cache
def _functions() -> tuple[frozenset[Callable[..., Any]], frozenset[Callable[..., Any]]]:
    """Those that multiply with weights, and those that activate."""
    import torch
    from torch.nn import functional as f

    products = [torch.conv1d, torch.conv2d, torch.conv_transpose1d, torch.conv_transpose2d, f.linear]
    activations = [
        torch.relu,
        f.relu,
        f.relu6,
        f.leaky_relu,
        f.gelu,
        f.silu,
        f.mish,
        f.selu,
        f.elu,
        f.celu,
        f.hardswish,
    ]
    return frozenset(products), frozenset(activations)


@contextmanager
def watched() -> Generator[Seen]:
    """Note what passes through torch's functions meanwhile, in the thread that calls."""
    import torch
    from torch.overrides import TorchFunctionMode

    products, activations = _functions()
    batch_norm, linear = torch.nn.functional.batch_norm, torch.nn.functional.linear
    seen = Seen()

    class Watch(TorchFunctionMode):
        def __torch_function__(
            self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
        ) -> Any:
            kwargs = kwargs or {}
            if func in activations:
                seen.activated.append(args[0].detach())
            elif func is batch_norm:
                x = args[0].detach()
                axes = [0, *range(2, x.ndim)]
                seen.variances.append(float(x.var(axes, correction=0).mean()))
            result = func(*args, **kwargs)
            if func in products:
                seen.products.append((result, -1 if func is linear else 1))
                # What comes next may overwrite its input.
                result = result.clone()
            if isinstance(result, torch.Tensor) and result.ndim > 2:
                seen.features = result
            return result

    with Watch():
        yield seen
