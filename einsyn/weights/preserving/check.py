"""How far apart the outputs of two networks are, by numbers."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.backends.torch_module import import_torch
from einsyn.ir.graph import id_limits
from einsyn.ir.sizes import least_values, value_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from einsyn.ir.graph import Graph

# The largest difference of outputs that are the same, relative to the largest number among them.
SAME: Final = 1e-5
_BATCH: Final = 4
# What open sizes are at least, and how many ids there are where nothing says so.
_OPEN: Final = 6
_IDS: Final = 100


def difference(graph: Graph, one: nn.Module, other: nn.Module, seed: int = 0) -> float:
    """The largest difference of outputs on random inputs, over the largest absolute output where that is above 1.

    Both are run in eval mode and in 64 bits, as copies; inputs are standard normal, or uniform ids.

    Args:
        graph: of the one whose windows are larger, if any; both take the same inputs.
        one: whose outputs are what they should be.
        other: is compared with it.
        seed: of the inputs; no global random state is used.

    Returns:
        The difference; infinite where outputs have other shapes, or are not finite.
    """
    torch = import_torch()

    generator = torch.Generator().manual_seed(seed)
    ids, symbols, inputs = id_limits(graph), least_values(graph.types, _OPEN), list["Tensor"]()
    for _, value in graph.inputs:
        t = graph.types[value]
        shape = [_BATCH] * t.batched
        shape += [value_of(size, symbols) for size in t.sizes]
        if t.dtype in ("i64", "i32"):
            drawn = torch.randint(0, ids.get(value, _IDS), shape, generator=generator)
            inputs.append(drawn.to(torch.int64 if t.dtype == "i64" else torch.int32))
        else:
            inputs.append(torch.randn(shape, generator=generator, dtype=torch.float64))
    worst = 0.0
    for a, b in zip(_outputs(one, inputs), _outputs(other, inputs), strict=True):
        if a.shape != b.shape or not bool(torch.isfinite(a).all() and torch.isfinite(b).all()):
            return float("inf")
        largest = max(1.0, float(a.abs().max()))
        worst = max(worst, float((a - b).abs().max()) / largest)
    return worst


def _outputs(module: nn.Module, inputs: list[Tensor]) -> tuple[Tensor, ...]:
    torch = import_torch()

    copy = deepcopy(module).cpu().double().eval()
    with torch.no_grad():
        computed: Any = copy(*[x.clone() for x in inputs])
    return cast("tuple[Tensor, ...]", computed) if isinstance(computed, tuple) else (computed,)
