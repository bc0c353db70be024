"""A chooser whose every choice is drawn from hypothesis's data, and the repair of draws that do not type-check.

A draw goes along the data flow, choice by choice, by the weights of the grammar. Where it turns out that it cannot be
an architecture the last choices are made again, so that no test case is thrown away:

1. the last choice takes another of its alternatives, drawn as before, where types leave any;
2. going up the tree from the failure, each node to the left and then the one above is drawn again with all that was
   chosen after it: first by weight, then with the smallest alternative everywhere. Once the failure is passed,
   drawing goes on as before;
3. when the root has been drawn again the smallest derivations are tried in order, until `_ATTEMPTS` have failed.

What comes out depends on hypothesis's data alone. Alternatives are in the order of their smallest derivations, so the
simplest data is the smallest derivation, and hypothesis shrinks derivations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hypothesis import strategies as st

from einsyn.derivation.choosers import Chooser, tree_of
from einsyn.derivation.tree import Derivation, Token
from einsyn.elaborate import plan as plans
from einsyn.elaborate.elaborate import complete
from einsyn.elaborate.machine import Machine
from einsyn.elaborate.trace import Trace
from einsyn.grammar.model import Production, Rule
from einsyn.testing.options import LARGE, Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.derivation.choice import Choice
    from einsyn.elaborate.elaborate import Elaboration
    from einsyn.elaborate.limits import Limits
    from einsyn.grammar.model import Terminal
    from einsyn.ir.types import TensorType
    from einsyn.testing.options import Draw, Options

_PATIENCE: Final = 1
_ATTEMPTS: Final = 300
# Sizes know nothing of types: a third of the largest size, less this, is kept for what types make larger; not always.
_SMALL: Final = 3
_WITH_RESERVE: Final = (True,) * 15 + (False,)


class _Decision:
    """An answer, and what can be answered in its place."""

    __slots__ = ("answer", "rest", "symbol")

    def __init__(self, symbol: Rule | Terminal, answer: Answer, rest: tuple[Answer, ...]) -> None:
        self.symbol = symbol
        self.answer = answer
        self.rest = rest


class DrawnChooser(Chooser):
    """Draws every choice; what was decided before the point of repair is answered again.

    Args:
        draw: hypothesis's.
        options: the choices of the space.
        limits: bounds on size and depth; the others are the elaborator's.
        given: a derivation to follow, except below `hole`.
        hole: the path of the node that is drawn anew.
        typed: whether types rule out alternatives.
    """

    def __init__(
        self,
        draw: Draw,
        options: Options,
        limits: Limits,
        *,
        given: Derivation | None = None,
        hole: tuple[int, ...] = (),
        typed: bool = True,
    ) -> None:
        self._draw = draw
        self._options = options
        self._advice = options.viability
        self._plans = options.space.program.plans
        self._max_size = limits.nodes
        self._max_depth = limits.max_depth
        self._reserve = max(0, limits.nodes // 3 - _SMALL) if draw(st.sampled_from(_WITH_RESERVE)) else 0
        self._given = given
        self._hole = hole
        self._typed = typed
        self._decisions: list[_Decision] = []
        self._failures = 0
        # Choices made before the furthest failure, failures there, where to go back to for each, and up to where the
        # smallest is taken.
        self._furthest = 0
        self._tries = 0
        self._points: list[int] = []
        self._smallest_until = 0
        self._exhaustive = False
        # The size of the smallest derivation that fits what is given.
        self._least = self._advice.sizes[options.space.grammar.start]
        if given is not None:
            there = given.at(hole)
            self._least = given.size
            if isinstance(there, Derivation):
                self._least += self._advice.sizes[there.production.rule] - there.size
        self.restart()

    def restart(self) -> None:
        """Answer from the beginning again."""
        self._position = 0
        self._size = self._least  # of the smallest derivation with the choices made so far
        self._last: Choice | None = None
        self._decided: dict[Choice, int] = {}
        self._followed: dict[Choice, Derivation | Token] = {}
        self._types: dict[Choice, tuple[TensorType, ...]] = {}

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        if self._given is not None:
            node = self._follow(self._given, path)
            if node is not None:
                self._followed[path] = node
                return node.index if isinstance(node, Token) else node.production
        if self._position == len(self._decisions):
            self._decisions.append(self._decide(rule, types, path))
        answer = self._decisions[self._position].answer
        self._decided[path] = self._position
        self._last = path
        self._position += 1
        if isinstance(answer, Production):
            self._size += self._advice.sizes[answer] - self._advice.sizes[answer.rule]
            if types is not None:
                self._types[path] = types
        return answer

    def undo(self) -> bool:
        """Prepare another attempt after one that failed; False where there is none."""
        decisions = self._decisions
        self._failures += 1
        if self._failures == _ATTEMPTS:
            return False
        if self._position > self._furthest:
            self._furthest = self._position
            # Types leave nothing else in the last place: what does not fit is before it.
            self._tries = _PATIENCE if decisions and not decisions[-1].rest else 0
            self._points = self._left_and_above()
        self._tries += 1
        if self._tries > _PATIENCE and not self._exhaustive:
            number, smallest = divmod(self._tries - _PATIENCE - 1, 2)
            self._exhaustive = number == len(self._points)
            del decisions[0 if self._exhaustive else self._points[number] :]
            self._smallest_until = smallest * self._furthest
            return True
        while decisions and not decisions[-1].rest:
            decisions.pop()
        if not decisions:
            return False
        last = decisions.pop()
        decisions.append(self._one_of(last.symbol, last.rest))
        return True

    def _left_and_above(self) -> list[int]:
        """Where the nodes were decided that are to the left of the last choice and above it, the nearest first."""
        found: list[int] = []
        node = self._last
        while node is not None and node.parent is not None:
            parent = node.parent
            for near in (*reversed(parent.children[: node.slot]), parent):
                position = self._decided.get(near)
                if position is not None and (not found or position < found[-1]):
                    found.append(position)
            node = parent
        return found

    @property
    def _smallest_only(self) -> bool:
        return self._exhaustive or len(self._decisions) < self._smallest_until

    def _follow(self, given: Derivation, path: Choice) -> Derivation | Token | None:
        """The node of the given derivation that stands here, None at the hole and below it."""
        if path.parent is None:
            return given if self._hole else None
        above = self._followed.get(path.parent)
        if not isinstance(above, Derivation):
            return None
        return None if len(path) == len(self._hole) and tuple(path) == self._hole else above.children[path.slot]

    def _decide(self, symbol: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> _Decision:
        if isinstance(symbol, Rule):
            return self._one_of(symbol, self._productions(symbol, types, path))
        values = self._values(symbol, path)
        if len(symbol.domain) <= LARGE or self._smallest_only:
            return self._one_of(symbol, values)
        number = self._options.number(self._draw, symbol)
        return _Decision(symbol, number, () if number in values else values)

    def _productions(self, rule: Rule, types: tuple[TensorType, ...] | None, path: Choice) -> tuple[Production, ...]:
        advice = self._advice
        simplest = advice.simplest_first[rule]
        typed = simplest if types is None or not self._typed else advice.fitting(rule, types)
        room = self._max_size - self._size + advice.sizes[rule]
        deepest = (1 << 62 if self._max_depth is None else self._max_depth) - path.depth + 1
        size, depth = advice.bounds[rule]
        if size <= room - self._reserve and depth < deepest:
            return typed or simplest[:1]
        fitting = [p for p in typed if advice.sizes[p] <= room and advice.depths[p] <= deepest]
        room -= self._reserve
        deepest -= 1 if self._reserve else 0
        easy = [p for p in fitting if advice.sizes[p] <= room and advice.depths[p] <= deepest]
        if not easy:
            easy = [p for p in fitting if advice.sizes[p] == advice.sizes[fitting[0]]]
        return tuple(easy) or simplest[:1]

    def _values(self, terminal: Terminal, path: Choice) -> tuple[int, ...]:
        values = self._options.values(terminal)
        above = path.parent
        assert above is not None
        production = above.production
        assert production is not None
        types = self._types.get(above)
        if types is None or not self._typed or self._plans[production.index].kind != plans.PRIMITIVE:
            return values
        chosen = tuple([child.index for child in above.children[: path.slot]])
        fitting = self._advice.settings(production, types, chosen)
        return tuple([v for v in values if v in fitting]) or values if fitting else values

    def _one_of(self, symbol: Rule | Terminal, options: tuple[Answer, ...]) -> _Decision:
        if self._smallest_only or len(self._options.alternatives(symbol)) == 1:
            return _Decision(symbol, options[0], options[1:])
        answer = self._options.pick(self._draw, symbol, options)
        return _Decision(symbol, answer, tuple([o for o in options if o is not answer]))


def settle(
    options: Options, chooser: DrawnChooser, limits: Limits, accept: Callable[[Elaboration], bool] | None = None
) -> Elaboration | None:
    """Elaborate and repair until there is an architecture; None where no attempt gives one.

    Args:
        options: the choices of the space.
        chooser: fresh.
        limits: what the architecture may cost.
        accept: what else it must be; refusing one is a failure like any other.
    """
    while True:
        outcome = options.space.elaborate(chooser, limits)
        if outcome.cause is None and (accept is None or accept(outcome)):
            return outcome
        more = chooser.undo()
        outcome.root.dismantle()
        if not more:
            return None
        chooser.restart()


def one_attempt(options: Options, chooser: DrawnChooser, limits: Limits) -> tuple[Derivation, Elaboration]:
    """What a chooser draws without any repair: a whole derivation, and how elaborating it ended."""
    outcome = options.space.elaborate(chooser, limits)
    if outcome.cause is not None:
        machine = Machine(options.space.program.plans, chooser, limits, Trace(limits))
        complete(machine, outcome.root)
    return tree_of(outcome.root), outcome
