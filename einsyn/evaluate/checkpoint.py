"""Where a training paused, as a file: nothing in it is executed, and what goes on from it never notices.

The file holds tensors alone: weights, what the optimiser keeps of each parameter, the states of the generators of
random numbers, and what was seen of the loss.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from einsyn.backends.torch_module import import_torch
from einsyn.files import replacing
from einsyn.weights.file import read_weights

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor, nn


class Course(NamedTuple):
    """What was seen of the loss.

    Args:
        first: above one by the loss of the first step.
        losses: mean of each epoch.
    """

    first: float
    losses: list[float]


def write_checkpoint(path: Path, module: nn.Module, optimiser: Any, random: Any, course: Course) -> None:
    """Write where a training is between two epochs.

    Args:
        path: the file.
        module: as it is trained.
        optimiser: of its parameters; None for a network that has none.
        random: the generator of order and augmentation. Torch's own, which layers that drop use, is kept too.
        course: of the loss.

    Raises:
        FileError: F009 the file cannot be written.
    """
    torch = import_torch()

    tensors: dict[str, Tensor] = {f"module/{key}": tensor for key, tensor in module.state_dict().items()}
    if optimiser is not None:
        for number, kept in optimiser.state_dict()["state"].items():
            tensors.update({f"optimiser/{number}/{key}": value for key, value in kept.items() if value is not None})
    tensors["random/own"] = random.get_state()
    tensors["random/torch"] = torch.random.get_rng_state()
    tensors["losses"] = torch.tensor([course.first, *course.losses], dtype=torch.float64)
    # The format has no tensors that share memory; a module may.
    data = import_module("safetensors.torch").save({k: t.detach().contiguous().clone() for k, t in tensors.items()})
    with replacing(path, "wb") as stream:
        stream.write(data)


def read_checkpoint(path: Path, module: nn.Module, optimiser: Any, random: Any) -> Course:
    """Put a training where it paused; all is as `write_checkpoint` was given it.

    Raises:
        FileError: the file cannot be read.
        WeightsError: W001 it is no safetensors file, or is damaged.
    """
    torch = import_torch()

    tensors = read_weights(path).tensors
    parts: dict[str, dict[str, Tensor]] = {"module": {}, "optimiser": {}, "random": {}}
    for key, tensor in tensors.items():
        part, _, rest = key.partition("/")
        if part in parts:
            parts[part][rest] = tensor
    module.load_state_dict(parts["module"])
    if optimiser is not None:
        state: dict[int, dict[str, Tensor]] = {}
        for key, tensor in parts["optimiser"].items():
            number, _, name = key.partition("/")
            state.setdefault(int(number), {})[name] = tensor
        optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    random.set_state(parts["random"]["own"])
    torch.random.set_rng_state(parts["random"]["torch"])
    seen: list[float] = cast("Any", tensors["losses"]).tolist()
    return Course(seen[0], seen[1:])
