"""Noise of the size of 32-bit rounding inside a computation in 64 bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
from torch import _decomp
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

if TYPE_CHECKING:
    from collections.abc import Mapping

# One unit in the last place of a number with 24 bits.
ROUNDING: Final = 2.0**-23
# Operations that take away a mean of their own, in several steps. As one step their results would have a mean of zero
# whatever the noise; rounded, they have not: of a constant, rounding of the mean is all that is left, everywhere alike.
_aten: Any = torch.ops.aten
_decompositions: Any = _decomp
_STEPS: Final[dict[Any, Any]] = _decompositions.get_decompositions(
    [
        _aten.native_group_norm.default,
        _aten.native_layer_norm.default,
        _aten.native_group_norm_backward.default,
        _aten.native_layer_norm_backward.default,
    ]
)


class RoundingNoise(TorchDispatchMode):
    """Every operand of every operation that computes something is multiplied by `1 + ROUNDING * u`, u in [-1, 1].

    Noise on the operands, rather than on results, also shows what cancels inside of sums and products. Normalisations
    are several operations here.

    Args:
        seed: of a generator of its own.
    """

    def __init__(self, seed: int) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType] - torch leaves a parameter without a type
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Run an operation on noisy operands; views and what writes in place get the tensors themselves."""
        steps = _STEPS.get(func)
        if steps is not None:
            with self:
                return steps(*args, **(kwargs or {}))
        if any(given.alias_info is not None for given in func._schema.arguments):
            return func(*args, **(kwargs or {}))
        return func(*tree_map(self._noisy, args), **tree_map(self._noisy, dict(kwargs or {})))

    def _noisy(self, value: Any) -> Any:
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float64:
            return value
        noise = torch.rand(value.shape, generator=self._generator, dtype=value.dtype)
        return value * (1 + ROUNDING * (2 * noise - 1))
