"""From a derivation to a live module, against constructing the same layers by hand."""

from __future__ import annotations

import re
import statistics
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

import einsyn
from benchmarks.measure import interleaved, ratio
from einsyn.backends.torch_source import write_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.architecture import Architecture
    from einsyn.space import Space

SAMPLES = 100


def run() -> dict[str, Any]:
    """Milliseconds above the hand-written net at the median of samples, and ratios on the references."""
    torch.set_num_threads(1)
    space = einsyn.load("einspace")
    above: list[float] = []
    for architecture in space.sample(SAMPLES, seed=1, max_params=10_000_000):
        ours, hand = interleaved(builder(space, architecture), by_hand(architecture), 5)
        above.append(1000 * (statistics.median(ours) - statistics.median(hand)))
    found: dict[str, Any] = {f"median of {SAMPLES} samples, ms above by hand": round(statistics.median(above), 3)}
    for name in space.refs:
        architecture = space.ref(name)
        ours, hand = interleaved(builder(architecture.space, architecture), by_hand(architecture), 9)
        found[f"{name}, ratio to by hand"] = round(ratio(ours, hand), 3)
    return found


def builder(space: Space, architecture: Architecture) -> Callable[[], nn.Module]:
    """Derivation to live module with nothing kept from an earlier call."""
    derivation = architecture.derivation
    return lambda: space.check(derivation).module()


def by_hand(architecture: Architecture) -> Callable[[], nn.Module]:
    """A net with the same layers, written out: the constructor alone, which is what a person would run."""
    flat = write_source(architecture.rewritten.graph, blocks=False).text
    layers = re.findall(r"self\.(\w+) = (nn\..*)", flat)
    lines = ["class Hand(nn.Module):", "    def __init__(self):", "        super().__init__()"]
    lines += [f"        self.{name} = {constructor}" for name, constructor in layers]
    scope: dict[str, Any] = {"nn": nn, "torch": torch}
    exec("\n".join(lines), scope)
    return scope["Hand"]
