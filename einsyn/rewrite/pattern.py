"""What a rule looks for: trees of operations, read from the last one upwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ops.op import Op
    from einsyn.rewrite.draft import Draft, Node


@dataclass(frozen=True, slots=True)
class Applied:
    """An operation of a class, with patterns or names for its operands.

    What stands below the last operation of a pattern must be used there alone, unless it is a view of its operand: a
    rule would have to compute it twice otherwise. A name stands for any value.

    Args:
        cls: a class of operations; its subclasses match as well.
        operands: in order; of `several` the one that all have to match.
        several: whether there may be any number of operands.
        beside: whether others have to use the first operand as well.
    """

    cls: type[Op]
    operands: tuple[Applied | str, ...]
    several: bool = False
    beside: bool = False


def applied(cls: type[Op], *operands: Applied | str) -> Applied:
    """An operation with these operands."""
    return Applied(cls, operands)


def joined(cls: type[Op], operand: Applied | str) -> Applied:
    """An operation whose operands, however many, all match."""
    return Applied(cls, (operand,), several=True)


def beside(cls: type[Op], operand: str) -> Applied:
    """An operation with any number of operands whose first one others use as well."""
    return Applied(cls, (operand,), several=True, beside=True)


class Match:
    """Where a pattern was found.

    Args:
        draft: the graph.
        node: the last operation.
    """

    __slots__ = ("_nodes", "_values", "draft", "node")

    def __init__(self, draft: Draft, node: Node) -> None:
        self.draft = draft
        self.node = node
        self._nodes: dict[type[Op], list[Node]] = {}
        self._values: dict[str, list[int]] = {}

    def value(self, name: str) -> int:
        """The value that a name stands for; the first if there are several."""
        return self._values[name][0]

    def values(self, name: str) -> Sequence[int]:
        """The values that a name stands for, one for each operand of an operation with several."""
        return self._values[name]

    def type(self, name: str) -> object:
        """The type of that value."""
        return self.draft.types[self.value(name)]

    def nodes(self, cls: type[Op]) -> Sequence[Node]:
        """The operations that the part of the pattern with this class matched, the last one excepted."""
        return self._nodes.get(cls, ())

    def below(self, cls: type[Op]) -> Node:
        """The only one of them."""
        (node,) = self._nodes[cls]
        return node


def find(pattern: Applied, draft: Draft, node: Node) -> Match | None:
    """The match of a pattern whose last operation is `node`, if there is one; `Rule.may_apply` has been asked."""
    match = Match(draft, node)
    pending = [(pattern, node)]
    while pending:
        wanted, found = pending.pop()
        operands = wanted.operands * len(found.inputs) if wanted.several else wanted.operands
        if len(operands) != len(found.inputs):
            return None
        below: list[tuple[Applied, Node]] = []
        for operand, value in zip(operands, found.inputs, strict=True):
            if isinstance(operand, str):
                match._values.setdefault(operand, []).append(value)
                continue
            maker = draft.maker(value)
            if maker is None or not isinstance(maker.op, operand.cls):
                return None
            if not (maker.op.aliases or draft.used_once(value)):
                return None
            match._nodes.setdefault(operand.cls, []).append(maker)
            below.append((operand, maker))
        # In the order of the operands, so that the lists of values are.
        pending += reversed(below)
    return match
