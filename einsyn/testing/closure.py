"""What the type rules of the registry allow: tensors that operations can reach from a few inputs, and the steps.

The steps say which operation can follow which, by search and not by opinion, and `every_op_space` writes a search
space from them. Operations that users register take part with their own examples.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from itertools import permutations
from typing import TYPE_CHECKING, Final, Literal

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import KINDS, TensorType
from einsyn.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from einsyn.ops.op import Op

# Inputs, one for each kind; small, with sizes that divide in several ways.
INPUTS: Final[dict[str, TensorType]] = {
    "image": TensorType("f32", ("c", "h", "w"), (4, 8, 8)),
    "signal": TensorType("f32", ("c", "l"), (4, 12)),
    "sequence": TensorType("f32", ("s", "d"), (8, 8)),
    "vector": TensorType("f32", ("d",), (8,)),
    "tokens": TensorType("i64", ("t",), (6,)),
}
TABLE: Final = TensorType("f32", ("v", "d"), (10, 8), batched=False)
# Axes of tensors without a batch that are explored.
_FREE: Final = (("s", "d"), ("d",), TABLE.axes)
# Tensors of one kind that are explored, and elements that one may have.
_TYPES: Final = 10
_ELEMENTS: Final = 2_048
# Results of an operation with many outputs that are followed.
_OUTPUTS: Final = 4
# The most operands that are given to an operation that takes any number.
_OPERANDS: Final = 4


@dataclass(frozen=True)
class Kind:
    """What decides which operations apply, sizes aside: dtype, axes, whether there is a batch axis."""

    dtype: str
    axes: tuple[str, ...]
    batched: bool

    @classmethod
    def of(cls, t: TensorType) -> Kind:
        """The kind of a type."""
        return cls(t.dtype, t.axes, t.batched)

    @property
    def followed(self) -> bool:
        """Whether operations are applied to tensors of this kind: those that the language names, and three of weights.

        Axes that a reduction left over, such as `h, w`, end a chain: they meet the same operations at the same ranks.
        """
        return self.axes in (KINDS if self.batched else _FREE)

    @property
    def name(self) -> str:
        """A name for rules: `chw`, `free_sd` without a batch axis."""
        axes = "".join(self.axes) or "scalar"
        return ("" if self.batched else "free_") + ("" if self.dtype == "f32" else f"{self.dtype}_") + axes


@dataclass(frozen=True)
class Operand:
    """What an operation is given: the tensor that comes from the step before, or another one made for it.

    Args:
        source: `tensor`; `weight`, a learned tensor of its axes and sizes; or `table`, one of embeddings.
        step: an operation applied to that, if any.
    """

    source: Literal["tensor", "weight", "table"] = "tensor"
    step: Op | None = None

    def last(self, t: TensorType) -> str | None:
        """The name of the operation that makes it, for a tensor of this type; None for the tensor itself."""
        if self.step is not None:
            return self.step.name
        return None if self.source == "tensor" else self._weight(t).name

    def type_of(self, t: TensorType) -> TensorType:
        """Its type, for a tensor of this type. Raises Mismatch."""
        if self.source != "tensor":
            (t,) = self._weight(t).signature(()).outputs
        return t if self.step is None else self.step.signature((t,)).outputs[0]

    def _weight(self, t: TensorType) -> Op:
        like = TABLE if self.source == "table" else t
        return OPS["weight"].configure(axes=like.axes, sizes=like.concrete())


@dataclass(frozen=True)
class Step:
    """An operation applied to a tensor of one kind, giving one of another.

    Args:
        op: with its attributes.
        operands: what it takes; exactly one of them is the tensor that comes from the step before, unchanged.
        before: the kind of that tensor.
        after: the kind of its results.
        results: how many they are.
    """

    op: Op
    operands: tuple[Operand, ...]
    before: Kind
    after: Kind
    results: int


@dataclass
class Closure:
    """What was found.

    Args:
        steps: every way that was found to apply an operation.
        types: tensors reached, by kind.
        pairs: names of operations of which the second can take a result of the first.
    """

    steps: dict[Step, None] = field(default_factory=dict["Step", None])
    types: dict[Kind, dict[TensorType, None]] = field(default_factory=dict["Kind", "dict[TensorType, None]"])
    pairs: set[tuple[str, str]] = field(default_factory=set["tuple[str, str]"])


def instances() -> list[Op]:
    """The operations of the registry as their examples configure them."""
    return list(dict.fromkeys(op for cls in OPS.values() for op, _ in cls.examples()))


def close(ops: Iterable[Op] | None = None) -> Closure:
    """Apply operations to everything reached until nothing new of a kind is followed.

    Args:
        ops: with their attributes; by default those of the registry's examples.
    """
    pool = list(instances() if ops is None else ops)
    closure = Closure()
    # A tensor and the names of the operations that can make it.
    makers: dict[TensorType, set[str]] = {}
    accepts: dict[TensorType, set[str]] = {}
    pending: list[TensorType] = []

    def reach(t: TensorType, maker: str | None) -> None:
        kind = Kind.of(t)
        if t not in makers:
            if not kind.followed:
                closure.types.setdefault(kind, {})
                return
            known = closure.types.setdefault(kind, {})
            if len(known) >= _TYPES or t.elements > _ELEMENTS:
                return
            known[t] = None
            makers[t] = set()
            pending.append(t)
        if maker is not None:
            makers[t].add(maker)

    for op in pool:
        if op.arity == 0:
            for t in op.signature(()).outputs:
                reach(t, op.name)
    for t in INPUTS.values():
        reach(t, None)
    while pending:
        t = pending.pop(0)
        accepts[t] = set()
        for op in pool:
            for operands, outputs in applications(op, t):
                closure.steps[Step(op, operands, Kind.of(t), Kind.of(outputs[0]), len(outputs))] = None
                accepts[t].add(op.name)
                closure.pairs.update((last, op.name) for o in operands if (last := o.last(t)) is not None)
                for out in dict.fromkeys(outputs[:_OUTPUTS]):
                    reach(out, op.name)
    for t, names in makers.items():
        closure.pairs.update((maker, name) for maker in names for name in accepts[t])
    return closure


def applications(op: Op, t: TensorType) -> Iterator[tuple[tuple[Operand, ...], tuple[TensorType, ...]]]:
    """The ways to apply an operation to a tensor, with operands made of it where more are needed."""
    itself = Operand()
    rows: list[tuple[Operand, ...]] = [(itself,) * count for count in _counts(type(op))]
    if 2 in map(len, rows):
        rows += [row for other in _others(t) for row in ((itself, other), (other, itself))]
    if 3 in map(len, rows):  # some rules look for zeros among what is summed, multiplied or joined
        rows.append((itself, Operand(step=OPS["zero"].configure()), itself))
    for row in rows:
        try:
            types = tuple(operand.type_of(t) for operand in row)
            outputs = op.signature(types).outputs
        except Mismatch:
            continue
        if outputs and all(0 < out.elements <= _ELEMENTS for out in outputs):
            yield row, outputs


@cache
def _counts(cls: type[Op]) -> tuple[int, ...]:
    """How many tensors an operation is given, as far as its examples show it."""
    shown = {len(types) for _, types in cls.examples()} if cls.arity is None else {cls.arity}
    return tuple(sorted(n for n in shown if 0 < n <= _OPERANDS))


def _others(t: TensorType) -> Iterator[Operand]:
    """Second operands: the tensor turned, its means, a weight like it, a table of embeddings."""
    if t.dtype != "f32":
        yield Operand("table")
        return
    if 1 < t.rank <= 3:
        for order in permutations(range(1, t.rank + 1)):
            if order != tuple(range(1, t.rank + 1)):
                yield Operand(step=OPS["permute"].configure(*order))
    for axis in t.axes:
        yield Operand(step=OPS["mean"].configure([axis], True))
    yield Operand("weight")
