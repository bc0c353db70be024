"""The machine run on one call alone, up to where it needs an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NoReturn

from einsyn.derivation.choice import UNSET, Choice
from einsyn.derivation.choosers import Chooser, weights_of
from einsyn.elaborate.arithmetic import is_number
from einsyn.elaborate.machine import Machine
from einsyn.elaborate.summary import SINGLE, Result
from einsyn.elaborate.trace import Trace
from einsyn.elaborate.values import Bound, Operator, Tensor, Value
from einsyn.grammar.model import Production, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.diagnostics import Span
    from einsyn.elaborate.frames import Frame
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.plan import Plan
    from einsyn.grammar.model import Terminal
    from einsyn.ops.op import Op


class Asked(Exception):
    """The answers are used up; `tensors` is what `what` is to be applied to, None where it is to be drawn."""

    def __init__(self, what: Rule | Terminal | Op | Bound | Operator, tensors: tuple[Tensor, ...] | None) -> None:
        super().__init__()
        self.what = what
        self.tensors = tensors


class Unforeseen(Exception):
    """What follows does not depend on drawn numbers and results alone, or is too rare to be worth it."""


class NeedsTypes(Exception):
    """What follows depends on the types of tensors."""


class _AnyType:
    """Stands for the type of a tensor; whoever looks at it needs to know it."""

    def __getattribute__(self, name: str) -> NoReturn:
        # `__class__`, too, which the language asks every value for (`type_of(x)`).
        raise NeedsTypes

    def __eq__(self, other: object) -> NoReturn:
        raise NeedsTypes

    def __hash__(self) -> NoReturn:
        raise NeedsTypes

    def __str__(self) -> NoReturn:
        raise NeedsTypes


_ANY: Final[Any] = _AnyType()


class Script(Chooser):
    """Gives answers in order, and raises Asked after the last.

    Args:
        answers: numbers drawn and what operations and calls give, in order of data flow.
    """

    def __init__(self, answers: list[Any]) -> None:
        self._answers = answers
        self._at = 0
        # The call that the last answer was the result of, if it was.
        self.last: Choice | None = None
        # Applications of it made again since: the tensors, and those of the first time.
        self.again: list[tuple[tuple[int, ...], tuple[int, ...]]] = []

    def next(self, what: Rule | Terminal | Op | Bound | Operator, tensors: tuple[Tensor, ...] | None) -> Any:
        """The next answer."""
        if self._at == len(self._answers):
            raise Asked(what, tensors)
        self._at += 1
        self.last = None
        self.again = []
        return self._answers[self._at - 1]

    def choose(self, rule: Rule | Terminal, types: object, path: Choice) -> Production | int:
        number = self.next(rule, None) if weights_of(rule)[1] > 1 else 0
        return rule.drawable[number] if isinstance(rule, Rule) else number


class _Untyped(Trace):
    """A trace of tensors whose types are not known: whatever is emitted is a question."""

    __slots__ = ("script",)

    script: Script

    def stand_ins(self, count: int) -> Tensor | tuple[Tensor, ...]:
        """New tensors: one, or a list of so many."""
        first = self.values
        self.values += abs(count)
        if count == SINGLE:
            return Tensor(first, _ANY)
        return tuple([Tensor(first + i, _ANY) for i in range(count)])

    def emit(
        self, op: Op, inputs: tuple[Tensor, ...], origin: Choice | None, span: Span | None
    ) -> Tensor | tuple[Tensor, ...]:
        return self.ask(op, inputs)

    def played(self, arrow: Bound, args: tuple[Tensor, ...], origin: Choice | None) -> Any:
        return self.ask(arrow, args)

    def ask(self, arrow: Op | Bound | Operator, args: tuple[Tensor, ...]) -> Tensor | tuple[Tensor, ...]:
        if self.shares:
            raise Unforeseen
        return self.stand_ins(self.script.next(arrow, args))


class Probe(Machine):
    """Runs one call; the calls that it makes are not run, their results are answers.

    Args:
        plans: how each production denotes.
        limits: bounds on what the call costs by itself.
        own: the choice that the call applies; for the network itself None.
        answers: see `Script`.
        typed: whether the types of tensors are known; otherwise what is emitted is asked for, too.
        inline: rules whose applications are run as part of the call.
    """

    def __init__(
        self,
        plans: list[Plan],
        limits: Limits,
        own: Choice | None,
        answers: list[Any],
        *,
        typed: bool,
        inline: Callable[[Rule], bool],
    ) -> None:
        self.script = Script(answers)
        self._untyped: _Untyped | None = None
        if not typed:
            self._untyped = _Untyped(limits)
            self._untyped.script = self.script
        super().__init__(plans, self.script, limits, self._untyped or Trace(limits))
        self._own = own
        self._inline = inline
        self._fuel = self.fuel
        self._made: dict[Choice, tuple[tuple[Tensor, ...], Any]] = {}
        # Calls made, numbered in order of data flow.
        self.called: dict[Choice, int] = {}

    def inputs(self, count: int) -> tuple[Tensor, ...]:
        """What the call is applied to, where types are not known."""
        assert self._untyped is not None
        tensors = self._untyped.stand_ins(count)
        assert isinstance(tensors, tuple)
        return tensors

    def costs(self) -> tuple[int, int, int, int, int, int]:
        """Parameters, MACs, bytes, operations, steps of evaluation and productions so far."""
        trace = self.trace
        return trace.params, trace.macs, trace.activations + trace.state, trace.ops, self._fuel - self.fuel, self.size

    def choose(self, choice: Choice, types: object = None) -> None:
        """Ask for an alternative. Raises Unforeseen for what has been applied as a whole already."""
        if choice in self.called or self.trace.shares:
            raise Unforeseen
        super().choose(choice)

    def apply(self, f: Value, args: tuple[Tensor, ...], origin: Choice | None, span: Span | None) -> Value:
        """Apply an arrow; where it is a choice not made yet, take the result from the answers."""
        if f.__class__ is Choice and f is not self._own:
            made = self._made.get(f)
            if made is not None:
                return self._apply_again(f, args, *made)
            symbol = f.symbol
            if f.denotation is UNSET and f.production is None and isinstance(symbol, Rule) and not self._inline(symbol):
                if self.trace.shares:
                    raise Unforeseen
                result = self.script.next(symbol, args)
                self.script.last = f
                self.called[f] = len(self.called)
                self._made[f] = (args, result)
                return self._stand_in(result)
        return super().apply(f, args, origin, span)

    def _apply_again(self, f: Choice, args: tuple[Tensor, ...], first: tuple[Tensor, ...], result: Any) -> Value:
        if self.script.last is not f or len(args) != len(first):
            raise Unforeseen
        if self._untyped is None and [t.type for t in args] != [t.type for t in first]:
            raise Unforeseen
        self.script.again.append((tuple([t.index for t in args]), tuple([t.index for t in first])))
        return self._stand_in(result)

    def _stand_in(self, result: Any) -> Tensor | tuple[Tensor, ...]:
        if self._untyped is not None:
            return self._untyped.stand_ins(result)
        assert isinstance(result, Result)
        trace = self.trace
        tensors = tuple([Tensor(trace.values + i, t) for i, t in enumerate(result.types)])
        trace.values += len(tensors)
        return tensors[0] if result.count == SINGLE else tensors

    def combine(self, symbol: str, a: Any, b: Any, origin: Choice | None, span: Span | None) -> Any:
        """Emit what an operator means; which operations that are may depend on types."""
        if self._untyped is None:
            return super().combine(symbol, a, b, origin, span)
        sides = [None if side.__class__ is Tensor else (side.__class__, side) for side in (a, b)]
        if not all(side is None or is_number(side[1]) for side in sides):
            return super().combine(symbol, a, b, origin, span)  # says what is wrong
        return self._untyped.ask(Operator(symbol, *sides), tuple([t for t in (a, b) if t.__class__ is Tensor]))

    def complete(self, root: Choice) -> bool:
        """Whether everything was chosen on the way, so that nothing is left to be chosen after elaboration."""
        pending = [root]
        while pending:
            choice = pending.pop()
            if choice.production is not None:
                pending.extend(choice.children)
            elif choice.index < 0 and choice not in self.called:
                return False
        return True

    def _begun(self, frame: Frame, name: str | None, taped: Any, args: tuple[Tensor, ...]) -> Frame:
        # What a choice emits is not all here: the calls that it makes are missing.
        return super()._begun(frame, name, taped if isinstance(taped, Bound) else None, args)
