"""Weighted sums over units: linear layers and convolutions, which take up whatever became of the units before them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.weights.preserving.role import Fact, Role
from einsyn.weights.preserving.structure import relative, whole
from einsyn.weights.preserving.units import Units, spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ir.graph import Operation
    from einsyn.ir.types import TensorType
    from einsyn.ops.laws import Mixing, Window
    from einsyn.weights.preserving.attempt import Attempt


def candidates_of(attempt: Attempt, number: int, operation: Operation) -> list[tuple[Role, Fact]]:
    """What a weighted sum can be: one that the parent applied to the same, or what hands units on, likely ones first.

    Args:
        attempt: knows both graphs.
        number: of the operation.
        operation: the child's.
    """
    (value,) = operation.inputs
    (x,) = attempt.child.types(operation)
    mine = operation.op.mixing(x)
    assert mine is not None
    carried = operation.op.carries(x)
    beside = {axes[0] for axes in carried if axes[0] is not None}
    found: list[tuple[Role, Fact]] = []
    for fact in attempt.facts(value):
        if any([u is not None and k != mine.axis and k not in beside for k, u in enumerate(fact.units)]):
            continue
        for source in attempt.known.users[fact.value]:
            if type(source.op) is not type(operation.op):
                continue
            (y,) = attempt.known.types(source)
            theirs = source.op.mixing(y)
            given = relative(fact, attempt.known.seen[source.inputs[0]])
            if theirs is None or given is None or x.axes != y.axes or not _compatible(mine, theirs):
                continue
            after = None if mine.units == theirs.units else Units(mine.units, theirs.units)
            if not covers(mine, given[mine.axis], _size(y, theirs), after, theirs):
                continue
            out = whole(attempt.known, source.outputs[0], _behind(given, mine.axis, after), 1.0)
            if out is not None:
                found.append((Role(operation, source, given, after, fact.scale), out))
        identity = _identity(attempt, operation, mine, fact)
        if identity is not None:
            found.append(identity)
    return attempt.ordered(number, operation, found)


def _identity(attempt: Attempt, operation: Operation, mine: Mixing, fact: Fact) -> tuple[Role, Fact] | None:
    """The sum as what hands units on, each perhaps several times."""
    (x,) = attempt.child.types(operation)
    (out,) = operation.signature.outputs
    size = attempt.known.graph.types[fact.value].sizes[mine.axis]
    if not isinstance(size, int) or any([w.stride != 1 or w.tap(0) is None for w in mine.windows]):
        return None
    if any([n != m for k, (n, m) in enumerate(zip(x.sizes, out.sizes, strict=True)) if k != mine.axis]):
        return None
    if x.sizes[mine.axis] == mine.units:
        after = fact.units[mine.axis]
    else:
        after = None if mine.units == size else Units(mine.units, size)
    if not covers(mine, fact.units[mine.axis], size, after, None):
        return None
    return Role(operation, None, fact.units, after, fact.scale), Fact(fact.value, _behind(fact.units, mine.axis, after))


def _behind(given: tuple[Units | None, ...], axis: int, after: Units | None) -> tuple[Units | None, ...]:
    return (*given[:axis], after, *given[axis + 1 :])


def _size(x: TensorType, theirs: Mixing) -> int:
    size = x.sizes[theirs.axis]
    assert isinstance(size, int)  # what is mixed has a size
    return size


def _compatible(mine: Mixing, theirs: Mixing) -> bool:
    """Whether the one can do what the other does, as far as windows and biases go."""
    if mine.axis != theirs.axis or (theirs.bias and not mine.bias) or len(mine.windows) != len(theirs.windows):
        return False
    if mine.windows != theirs.windows and "zeros" != mine.border:
        return False
    return mine.border == theirs.border and all(
        [w.stride == v.stride and taps(w, v) is not None for w, v in zip(mine.windows, theirs.windows, strict=True)]
    )


def taps(mine: Window, theirs: Window) -> list[int] | None:
    """For each element of a kernel the one of a kernel at least as large that weighs the same; None if one lacks."""
    found = [mine.tap(distance) for distance in theirs.distances]
    return None if None in found else [tap for tap in found if tap is not None]


def covers(mine: Mixing, before: Units | None, size: int, after: Units | None, theirs: Mixing | None) -> bool:
    """Whether each unit behind a sum gets all units that it weighs.

    Args:
        mine: the child's sum.
        before: the units that it is given.
        size: how many units the parent has there.
        after: the units behind it.
        theirs: the parent's sum; None for one that hands units on.
    """
    if mine.groups == 1 and (before is None or before.whole) and (theirs is None or theirs.groups == 1):
        return True
    if theirs is None and mine.groups == 1 and before is not None and after is not None and after.open:
        # Only some units are there: of these it hands on as many as it can.
        there = sorted(set(before.index))
        after.bind([there[i] for i in spread(after.size, len(there))])
    given = range(size) if before is None else before.index
    wanted = range(mine.units) if after is None else after.index
    block, out = len(given) // mine.groups, mine.units // mine.groups
    for group in range(mine.groups):
        there = set(given[group * block : (group + 1) * block])
        for unit in set(wanted[group * out : (group + 1) * out]):
            if not there.issuperset(weighed(unit, size, theirs)):
                return False
    return True


def weighed(unit: int, size: int, theirs: Mixing | None) -> Sequence[int]:
    """The units that the parent's sum weighs for one of its units."""
    if theirs is None:
        return (unit,)
    block = size // theirs.groups
    group = unit // (theirs.units // theirs.groups)
    return range(group * block, (group + 1) * block)
