"""A place in a derivation that is being built: what a chooser is asked about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.grammar.model import Production, Rule, Terminal

UNSET: Final = object()
_SHOWN: Final = 12


class Choice:
    """A slot of a production under construction.

    It serves as the `path` that a chooser sees: it iterates over the child numbers from the root, and
    choices of one derivation are compared by identity.

    Args:
        symbol: the rule or terminal to choose for.
        parent: the choice whose production has this slot, or None for the start.
        slot: the slot's number there.
        depth: productions on the way here, this one included.

    Once answered, `production` holds the alternative of a rule, or `index` the value number of a terminal.
    """

    __slots__ = ("children", "denotation", "depth", "index", "parent", "production", "slot", "symbol", "tapes")

    symbol: Any  # a Rule or a Terminal
    parent: Choice | None
    slot: int
    depth: int
    production: Production | None
    children: list[Choice]
    index: int
    denotation: Any
    tapes: tuple[Any, ...]  # what applying it emitted, once that is worth keeping, at different types

    def __init__(self, symbol: Rule | Terminal, parent: Choice | None, slot: int, depth: int) -> None:
        self.symbol = symbol
        self.parent = parent
        self.slot = slot
        self.depth = depth
        self.production = None
        self.index = -1
        self.denotation = UNSET
        self.tapes = ()

    def dismantle(self) -> None:
        """Cut the links of a tree that is not needed any more, so that it goes at once and not with the collector."""
        pending: list[Choice] = [self]
        while pending:
            choice = pending.pop()
            choice.parent = None
            if choice.production is not None:
                pending.extend(choice.children)
                choice.children = []
            choice.denotation = UNSET
            choice.tapes = ()

    def __iter__(self) -> Iterator[int]:
        indexes: list[int] = []
        node: Choice = self
        while node.parent is not None:
            indexes.append(node.slot)
            node = node.parent
        return reversed(indexes)

    def __len__(self) -> int:
        return self.depth - 1

    def __str__(self) -> str:
        """The names of the symbols on the way, `/sequential/module[1]`; deep paths show their last ones."""
        steps: list[str] = []
        node: Choice = self
        while node.parent is not None and len(steps) < _SHOWN:
            slots = node.parent.production.slots if node.parent.production else ()
            several = sum(1 for s in slots if s is node.symbol) > 1
            place = sum(1 for s in slots[: node.slot] if s is node.symbol)
            steps.append(f"{node.symbol.name}[{place}]" if several else node.symbol.name)
            node = node.parent
        head = "" if node.parent is None else f"/...{node.depth - 1}..."
        return f"{head}/{'/'.join(reversed(steps))}"
