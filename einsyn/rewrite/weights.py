"""How the weights of a rewritten graph come from those of the graph that was elaborated.

A rewritten operation may hold the weights of several: the kernels of a branch, one after the other. An expression says
so for each weight; it is read forwards to fill a rewritten network, and backwards to take its weights or gradients
apart again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import torch

    from einsyn.ir.graph import Graph

# A weight set of a graph, and the name of a parameter or buffer in it.
Slot = tuple[int, str]


def region_name(slot: Slot) -> str:
    """The name that a weight of a region has for the operation whose region it is."""
    return f"{slot[0]}.{slot[1]}"


class Weights(ABC):
    """Where a weight comes from."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Its sizes."""

    @abstractmethod
    def slots(self) -> Iterator[Slot]:
        """The weights of the elaborated graph that it is made of, each as often as it occurs."""

    @abstractmethod
    def within(self, owner: int) -> Weights:
        """The same of weights of a region, told by the names that they have for the operation whose region it is."""

    @abstractmethod
    def gather(self, state: Mapping[Slot, torch.Tensor]) -> torch.Tensor:
        """The weight, from those of the elaborated graph."""

    @abstractmethod
    def scatter(self, value: torch.Tensor) -> Iterator[tuple[Slot, torch.Tensor]]:
        """The weights of the elaborated graph, from this one; gradients are taken apart in the same way."""


@dataclass(frozen=True, slots=True)
class Same(Weights):
    """A weight of the elaborated graph as it is."""

    slot: Slot
    sizes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sizes

    def slots(self) -> Iterator[Slot]:
        yield self.slot

    def within(self, owner: int) -> Weights:
        return Same((owner, region_name(self.slot)), self.sizes)

    def gather(self, state: Mapping[Slot, torch.Tensor]) -> torch.Tensor:
        return state[self.slot]

    def scatter(self, value: torch.Tensor) -> Iterator[tuple[Slot, torch.Tensor]]:
        yield self.slot, value


@dataclass(frozen=True, slots=True)
class Reshaped(Weights):
    """The same elements in the same order, with other sizes."""

    of: Weights
    sizes: tuple[int, ...]

    def __post_init__(self) -> None:
        assert prod(self.sizes) == prod(self.of.shape), f"{self.of.shape} cannot be {self.sizes}"

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sizes

    def slots(self) -> Iterator[Slot]:
        return self.of.slots()

    def within(self, owner: int) -> Weights:
        return Reshaped(self.of.within(owner), self.sizes)

    def gather(self, state: Mapping[Slot, torch.Tensor]) -> torch.Tensor:
        return self.of.gather(state).reshape(self.sizes)

    def scatter(self, value: torch.Tensor) -> Iterator[tuple[Slot, torch.Tensor]]:
        return self.of.scatter(value.reshape(self.of.shape))


@dataclass(frozen=True, slots=True)
class Stacked(Weights):
    """Several weights one after the other along the first axis, which is that of output channels."""

    parts: tuple[Weights, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        shapes = [part.shape for part in self.parts]
        return (sum([shape[0] for shape in shapes]), *shapes[0][1:])

    def slots(self) -> Iterator[Slot]:
        for part in self.parts:
            yield from part.slots()

    def within(self, owner: int) -> Weights:
        return Stacked(tuple([part.within(owner) for part in self.parts]))

    def gather(self, state: Mapping[Slot, torch.Tensor]) -> torch.Tensor:
        import torch

        return torch.cat([part.gather(state) for part in self.parts])

    def scatter(self, value: torch.Tensor) -> Iterator[tuple[Slot, torch.Tensor]]:
        start = 0
        for part in self.parts:
            yield from part.scatter(value.narrow(0, start, part.shape[0]))
            start += part.shape[0]


@dataclass(frozen=True, slots=True)
class Agreed(Weights):
    """One number that several weight sets count alike, such as the batches that they have seen."""

    parts: tuple[Weights, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.parts[0].shape

    def slots(self) -> Iterator[Slot]:
        for part in self.parts:
            yield from part.slots()

    def within(self, owner: int) -> Weights:
        return Agreed(tuple([part.within(owner) for part in self.parts]))

    def gather(self, state: Mapping[Slot, torch.Tensor]) -> torch.Tensor:
        return self.parts[0].gather(state)

    def scatter(self, value: torch.Tensor) -> Iterator[tuple[Slot, torch.Tensor]]:
        for part in self.parts:
            yield from part.scatter(value)


@dataclass(frozen=True, slots=True)
class Computed(Weights):
    """A function of other weights, worked out in 64 bits; there is no way back.

    Args:
        parts: what it is a function of.
        function: takes a tensor for each part.
        sizes: of the result.
    """

    parts: tuple[Weights, ...]
    function: Callable[..., torch.Tensor]
    sizes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return self.sizes

    def slots(self) -> Iterator[Slot]:
        for part in self.parts:
            yield from part.slots()

    def within(self, owner: int) -> Weights:
        return Computed(tuple([part.within(owner) for part in self.parts]), self.function, self.sizes)

    def gather(self, state: Mapping[Slot, torch.Tensor]) -> torch.Tensor:
        parts = [part.gather(state) for part in self.parts]
        return self.function(*[part.double() for part in parts]).to(parts[0].dtype)

    def scatter(self, value: torch.Tensor) -> Iterator[tuple[Slot, torch.Tensor]]:
        raise TypeError("what was computed of several weights cannot be taken apart")


class WeightMap(Mapping[Slot, Weights]):
    """For every weight of a rewritten graph where it comes from.

    Args:
        graph: the rewritten graph.
        moved: where weights come from that are not those of the elaborated graph with the same number and name.
    """

    def __init__(self, graph: Graph, moved: Mapping[Slot, Weights]) -> None:
        self._graph = graph
        self._moved = moved

    @cached_property
    def _found(self) -> dict[Slot, Weights]:
        """All of them, once anybody asks: a network that starts with fresh weights needs none."""
        found: dict[Slot, Weights] = {}
        for operation in self._graph.operations:
            owner, signature = operation.owner, operation.signature
            if owner is not None:
                for name, declared in (*signature.params.items(), *signature.buffers.items()):
                    slot = owner, name
                    found[slot] = self._moved.get(slot) or Same(slot, declared.shape)
        return found

    def __getitem__(self, slot: Slot) -> Weights:
        return self._found[slot]

    def __iter__(self) -> Iterator[Slot]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)

    def gather(self, state: Mapping[Slot, torch.Tensor]) -> dict[Slot, torch.Tensor]:
        """The weights of the rewritten graph, from those of the elaborated one."""
        return {slot: of.gather(state) for slot, of in self._found.items()}

    def scatter(self, state: Mapping[Slot, Any]) -> dict[Slot, torch.Tensor]:
        """The weights (or gradients) of the elaborated graph, from those of the rewritten one that are given."""
        return {old: part for slot, value in state.items() for old, part in self._found[slot].scatter(value)}
