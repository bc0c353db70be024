"""A rewrite as a row of data: what it looks for, when it applies, and what it puts there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from einsyn.rewrite.draft import Node

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from einsyn.ops.op import Op
    from einsyn.rewrite.draft import Draft, Spot
    from einsyn.rewrite.pattern import Applied, Match
    from einsyn.rewrite.weights import Weights

# `exact`: the same function of the same parameters. `fold`: the same function in eval mode; parameters are folded into
# others, none is lost. `deploy`: the same function in eval mode; parameters may go.
Law = Literal["exact", "fold", "deploy"]


class Builder:
    """Makes the operations that a rule puts in place of those that it found.

    Args:
        draft: the graph.
        node: what they are put in place of; they are where it was, and come from where it came from.
    """

    __slots__ = ("_draft", "_node", "added", "replaced")

    def __init__(self, draft: Draft, node: Node) -> None:
        self._draft = draft
        self._node = node
        self.added: list[Node] = []
        self.replaced: dict[int, int] = {}

    def add(self, op: Op, *inputs: int, weights: Mapping[str, Weights] | None = None) -> tuple[int, ...]:
        """Apply an operation to values; returns its results.

        Args:
            op: the operation.
            inputs: values of the draft, or results of what was added.
            weights: where its parameters and buffers come from, if it has any.

        Raises:
            Mismatch: the operation does not apply to values of these types; the rule does not apply then.
        """
        draft, node = self._draft, self._node
        signature = op.signature(tuple([draft.types[value] for value in inputs]))
        declared = {**signature.params, **signature.buffers}
        given = weights or {}
        assert declared.keys() == given.keys(), f"`{op}` has {list(declared)}, the rule gives {list(given)}"
        for name, of in given.items():
            assert of.shape == declared[name].shape, f"`{name}` of `{op}` is {declared[name].shape}, not {of.shape}"
        owner = draft.own(given) if given else None
        outputs = tuple([draft.value(t) for t in signature.outputs])
        self.added.append(Node(op, inputs, outputs, signature, owner, node.path, node.span, node.index, node.call))
        return outputs

    def replace(self, old: int, new: int) -> None:
        """Let a new value stand where an old one did."""
        self.replaced[old] = new

    def replace_all(self, old: Sequence[int], new: Sequence[int]) -> None:
        """The same for each of several values."""
        self.replaced.update(zip(old, new, strict=True))


@dataclass(frozen=True)
class Rule:
    """A rewrite.

    Args:
        name: what the trace calls it.
        about: one sentence for people.
        pattern: what it looks for.
        guard: whether it applies to what was found.
        build: says what stands there afterwards. Types must stay what they are.
        law: what it preserves.
        concerns: whether the last operation may be of a class, where the class in the pattern does not say it.
        examples: (type of the input `x`, expression of the language over `x`) of networks that it changes.
    """

    name: str
    about: str
    pattern: Applied
    guard: Callable[[Match], bool]
    build: Callable[[Match, Builder], None]
    law: Law
    examples: tuple[tuple[str, str], ...]
    concerns: Callable[[type[Op]], bool] | None = None

    def may_end_in(self, cls: type[Op]) -> bool:
        """Whether the last operation may be of a class."""
        return issubclass(cls, self.pattern.cls) and (self.concerns is None or self.concerns(cls))

    def may_apply(self, spot: Spot) -> bool:
        """Whether it may apply at a spot, where the last operation may be of the class."""
        _, below, shared = spot
        first = self.pattern.operands[0]
        stands = isinstance(first, str) or (below is not None and issubclass(below, first.cls))
        return stands and (shared or not self.pattern.beside)
