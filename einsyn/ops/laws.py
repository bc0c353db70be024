"""What an operation says of its function, for whoever wants to change a network and keep what it computes."""

from __future__ import annotations

from enum import Flag, auto
from typing import TYPE_CHECKING, ClassVar, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from einsyn.ir.types import TensorType

    Weights = Mapping[str, Tensor]
    Absorbing = Callable[[Weights, float], Weights]


class Law(Flag):
    """What holds of the function of an operation, in eval mode and whatever its weights are."""

    NONE = 0
    # `f(s x) = s f(x)` for every `s >= 0`; with several inputs, where all are multiplied.
    HOMOGENEOUS = auto()
    # Nothing that it gives is negative.
    NEVER_NEGATIVE = auto()
    # Nothing that it gives is negative, if nothing that it gets is.
    KEEPS_SIGN = auto()
    # It hands on what is not negative as it is.
    FIXES_POSITIVE = auto()
    # It hands its input on.
    FIXES_ALL = auto()


class Window(NamedTuple):
    """The kernel of a convolution along one axis."""

    kernel: int
    stride: int
    padding: int
    dilation: int

    def tap(self, distance: int) -> int | None:
        """The number of the element that weighs what is so far from the start of a window's place, if there is one."""
        tap, rest = divmod(distance + self.padding, self.dilation)
        return tap if rest == 0 and 0 <= tap < self.kernel else None

    @property
    def distances(self) -> list[int]:
        """How far each element of the kernel is from the start of a window's place."""
        return [tap * self.dilation - self.padding for tap in range(self.kernel)]


class Mixing(NamedTuple):
    """A weighted sum over the units of one axis, perhaps in a window: `weight` out x in/groups x kernel, and `bias`.

    Args:
        axis: the axis whose units are weighed, without the batch.
        units: how many there are afterwards.
        groups: equal parts of the units before and after, each mixed by itself.
        windows: of the other axes, if there are any.
        border: how the border is filled.
        bias: whether there is one.
    """

    axis: int
    units: int
    bias: bool
    groups: int = 1
    windows: tuple[Window, ...] = ()
    border: str = "zeros"


class Digit(NamedTuple):
    """A part of the index of an axis that is made of several, the last running fastest.

    Args:
        axis: of the input whose index it is; None for an index of its own.
        size: how many values it has.
    """

    axis: int | None
    size: int


class Part(NamedTuple):
    """A range of an axis."""

    start: int
    size: int


Carried = tuple[tuple[int | None, ...], ...]


def each_axis(rank: int, inputs: int = 1, without: tuple[int, ...] = ()) -> Carried:
    """Every axis of the result follows that of all inputs, but for some."""
    return tuple([(None if axis in without else axis,) * inputs for axis in range(rank)])


class Lawful:
    """The part of an operation that keeping a function may use while a network is changed. Saying nothing is right."""

    laws: ClassVar[Law] = Law.NONE
    scaled_by: ClassVar[tuple[str, ...]] = ()

    def carries(self, *types: TensorType) -> Carried:
        """For each axis of the result, for each input the axis that it follows.

        Repeating, leaving out or reordering the units of that axis in all inputs does the same to the result, with
        parameters as `along` says. All results are alike. Axes count from 0, without the batch.
        """
        return ()

    def even(self, *types: TensorType) -> tuple[int, ...]:
        """Axes of the input whose units may be repeated, each as often; the result follows them or does not change."""
        return ()

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        """For parameters and buffers that belong to units: the axis of the input that each of their axes is along."""
        return {}

    def folds(self, *types: TensorType) -> Mapping[int, tuple[Digit, ...]]:
        """For axes of the result that several of the input are joined in, which."""
        return {}

    def parts(self, *types: TensorType) -> tuple[int, tuple[Part, ...]] | None:
        """Where each result is a range of the input along one axis: the axis, and the ranges."""
        return None

    def joined(self, *types: TensorType) -> int | None:
        """Where the result is the inputs one after the other along an axis: the axis."""
        return None

    def mixing(self, *types: TensorType) -> Mixing | None:
        """The weighted sum over units that it is, if it is one."""
        return None

    def fixing(self, *types: TensorType) -> Mapping[str, float] | None:
        """For each parameter and buffer the number with which it hands its input on in eval mode; None if none do."""
        return None

    def absorbs(self) -> Absorbing | None:
        """How weights change with a positive factor of the inputs, so that it gives what it gave before in eval mode.

        None if there are no such weights.
        """
        return None
