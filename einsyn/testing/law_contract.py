"""What an operation says of its function, tried with numbers: `check_op` includes it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Final

from einsyn.ir.mismatch import Mismatch
from einsyn.ops.laws import Law
from einsyn.testing.op_contract import Example, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from einsyn.ir.types import TensorType

_FACTOR: Final = 1.75


class Trial:
    """An operation in eval mode and 64 bits, with random weights.

    Args:
        example: the operation with input types.
    """

    def __init__(self, example: Example) -> None:
        import torch

        self.example = example
        self.module = example.module().double().eval()
        self.inputs = [x.double() if x.is_floating_point() else x for x in example.inputs(2)]
        signature = example.graph.operations[0].signature
        self.names = (*signature.params, *signature.buffers)
        generator = torch.Generator().manual_seed(11)
        weights = self.weights()
        # All above 0: some are variances.
        drawn = {n: torch.rand(w.shape, generator=generator).double() + 0.5 for n, w in weights.items()}
        self.set({n: t for n, t in drawn.items() if weights[n].is_floating_point()})

    def weights(self) -> dict[str, Tensor]:
        """Parameters and buffers by name."""
        state = self.module.state_dict()
        return {name: state[self.example.source.keys[0, name]].detach() for name in self.names}

    def set(self, weights: dict[str, Tensor]) -> None:
        """Give it weights."""
        own = self.weights()
        for name, tensor in weights.items():
            own[name].copy_(tensor)

    def __call__(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        import torch

        with torch.no_grad():
            return tuple([output.clone() for output in run(self.module, [x.clone() for x in inputs])])


def check_flags(example: Example) -> None:
    """Its laws hold."""
    trial, laws = Trial(example), example.op.laws
    positive = [x.abs() if x.is_floating_point() else x for x in trial.inputs]
    if Law.HOMOGENEOUS in laws:
        _same(trial([_FACTOR * x for x in trial.inputs]), [_FACTOR * y for y in trial(trial.inputs)], "HOMOGENEOUS")
    if Law.NEVER_NEGATIVE in laws:
        assert all([bool((y >= 0)[~y.isnan()].all()) for y in trial(trial.inputs)]), "NEVER_NEGATIVE does not hold"
    if Law.KEEPS_SIGN in laws:
        assert all([bool((y >= 0).all()) for y in trial(positive)]), "KEEPS_SIGN does not hold"
    if Law.FIXES_POSITIVE in laws:
        _same(trial(positive), positive, "FIXES_POSITIVE")
    if Law.FIXES_ALL in laws:
        outputs = trial(trial.inputs)
        _same(outputs, trial.inputs * len(outputs), "FIXES_ALL")


def check_scaling(example: Example) -> None:
    """Parameters scale the result as it says, and weights after a scaling of the input undo it."""
    trial = Trial(example)
    before, weights = trial(trial.inputs), {n: w.clone() for n, w in trial.weights().items()}
    scaled = {n: _FACTOR * weights[n] for n in example.op.scaled_by if n in weights}
    if scaled:
        trial.set(scaled)
        _same(trial(trial.inputs), [_FACTOR * y for y in before], "`scaled_by`")
    absorb = example.op.absorbs()
    if absorb is not None:
        trial.set(dict(absorb(weights, _FACTOR)))
        _same(trial([_FACTOR * x for x in trial.inputs]), before, "`absorbs`")


def check_fixing(example: Example) -> None:
    """It hands its input on with the weights with which it says so, and with those of a sum that hands units on."""
    import torch

    trial, op = Trial(example), example.op
    values, mixing = op.fixing(*example.types), op.mixing(*example.types)
    if values is not None:
        trial.set({n: torch.full_like(w, values[n]) for n, w in trial.weights().items()})
        _same(trial(trial.inputs), trial.inputs, "`fixing`")
    if mixing is not None and all([w.stride == 1 and w.tap(0) is not None for w in mixing.windows]):
        weights = {n: torch.zeros_like(w) for n, w in trial.weights().items()}
        inner = weights["weight"].shape[1]
        units = [(unit, unit // (mixing.units // mixing.groups) * inner) for unit in range(mixing.units)]
        for unit, _ in units:
            weights["weight"][(unit, 0, *[w.tap(0) or 0 for w in mixing.windows])] = 1
        trial.set(weights)
        (x,), (y,) = trial.inputs, trial(trial.inputs)
        first = x.index_select(mixing.axis + example.types[0].batched, torch.tensor([start for _, start in units]))
        if y.shape == first.shape:
            _same([y], [first], "`mixing`")


def check_units(example: Example) -> None:
    """Units of inputs that are repeated are repeated in the result, as it says, or change nothing."""
    op, types = example.op, example.types
    carried = op.carries(*types)
    for axis in range(max([t.rank for t in types], default=0)):
        follow = [number for number in range(len(types)) if any([axes[number] == axis for axes in carried])]
        even = len(types) == 1 and axis in op.even(*types)
        if not follow and not even:
            continue
        for index in ([0, 0, 1, 1], [1, 0]) if not even else ([0, 0, 1, 1],):
            _check_repeated(example, axis, follow or [0], index, carried)


def _check_repeated(
    example: Example, axis: int, follow: list[int], pattern: list[int], carried: tuple[tuple[int | None, ...], ...]
) -> None:
    import torch

    op, types, trial = example.op, list(example.types), Trial(example)
    size = types[follow[0]].sizes[axis]
    if not isinstance(size, int) or size < 2:
        return
    # The first units in this order, all others after them, as often as the first.
    index = [*pattern, *[unit for unit in range(2, size) for _ in range(len(pattern) // 2)]]
    for number in follow:
        types[number] = _resized(types[number], axis, len(index))
    if isinstance(op.known(tuple(types)), Mismatch):
        return
    wide = Trial(Example(op, tuple(types)))
    chosen = torch.tensor(index)
    inputs = [
        x.index_select(axis + t.batched, chosen) if n in follow else x
        for n, (x, t) in enumerate(zip(trial.inputs, types, strict=True))
    ]
    weights = trial.weights()
    for name, axes in op.along(*types).items():
        for k, along in enumerate(axes):
            if name in weights and along == axis:
                weights[name] = weights[name].index_select(k, chosen)
    if {n: w.shape for n, w in weights.items()} != {n: w.shape for n, w in wide.weights().items()}:
        assert op.mixing(*types) is not None, "`along` does not say which parameters belong to units"
        return
    wide.set(weights)
    expected = list(trial(trial.inputs))
    for out, axes in enumerate(carried):
        if any([axes[n] == axis for n in follow]):
            expected = [
                y.index_select(out + t.batched, chosen)
                for y, t in zip(expected, example.graph.operations[0].signature.outputs, strict=True)
            ]
    _same(wide(inputs), expected, f"`carries` or `even` of axis {axis}")


def check_pieces(example: Example) -> None:
    """Parts, what is joined and what is folded are so."""
    import torch

    op, types, trial = example.op, example.types, Trial(example)
    outputs = trial(trial.inputs)
    cut, joined, folds = op.parts(*types), op.joined(*types), op.folds(*types)
    if cut is not None:
        axis, ranges = cut
        (x,), (t,) = trial.inputs, types
        _same(outputs, [x.narrow(axis + t.batched, part.start, part.size) for part in ranges], "`parts`")
    if joined is not None and len({t.batched for t in types}) == 1:
        _same(outputs, [torch.cat(trial.inputs, joined + types[0].batched)], "`joined`")
    for out, digits in folds.items():
        places = list(product(*[range(digit.size) for digit in digits]))
        (x,), (y,) = trial.inputs, outputs
        assert y.shape[out + 1] == prod([digit.size for digit in digits]), "`folds` has other sizes"
        for k, digit in enumerate(digits):
            if digit.axis is None or digit.size < 2:
                continue
            # A unit that is zero is zero wherever it stands, and nothing else is.
            marked = torch.ones_like(x)
            marked.select(digit.axis + 1, 1).zero_()
            zero = [place[k] == 1 for place in places]
            (found,) = trial([marked])
            rest = [d for d in range(found.dim()) if d != out + 1]
            assert [not bool(v) for v in found.abs().amax(rest)] == zero, "`folds` puts units elsewhere"


def _resized(t: TensorType, axis: int, size: int) -> TensorType:
    return t.resized(axis, size)


def _same(found: Sequence[Tensor], expected: Sequence[Tensor], what: str) -> None:
    import torch

    assert len(found) == len(expected), f"{what}: {len(found)} results, {len(expected)} expected"
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape, f"{what} does not hold\nthe shape is {list(a.shape)} in place of {list(b.shape)}"
        gap = float((a - b).abs().nan_to_num().max()) if a.numel() and a.is_floating_point() else 0.0
        same = torch.allclose(a, b, rtol=1e-6, atol=1e-8, equal_nan=True)
        assert same, f"{what} does not hold\nnumbers differ by up to {gap:.3g}"


LAW_CHECKS: tuple[Callable[[Example], None], ...] = (
    check_flags,
    check_scaling,
    check_fixing,
    check_units,
    check_pieces,
)
