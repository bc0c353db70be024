"""Choosers: what decides at every choice of a derivation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from random import Random
from typing import TYPE_CHECKING, Any

from einsyn.derivation.tree import Derivation, Token
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.grammar.model import Production, Terminal
    from einsyn.ir.types import TensorType


class Chooser(ABC):
    """Decides at every choice; a new way of generating architectures is a subclass of this."""

    @abstractmethod
    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        """One alternative.

        Args:
            rule: what to expand: a rule, or a terminal with several values.
            types: the types of the tensors that it is applied to, or None where they are not known.
            path: the place; iterating gives the child numbers from the root.

        Returns:
            One of `rule.productions`, or for a terminal the number of a value in its `domain`.
        """


class RandomChooser(Chooser):
    """Draws by the weights of the grammar.

    Args:
        random: where all randomness comes from.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._draw = random.random

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        symbol: Any = rule  # comparing classes is faster than isinstance, and this runs at every choice
        if symbol.__class__ is Rule:
            cumulative = symbol.cumulative
            if len(cumulative) == 1:
                return symbol.drawable[0]
            return symbol.drawable[bisect_right(cumulative, self._draw())]
        domain = symbol.domain
        cumulative = domain.cumulative
        if cumulative is None:
            return self._random.randrange(domain.drawable)
        return bisect_right(cumulative, self._draw())


class TreeChooser(Chooser):
    """Answers from a finished tree.

    Args:
        tree: a derivation of the space's start symbol.
    """

    def __init__(self, tree: Derivation) -> None:
        self._tree = tree
        self._at: dict[Choice, Derivation | Token] = {}

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        node: Derivation | Token
        if path.parent is None:
            node = self._tree
        else:
            above = self._at[path.parent]
            assert isinstance(above, Derivation)
            node = above.children[path.slot]
        if isinstance(node, Token):
            return node.index
        self._at[path] = node
        return node.production


def tree_of(root: Choice) -> Derivation:
    """The finished derivation that a complete tree of choices stands for."""
    order: list[Choice] = []
    pending = [root]
    while pending:
        choice = pending.pop()
        order.append(choice)
        if choice.production is not None:
            pending.extend(choice.children)
    made: dict[Choice, Derivation | Token] = {}
    for choice in reversed(order):
        if choice.production is None:
            made[choice] = Token(choice.symbol, choice.index)
        else:
            made[choice] = Derivation(choice.production, tuple([made[c] for c in choice.children]))
    tree = made[root]
    assert isinstance(tree, Derivation)
    return tree
