"""The weights that roles ask for, from the parent's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.backends.torch_module import import_torch
from einsyn.weights.preserving.mixed import taps, weighed
from einsyn.weights.preserving.units import shares

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from einsyn.ir.graph import Graph
    from einsyn.ops.laws import Mixing
    from einsyn.rewrite.weights import Slot
    from einsyn.weights.preserving.role import Role
    from einsyn.weights.preserving.solve import Solved
    from einsyn.weights.preserving.units import Units

SAME: Final = "the parent's, as it is"
WIDENED: Final = "the parent's units, some several times"
CHOSEN: Final = "some of the parent's units"
SHARED: Final = "the parent's, shared among the copies of a unit before it"
LARGER: Final = "the parent's kernel with zeros around it"
SCALED: Final = "the parent's, for inputs that are multiplied"
PART: Final = "the parent's, times a share of a sum of copies"
IDENTITY: Final = "it hands its input on"
ZERO: Final = "zero: what it leads to adds nothing yet"


def numbers(
    solved: Solved,
    graphs: tuple[Graph, Graph],
    parent: Mapping[Slot, Tensor],
    child: Mapping[Slot, Tensor],
) -> dict[int, tuple[dict[str, Tensor], str]]:
    """For the child's weight sets that matter their weights, in 64 bits where they are real, and why they are so.

    Args:
        solved: the roles.
        graphs: the parent's and the child's, as elaborated.
        parent: its weights, as elaborated.
        child: its weights as they are now; those that only have to be zero keep what else they have.
    """
    known, own = graphs
    found: dict[int, tuple[dict[str, Tensor], str]] = {}
    for operation in own.owners():
        owner = operation.owner
        assert owner is not None  # owners have one
        role = solved.roles.get(owner)
        times = solved.times.get(owner, 1.0)
        if role is None and times == 1:
            continue
        now = {name: _wide(child[owner, name]) for name in (*operation.signature.params, *operation.signature.buffers)}
        if role is None:
            weights, why = now, ZERO
        elif role.source is None:
            weights, why = _identity(role, own, now), IDENTITY
        else:
            source = role.source
            names = (*source.signature.params, *source.signature.buffers)
            assert source.owner is not None  # what is copied has weights
            theirs = {name: _wide(parent[source.owner, name]) for name in names}
            weights, why = _copied(role, known, own, theirs, now)
        for name in operation.op.scaled_by if times != 1 else ():
            if name in weights:
                weights[name] = weights[name] * times
        if times != 1:
            why = ZERO if times == 0 else PART
        found[owner] = (weights, why)
    return found


def _wide(tensor: Tensor) -> Tensor:
    return tensor.double() if tensor.is_floating_point() else tensor


def _identity(role: Role, own: Graph, now: Mapping[str, Tensor]) -> dict[str, Tensor]:
    op, types = role.operation.op, tuple([own.types[v] for v in role.operation.inputs])
    mine = op.mixing(*types)
    if mine is not None:
        return _mixed(mine, None, role, now["weight"].new_zeros(()), now)
    values = op.fixing(*types)
    assert values is not None  # that is why it has this role
    return {name: tensor.new_full(tensor.shape, values[name]) for name, tensor in now.items()}


def _copied(
    role: Role, known: Graph, own: Graph, theirs: Mapping[str, Tensor], now: Mapping[str, Tensor]
) -> tuple[dict[str, Tensor], str]:
    assert role.source is not None
    op, types = role.operation.op, tuple([own.types[v] for v in role.operation.inputs])
    mine = op.mixing(*types)
    if mine is not None:
        other = role.source.op.mixing(*[known.types[v] for v in role.source.inputs])
        assert other is not None  # it is an operation of the same kind
        found = _mixed(mine, other, role, theirs["weight"], now)
        if mine.bias:
            rows = _index(role.after, mine.units)
            found["bias"] = theirs["bias"][rows] if other.bias else now["bias"].new_zeros(mine.units)
        return found, _why(role, mine, other)
    along = op.along(*types)
    found = dict(theirs)
    for name, axes in along.items():
        if name in found:
            for k, axis in enumerate(axes):
                units = role.units[axis]
                if units is not None:
                    found[name] = found[name].index_select(k, _tensor(units.index))
    why = SAME if all(u is None for u in role.units) else _repeated(role.units)
    if role.scale != 1:
        absorb = op.absorbs()
        assert absorb is not None, f"`{op}` was given a factor, and has no weights for it"
        found, why = dict(absorb(found, role.scale)), SCALED
    return found, why


def _why(role: Role, mine: Mixing, theirs: Mixing) -> str:
    before = role.units[mine.axis]
    if role.after is not None:
        return _repeated([role.after])
    if before is not None:
        return SHARED
    if role.scale != 1:
        return SCALED
    return SAME if mine.windows == theirs.windows else LARGER


def _repeated(units: Sequence[Units | None]) -> str:
    return WIDENED if all(u is None or u.whole for u in units) else CHOSEN


def _mixed(
    mine: Mixing, theirs: Mixing | None, role: Role, weight: Tensor, now: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Weights of a sum: a unit behind weighs all copies of a unit before it, with shares of one weight.

    Args:
        mine: the child's sum.
        theirs: the parent's; None for a sum that hands its input on.
        role: which units there are before and behind.
        weight: the parent's; any number where there is none.
        now: the child's weights, for their shapes.
    """
    torch = import_torch()

    found = {name: tensor.new_zeros(tensor.shape) for name, tensor in now.items()}
    block, out = now["weight"].shape[1], mine.units // mine.groups
    before = role.units[mine.axis]
    given = range(block * mine.groups) if before is None else before.index
    wanted = range(mine.units) if role.after is None else role.after.index
    size = len(given) if before is None else before.of
    taken = _taps(mine, theirs)
    inner = [len(each) for each in taken]
    for group in range(mine.groups):
        units = given[group * block : (group + 1) * block]
        behind = wanted[group * out : (group + 1) * out]
        share = torch.tensor(shares(units), dtype=torch.float64) / role.scale
        values = torch.zeros([out, block, *inner], dtype=torch.float64)
        if mine.groups == 1 and (theirs is None or theirs.groups == 1):
            if theirs is None:
                same = _tensor(behind)[:, None] == _tensor(units)[None, :]
                values += same.double().reshape(out, block, *[1] * len(inner))
            else:
                values += weight.index_select(0, _tensor(behind)).index_select(1, _tensor(units))
        else:
            for row, unit in enumerate(behind):
                there = weighed(unit, size, theirs)
                columns = [k for k, each in enumerate(units) if each in there]
                local = _tensor([units[k] - there[0] for k in columns])
                values[row, columns] = 1.0 if theirs is None else weight[unit].index_select(0, local)
        values *= share.reshape(-1, *[1] * len(inner))
        places = [range(group * out, (group + 1) * out), range(block), *taken]
        grid = torch.meshgrid(*[_tensor(each) for each in places], indexing="ij")
        found["weight"][grid] = values
    return found


def _taps(mine: Mixing, theirs: Mixing | None) -> list[list[int]]:
    """Where the elements of the parent's kernel stand in the child's; for what hands units on, the one at its place."""
    found: list[list[int]] = []
    for k, window in enumerate(mine.windows):
        each = [window.tap(0)] if theirs is None else taps(window, theirs.windows[k])
        assert each is not None
        found.append([tap for tap in each if tap is not None])
    return found


def _index(units: Units | None, size: int) -> Tensor:
    return _tensor(range(size) if units is None else units.index)


def _tensor(index: Sequence[int]) -> Tensor:
    torch = import_torch()

    return torch.tensor(list(index), dtype=torch.long)
