"""Steps worked out one by one, by running the elaborator on a single call up to where it needs an answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.derivation.choice import Choice
from einsyn.derivation.choosers import weights_of
from einsyn.elaborate.elaborate import check_output, network
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.outcomes import Outcomes
from einsyn.elaborate.probe import Asked, NeedsTypes, Probe, Unforeseen
from einsyn.elaborate.summary import (
    CALL,
    DONE,
    DRAW,
    EMIT,
    FAILED,
    LOOKUP_CALL,
    RETURN,
    SINGLE,
    TYPED_CALL,
    UNFORESEEN,
    Call,
    Costs,
    Result,
    Step,
    Written,
)
from einsyn.elaborate.values import Tensor
from einsyn.errors import OpError
from einsyn.grammar.analysis import count_rule
from einsyn.grammar.model import Rule, Terminal
from einsyn.ir.mismatch import Mismatch

if TYPE_CHECKING:
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.program import Program
    from einsyn.ir.types import TensorType

# Applying a rule with so many derivations at most is part of the call that does it.
_INLINE: Final = 64
# A call with more answers than this is seldom made again, and working its steps out takes ever longer.
_LONGEST: Final = 24


class Entries(dict[Any, Step]):
    """The first steps of applying a rule, by the tensors that it is applied to: one `Result`, or a tuple of several.

    Args:
        steps: works out what is not known.
        rule: the rule.
    """

    __slots__ = ("rule", "steps")

    def __init__(self, steps: Steps, rule: Rule) -> None:
        super().__init__()
        self.steps = steps
        self.rule = rule

    def __missing__(self, inputs: Result | tuple[Result, ...]) -> Step:
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        entry = self.steps.entry(self.rule, tuple([result.types[0] for result in given]))
        self[inputs] = entry
        return entry


class Steps:
    """The steps of one space for given limits.

    Args:
        program: the compiled space.
        inputs: the types of the network's inputs.
        output: the declared type of its output, if any.
        limits: what an architecture may cost.
        costs: how costs are counted.
        typed: rules with numbers of tensors, for which types matter; those found out are added.

    Attributes:
        outcomes: what operations do.
    """

    def __init__(
        self,
        program: Program,
        inputs: tuple[TensorType, ...],
        output: TensorType | None,
        limits: Limits,
        costs: Costs,
        typed: set[tuple[Rule, int]],
    ) -> None:
        self._program = program
        self._output = output
        self._limits = limits
        self._costs = costs
        self._typed = typed
        self._productions = {rule: rule.drawable for rule in program.grammar.rules.values()}
        self._small: dict[Rule, bool] = {}
        self._entries: dict[tuple[Rule, int | tuple[TensorType, ...]], Step] = {}
        self._kept = 0
        self.outcomes = Outcomes(program.plans, limits, costs)
        self.first = self._step(Call(None, len(inputs), inputs), None, None)

    @property
    def kept(self) -> int:
        """How many steps and outcomes there are."""
        return self._kept + self.outcomes.kept

    def open_entries(self) -> list[Step]:
        """The first steps of calls for which types do not matter."""
        return [entry for entry in self._entries.values() if entry.call.types is None]

    def follow(self, step: Step, answer: Any) -> Step:
        """What comes after a step. Raises NeedsTypes where a call turns out to depend on types.

        A number behind the last alternative means that there was no number left.
        """
        if step.cumulative:
            if answer == len(step.cumulative):
                following = Step(UNFORESEEN, step.call, step, answer, 0)
            else:
                following = self._step(step.call, step, answer)
            step.drawn[answer] = following
            return following
        following = self._step(step.call, step, answer)
        if answer == SINGLE:
            step.single = following
        else:
            step.after[answer] = following
        return following

    def entry(self, rule: Rule, types: int | tuple[TensorType, ...]) -> Step:
        """The first step of applying a rule to tensors of some types, or to so many where types do not matter."""
        if not isinstance(types, int) and (rule, len(types)) not in self._typed:
            types = len(types)
        entry = self._entries.get((rule, types))
        if entry is None:
            call = Call(rule, types, None) if isinstance(types, int) else Call(rule, len(types), types)
            entry = self._entries[rule, types] = self._step(call, None, None)
        return entry

    @property
    def worked_out(self) -> int:
        """How many steps have been worked out."""
        return self._kept

    def _step(self, call: Call, above: Step | None, answer: Any) -> Step:
        """Run a call up to the step that an answer leads to."""
        self._kept += 1
        answers = [*above.answers(), answer] if above is not None else []
        if len(answers) > _LONGEST:
            return Step(UNFORESEEN, call, above, answer, 0)
        root = Choice(self._program.grammar.start if call.rule is None else call.rule, None, 0, 1)
        probe = Probe(
            self._program.plans,
            self._limits,
            None if call.rule is None else root,
            answers,
            typed=call.types is not None,
            inline=self._is_small,
        )
        cause: Mismatch | None = None
        result: Result | None = None
        value: Any = None
        try:
            value = self._run(probe, call, root)
        except Asked as asked:
            step = self._question(asked, call, above, answer, self._costs.pack(*probe.costs()))
        else:
            kind = UNFORESEEN
            if value.__class__ is Mismatch:
                kind, cause = FAILED, value
            elif value is not None:
                kind = DONE if call.rule is None else RETURN
            step = Step(kind, call, above, answer, self._costs.pack(*probe.costs()))
            if value is not None and cause is None:
                if call.types is None:
                    step.refs = tuple([t.index for t in value]) if value.__class__ is tuple else value.index
                else:
                    result = self.outcomes.given(value)
                step.written = Written(root, probe.called, probe.depth, probe.size)
        step.cause, step.result = cause, result
        step.again = tuple(probe.script.again)
        return step

    def _run(self, probe: Probe, call: Call, root: Choice) -> Any:
        """What a call gives: tensors, a Mismatch where it fails, or None where only the whole can tell.

        Raises:
            Asked: it needs an answer.
            NeedsTypes: it depends on types, and is noted to.
        """
        try:
            if call.rule is None:
                assert call.types is not None
                value: Any = network(self._program, probe, root, tuple([probe.trace.input(t) for t in call.types]))
                check_output(value, self._output, root)
            elif call.types is None:
                value = probe.run_arrow(root, probe.inputs(call.arity))
            else:
                value = probe.run_arrow(root, tuple([Tensor(-1 - i, t) for i, t in enumerate(call.types)]))
        except (Unforeseen, OpError):
            return None
        except NeedsTypes:
            assert call.rule is not None
            self._typed.add((call.rule, call.arity))
            raise
        except Infeasible as cause:
            return None if cause.is_limit else Mismatch(cause.code, *cause.texts)
        tensors: tuple[Any, ...] = value if value.__class__ is tuple else (value,)
        if not all([t.__class__ is Tensor for t in tensors]) or probe.trace.shares or not probe.complete(root):
            return None
        return value

    def _question(self, asked: Asked, call: Call, above: Step | None, answer: Any, cost: int) -> Step:
        """The step that asks for an answer."""
        what, tensors = asked.what, asked.tensors
        if tensors is None:
            assert isinstance(what, Rule | Terminal)
            cumulative, count = weights_of(what)
            if cumulative is None:  # too many values to keep what follows each of them
                return Step(UNFORESEEN, call, above, answer, cost)
            step = Step(DRAW, call, above, answer, cost)
            step.cumulative, step.drawn = cumulative, [None] * (count + 1)
            return step
        assert not isinstance(what, Terminal)
        if not isinstance(what, Rule):
            step = Step(EMIT, call, above, answer, cost)
            step.outcomes = self.outcomes.table(what)
        elif call.types is not None:
            step = Step(TYPED_CALL, call, above, answer, cost)
            step.given = tuple([self.outcomes.single(t.type) for t in tensors])
            step.entry = self.entry(what, tuple([t.type for t in tensors]))
        elif (what, len(tensors)) in self._typed:
            step = Step(LOOKUP_CALL, call, above, answer, cost)
            step.entries = Entries(self, what)
        else:
            step = Step(CALL, call, above, answer, cost)
            step.entry = self.entry(what, len(tensors))
        step.refs = tensors[0].index if len(tensors) == 1 else tuple([t.index for t in tensors])
        return step

    def _is_small(self, rule: Rule) -> bool:
        small = self._small.get(rule)
        if small is None:
            found = count_rule(rule, self._productions)
            small = self._small[rule] = found is not None and found <= _INLINE
        return small
