"""What becomes of units where tensors are handed on, cut, joined, folded and reduced."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from einsyn.ops.laws import Law
from einsyn.weights.preserving.known import same_op
from einsyn.weights.preserving.role import Fact
from einsyn.weights.preserving.units import Units, agree, spread, units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.ir.graph import Operation
    from einsyn.weights.preserving.attempt import Attempt
    from einsyn.weights.preserving.known import Known, Seen


def relative(fact: Fact, seen: Seen) -> tuple[Units | None, ...] | None:
    """The units of what a value is, counted within a part of it; None if they are not all in there, or of another."""
    if fact.value != seen.value:
        return None
    found: list[Units | None] = []
    for each, part in zip(fact.units, seen.parts, strict=True):
        if part is None:
            found.append(each)
            continue
        if each is None:
            return None
        index = [i - part.start for i in each.index]
        if min(index) < 0 or max(index) >= part.size:
            return None
        found.append(units(index, part.size))
    return tuple(found)


def whole(known: Known, theirs: int, after: tuple[Units | None, ...], scale: float) -> Fact | None:
    """That a value is one of the parent's which is seen as another, or as a part of one."""
    seen = known.seen[theirs]
    sizes = known.graph.types[seen.value].sizes
    found: list[Units | None] = []
    for each, part, size in zip(after, seen.parts, sizes, strict=True):
        if part is None:
            found.append(each)
        else:
            assert isinstance(size, int)  # what is cut has a size
            inside = range(part.size) if each is None else each.index
            found.append(units([part.start + i for i in inside], size))
    return Fact(seen.value, tuple(found), scale)


def followed(attempt: Attempt, operation: Operation, source: Operation, inputs: Sequence[Fact]) -> list[Fact] | None:
    """What an operation gives that the parent applied to the same values, whatever their units are.

    Args:
        attempt: knows both graphs.
        operation: the child's.
        source: the parent's, the same operation.
        inputs: what the child's inputs are of the parent's.
    """
    op, types, theirs = operation.op, attempt.child.types(operation), attempt.known.types(source)
    scale = inputs[0].scale if inputs else 1.0
    if any([fact.scale != scale for fact in inputs]):
        return None
    carried = op.carries(*types)
    after = _after(carried, op.even(*types) if len(types) == 1 else (), inputs)
    if after is None:
        return None
    pointwise = all([None not in axes for axes in carried]) and len(carried) == max([t.rank for t in types], default=0)
    if not pointwise and any([a.factors != b.factors for a, b in zip(types, theirs, strict=True)]):
        return None
    if scale != 1:
        if operation.owner is not None and op.absorbs() is not None:
            scale = 1.0
        elif operation.owner is not None or Law.HOMOGENEOUS not in op.laws:
            return None
    if operation.owner is not None and not _fitting(operation, source, op.along(*types), inputs):
        return None
    found: list[Fact] = []
    for out in source.outputs:
        rank = attempt.known.graph.types[out].rank
        fact = whole(attempt.known, out, tuple(after) if len(after) == rank else (None,) * rank, scale)
        if fact is None:
            return None
        found.append(fact)
    return found


def _after(
    carried: Sequence[Sequence[int | None]], even: Sequence[int], inputs: Sequence[Fact]
) -> list[Units | None] | None:
    """The units of each axis of the result; None where an operation does not let units be changed."""
    after: list[Units | None] = [None] * len(carried)
    known = [False] * len(carried)
    for number, fact in enumerate(inputs):
        for axis, each in enumerate(fact.units):
            outs = [out for out, axes in enumerate(carried) if axes[number] == axis]
            if each is not None and (not each.even if axis in even else not outs):
                return None
            for out in outs:
                if not known[out]:
                    after[out], known[out] = each, True
                elif not agree(after[out], each):
                    return None
    return after


def _fitting(
    operation: Operation, source: Operation, along: Mapping[str, tuple[int, ...]], inputs: Sequence[Fact]
) -> bool:
    """Whether parameters and buffers have the sizes that the parent's have with these units."""
    mine = {**operation.signature.params, **operation.signature.buffers}
    theirs = {**source.signature.params, **source.signature.buffers}
    if set(mine) != set(theirs):
        return False
    for name, param in theirs.items():
        expected = list(param.shape)
        for k, axis in enumerate(along.get(name, ())):
            each = inputs[0].units[axis]
            if each is not None:
                expected[k] = each.size
        if tuple(expected) != mine[name].shape:
            return False
    return True


def parted(attempt: Attempt, operation: Operation) -> list[list[Fact]]:
    """The parts of a value as parts of what it is; a part of what the parent joined is a part of what it joined."""
    types = attempt.child.types(operation)
    cut = operation.op.parts(*types)
    assert cut is not None
    axis, ranges = cut
    found: list[list[Fact]] = [[] for _ in ranges]
    for fact in attempt.facts(operation.inputs[0]):
        size = attempt.known.graph.types[fact.value].sizes[axis]
        if not isinstance(size, int):
            continue
        each = fact.units[axis]
        index = range(size) if each is None else each.index
        for out, part in zip(found, ranges, strict=True):
            chosen = index[part.start : part.start + part.size]
            out.append(_with(fact, axis, units(chosen, size)))
            out += _inside(attempt, out[-1], axis)
    return found


def _inside(attempt: Attempt, fact: Fact, axis: int) -> list[Fact]:
    """A part of what the parent joined, as a part of one of the tensors that it joined."""
    operation = attempt.known.joined.get(fact.value)
    each = fact.units[axis]
    if operation is None or each is None or operation.op.joined(*attempt.known.types(operation)) != axis:
        return []
    start = 0
    for value in operation.inputs:
        size = attempt.known.graph.types[value].sizes[axis]
        assert isinstance(size, int)  # what is joined has a size
        if all([start <= i < start + size for i in each.index]):
            mine = _with(fact, axis, units([i - start for i in each.index], size)).units
            found = whole(attempt.known, value, mine, fact.scale)
            return [] if found is None else [found]
        start += size
    return []


def joined(attempt: Attempt, operation: Operation) -> list[Fact]:
    """Tensors one after the other: as the parent joined them, or as units of one value of the parent."""
    axis = operation.op.joined(*attempt.child.types(operation))
    assert axis is not None
    choices = [attempt.facts(v) for v in operation.inputs]
    if not all(choices):
        return []
    for facts in product(*[each[:1] for each in choices]):
        if not all([f.scale == facts[0].scale and _agree_beside(f, facts[0], axis) for f in facts]):
            continue
        for source in attempt.known.joins[facts[0].value]:
            found = _as_joined(attempt, source, facts, operation, axis)
            if found is not None:
                return [found]
        if all([f.value == facts[0].value for f in facts]):
            size = attempt.known.graph.types[facts[0].value].sizes[axis]
            if isinstance(size, int):
                index = _decided([f.units[axis] for f in facts], size)
                return [_with(facts[0], axis, units(index, size))]
    return []


def _as_joined(
    attempt: Attempt, source: Operation, facts: Sequence[Fact], operation: Operation, axis: int
) -> Fact | None:
    """What several values are of the values that the parent joined, one after the other."""
    known = attempt.known
    if source.op.joined(*known.types(source)) != axis:
        return None
    # Each of the parent's with the child's that are of it.
    members: list[list[int]] = [[] for _ in source.inputs]
    within: dict[int, Units | None] = {}
    single = len(source.inputs) == len(facts)
    for number, fact in enumerate(facts):
        for k, value in enumerate(source.inputs):
            if single and k != number:
                continue
            mine = relative(fact, known.seen[value])
            if mine is not None:
                members[k].append(number)
                within[number] = mine[axis]
                break
    if len(within) < len(facts):
        return None
    starts: dict[int, int] = {}
    start = 0
    for k, value in enumerate(source.inputs):
        size = known.graph.types[value].sizes[axis]
        assert isinstance(size, int)  # what is joined has a size
        if members[k]:
            _decided([within[n] for n in members[k]], size)
        starts |= dict.fromkeys(members[k], start)
        start += size
    index: list[int] = []
    for number in range(len(facts)):
        each = within[number]
        size = attempt.child.graph.types[operation.inputs[number]].sizes[axis]
        assert isinstance(size, int)  # what is joined has a size
        index += [starts[number] + i for i in (range(size) if each is None else each.index)]
    return whole(known, source.outputs[0], _with(facts[0], axis, units(index, start)).units, facts[0].scale)


def _decided(members: Sequence[Units | None], size: int) -> list[int]:
    """The units of several tensors that are joined; those that are open share what the others lack."""
    left = [each for each in members if each is not None and each.open]
    there: set[int] = set()
    for each in members:
        if each is None:
            there.update(range(size))
        elif not each.open:
            there.update(each.index)
    lacking = [i for i in range(size) if i not in there] or list(range(size))
    chosen = [lacking[i] for i in spread(sum([each.size for each in left]), len(lacking))]
    start = 0
    for each in left:
        if each.open:  # one may stand in several places
            each.bind(chosen[start : start + each.size])
        start += each.size
    return [i for each in members for i in (range(size) if each is None else each.index)]


def folded(attempt: Attempt, operation: Operation) -> list[Fact]:
    """Axes that become one: a unit of it is one of each."""
    types = attempt.child.types(operation)
    folds = operation.op.folds(*types)
    if not folds:
        return []
    rank = attempt.child.graph.types[operation.outputs[0]].rank
    for fact in attempt.facts(operation.inputs[0]):
        for source in attempt.known.users[fact.value]:
            if len(source.inputs) != 1 or not same_op(source.op, operation.op):
                continue
            given = attempt.of_parent(operation.inputs[0], source.inputs[0])
            if given is None:
                continue
            theirs = source.op.folds(*attempt.known.types(source))
            used = {digit.axis for digits in folds.values() for digit in digits}
            if any([each is not None and axis not in used for axis, each in enumerate(given.units)]):
                continue
            after: list[Units | None] = [None] * rank
            for out, digits in folds.items():
                index, of = [0], 1
                for digit, other in zip(digits, theirs[out], strict=True):
                    each = None if digit.axis is None else given.units[digit.axis]
                    steps = range(digit.size) if each is None else each.index
                    index = [i * other.size + k for i in index for k in steps]
                    of *= other.size
                after[out] = units(index, of)
            found = whole(attempt.known, source.outputs[0], tuple(after), given.scale)
            if found is not None:
                return [found]
    return []


def _with(fact: Fact, axis: int, each: Units | None) -> Fact:
    return fact._replace(units=(*fact.units[:axis], each, *fact.units[axis + 1 :]))


def _agree_beside(a: Fact, b: Fact, axis: int) -> bool:
    """Whether two values have the same units on all axes but one."""
    return all([k == axis or agree(x, y) for k, (x, y) in enumerate(zip(a.units, b.units, strict=True))])
