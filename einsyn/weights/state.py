"""Whether tensors are those of a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import WeightsError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import torch
    from torch import nn

_SHOWN: Final = 8


def detached(state: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The tensors of a `state_dict`, cut off from what gradients flow through."""
    return {key: tensor.detach() for key, tensor in state.items()}


def fill(module: nn.Module, state: Mapping[str, torch.Tensor]) -> None:
    """Put numbers into the tensors of a module, whatever kind of numbers they hold and wherever they are.

    Args:
        module: gets them. `load_state_dict` would take time that grows with the square of its layers.
        state: a tensor of the right shape for keys of its `state_dict`; others stay as they are.
    """
    own = detached(module.state_dict())
    for key, tensor in state.items():
        own[key].copy_(tensor)


def check_state(
    given: Mapping[str, torch.Tensor],
    shapes: Mapping[str, tuple[int, ...]],
    name: str,
    dtypes: Mapping[str, torch.dtype] | None = None,
    hint: str | None = None,
) -> None:
    """Say all that is wrong with tensors that should be the state of a network.

    Args:
        given: the tensors.
        shapes: for every key of the network's state the sizes of the tensor.
        name: of what is given, for messages.
        dtypes: kinds of numbers, where they matter.
        hint: what to do about it.

    Raises:
        WeightsError: W002 tensors are missing, W003 or W004 they have other shapes or numbers, W005 some are too many.
    """
    missing = [key for key in shapes if key not in given]
    extra = [key for key in given if key not in shapes]
    both = [key for key in shapes if key in given]
    near = closest(missing[0], extra) if missing else None
    found = [
        _finding("W002", f"{name} lacks", "", [f"{key} {list(shapes[key])}" for key in missing]),
        _finding(
            "W003",
            f"{name} has",
            " of another shape",
            [f"{k}: {list(given[k].shape)}, not {list(shapes[k])}" for k in both if tuple(given[k].shape) != shapes[k]],
        ),
        _finding(
            "W004",
            f"{name} has",
            " of another kind of numbers",
            [
                f"{k}: {_shown(given[k].dtype)}, not {_shown(d)}"
                for k, d in (dtypes or {}).items()
                if _other(given, k, d)
            ],
        ),
        _finding(
            "W005",
            f"{name} has",
            " that the network does not have",
            [f"{key} {list(given[key].shape)}" for key in extra],
        ),
    ]
    if near is not None and hint is None:
        hint = f"did you mean `{missing[0]}` by `{near}`?"
    if any(found):
        raise WeightsError([each.with_(hint=hint) for each in found if each is not None])


def _finding(code: str, before: str, after: str, lines: Sequence[str]) -> Diagnostic | None:
    if not lines:
        return None
    rest = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    count = "a tensor" if len(lines) == 1 else f"{len(lines)} tensors"
    return Diagnostic(code, f"{before} {count}{after}", evidence=(*lines[:_SHOWN], *rest))


def _other(given: Mapping[str, torch.Tensor], key: str, dtype: torch.dtype) -> bool:
    return key in given and given[key].dtype != dtype


def _shown(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
