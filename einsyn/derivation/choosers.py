"""Choosers: what decides at every choice of a derivation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_right
from typing import TYPE_CHECKING, Any, Protocol

from einsyn.derivation.tree import Derivation, Token
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from collections.abc import Callable

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


class Uniform(Protocol):
    """A source of numbers, uniform in [0, 1): a `random.Random` or anything like it."""

    def random(self) -> float:
        """The next number."""
        ...


class Recall:
    """Uniform numbers that are kept until the draw is over, so that it can be made again with the same ones.

    `numbers[at]` is the next one. After the last stands 1.0, which is none of them.

    Args:
        source: where they come from.
    """

    __slots__ = ("_iterator", "_source", "at", "numbers")

    _BLOCK = 2048

    def __init__(self, source: Uniform) -> None:
        self._source = source.random
        self.numbers = [1.0]
        self.at = 0
        # A list's iterator can be set to a place and asked how much is left; its declared type does not say so.
        self._iterator: Any = iter(self.numbers)

    def begin(self) -> None:
        """Start a draw with at least `_BLOCK` numbers ahead; those before it are forgotten."""
        if len(self.numbers) - self.at <= self._BLOCK:
            del self.numbers[: self.at]
            self.at = 0
            self._extend()

    def random(self) -> float:
        """The next number."""
        if self.at == len(self.numbers) - 1:
            self._extend()
        number = self.numbers[self.at]
        self.at += 1
        return number

    def _extend(self) -> None:
        source = self._source
        self.numbers[-1:] = [source() for _ in range(4 * self._BLOCK)]
        self.numbers.append(1.0)
        self._iterator = iter(self.numbers)

    def stream(self) -> Callable[[], float]:
        """A function that gives number after number from `at` on, and the 1.0; `settle` ends it."""
        self._iterator.__setstate__(self.at)
        return self._iterator.__next__

    def settle(self) -> bool:
        """Set `at` behind the numbers that the stream gave; False if the 1.0 was one of them."""
        left: int = self._iterator.__length_hint__()
        self.at = len(self.numbers) - left
        return self.at < len(self.numbers)


def weights_of(symbol: Rule | Terminal) -> tuple[tuple[float, ...] | None, int]:
    """What can be drawn for a symbol: cumulative probabilities (None where all are alike), and how many there are.

    One number in [0, 1) decides, unless there is but one.
    """
    if isinstance(symbol, Rule):
        return symbol.cumulative, len(symbol.drawable)
    cumulative = symbol.domain.cumulative
    return cumulative, symbol.domain.drawable if cumulative is None else len(cumulative)


class RandomChooser(Chooser):
    """Draws by the weights of the grammar, with one number for every choice that has several answers.

    Args:
        random: where all randomness comes from.
    """

    def __init__(self, random: Uniform) -> None:
        self._draw = random.random

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        cumulative, count = weights_of(rule)
        if count == 1:
            number = 0
        elif cumulative is None:
            number = int(self._draw() * count)
        else:
            number = bisect_right(cumulative, self._draw())
        return rule.drawable[number] if isinstance(rule, Rule) else number


class TreeChooser(Chooser):
    """Answers from a finished tree.

    Args:
        tree: a derivation of the space's start symbol.
    """

    def __init__(self, tree: Derivation) -> None:
        self._tree = tree
        # What stands below the choices that were answered with a production.
        self._below: dict[Choice, tuple[Derivation | Token, ...]] = {}

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        above = path.parent
        node = self._tree if above is None else self._below[above][path.slot]
        if isinstance(node, Token):
            return node.index
        self._below[path] = node.children
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
