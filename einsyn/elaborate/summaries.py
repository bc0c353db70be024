"""Elaborations drawn by walking over steps that were worked out before.

What applying a nonterminal does depends on what is drawn, on the tensors that come of it, and on nothing else. So it
is worked out once, answer by answer, by running the elaborator on that one call (see `Steps`); after that, a draw
follows the steps, and of every operation it looks up what it does with the types at hand. What comes out is what
elaborating the whole would give; where the steps cannot tell (weights shared, an arrow applied again at other types,
a limit), `walk` says so.
"""

from __future__ import annotations

from bisect import bisect_right
from math import fsum
from operator import add
from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate.generated import Generated
from einsyn.elaborate.probe import NeedsTypes
from einsyn.elaborate.steps import Steps
from einsyn.elaborate.summary import (
    CALL,
    DONE,
    EMIT,
    FAILED,
    LOOKUP_CALL,
    RETURN,
    SINGLE,
    TYPED_CALL,
    UNFORESEEN,
    Costs,
    Step,
)

if TYPE_CHECKING:
    from einsyn.derivation.choosers import Recall
    from einsyn.derivation.tree import Derivation
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.program import Program
    from einsyn.grammar.canonical import Spacing
    from einsyn.grammar.model import Rule
    from einsyn.ir.mismatch import Reason
    from einsyn.ir.types import TensorType

# Steps and outcomes kept; a space meets ever new types.
_MAX_KEPT: Final = 200_000
# Functions are generated after so many draws; new ones when the old ones did not suffice for twice as many draws.
_TRIAL: Final = 250
# After so many draws the steps have to have been of use for half of them.
_FAIR_TRIAL: Final = 32
# More steps worked out than this at the beginning, and then for each draw, mean that draws seldom meet the same again.
_FIRST_STEPS: Final = 250
_STEPS_A_WALK: Final = 4


class Walk:
    """A feasible draw: its costs and its text, and the finished calls that the derivation is made of.

    Args:
        done: the last steps of the calls, in the order in which they were finished.
        params, macs: what it costs.
    """

    __slots__ = ("_done", "_read", "depth", "macs", "output_types", "params", "size")

    def __init__(self, done: list[Step], params: int, macs: int) -> None:
        self._done = done
        self.params = params
        self.macs = macs
        result: Any = done[-1].result
        self.output_types: tuple[TensorType, ...] = result.types
        texts: list[str] = []
        depths: list[int] = []
        logs: list[float] = []
        size = 0
        for step in done:
            written: Any = step.written
            logs += written.logs
            size += written.size
            holes = written.holes
            if not holes:
                texts.append(written.template)
                depths.append(written.depth)
            elif holes == 1:
                texts[-1] = written.template % texts[-1]
                depths[-1] = max(written.depth, depths[-1] + written.depths[0])
            else:
                texts[-holes:] = [written.text(texts[-holes:])]
                depths[-holes:] = [max([written.depth, *map(add, written.depths, depths[-holes:])])]
        self._read = texts[0], fsum(logs)
        self.depth = depths[0]
        self.size = size

    def read(self, spacing: Spacing) -> tuple[str, float]:
        """The canonical text, and the log-probability of the derivation."""
        return self._read

    def derivation(self) -> Derivation:
        """The derivation tree."""
        trees: list[Any] = []
        for step in self._done:
            written: Any = step.written
            first = len(trees) - written.holes
            trees[first:] = [written.tree(trees[first:])]
        return trees[0]


class Summaries:
    """What is known of the draws of a space within given limits; it grows with every draw.

    Args:
        program: the compiled space.
        inputs: the types of the network's inputs.
        output: the declared type of its output, if any.
        limits: what an architecture may cost.

    Attributes:
        worthwhile: whether `walk` is of use.
    """

    def __init__(
        self, program: Program, inputs: tuple[TensorType, ...], output: TensorType | None, limits: Limits
    ) -> None:
        self._costs = Costs(limits)
        typed: set[tuple[Rule, int]] = set()
        self._made_of = (program, inputs, output, limits, self._costs, typed)
        self._steps: Steps | None = None
        self._generated: Generated | None = None
        self._walks = 0
        self._of_no_use = 0
        self._missed = 0
        self._allowed = _TRIAL
        # Texts need no spaces, and nothing is asked of the whole that steps do not count.
        self.worthwhile = program.grammar.spacing.never and not program.requires and limits.max_depth is None

    def walk(self, numbers: Recall) -> Walk | Reason | None:
        """One draw: what it gave, why it is infeasible, or None where the whole has to be elaborated.

        Args:
            numbers: what decides; after None they are where they were.
        """
        self._walks += 1
        start = numbers.at
        found = None
        try:
            found = self._attempt(numbers)
        except NeedsTypes:
            # A call turned out to depend on types, and was noted to; what is known of others may contain it.
            self._steps = self._generated = None
        if found is None:
            numbers.at = start
            self._of_no_use += 1
        self._judge()
        return found

    def _attempt(self, numbers: Recall) -> Walk | Reason | None:
        steps = self._steps
        if steps is None or steps.kept > _MAX_KEPT:
            self._steps = self._generated = None
            steps = self._steps = Steps(*self._made_of)
        if self._generated is not None:
            start = numbers.at
            found = self._quickly(numbers, steps, self._generated)
            if found is not None:
                return found
            numbers.at = start
        self._missed += 1
        return self._follow(numbers, steps)

    def _judge(self) -> None:
        """See whether walking is of use, and whether functions should be generated."""
        worked_out = 0 if self._steps is None else self._steps.worked_out
        dear = worked_out > _FIRST_STEPS + _STEPS_A_WALK * self._walks
        if dear or (self._of_no_use > _FAIR_TRIAL and 2 * self._of_no_use > self._walks):
            self.worthwhile = False
            self._steps = self._generated = None
        elif self._missed > self._allowed and self._steps is not None:
            self._generated = Generated(self._steps.open_entries(), self._steps.outcomes.listed, self._costs)
            self._missed = 0
            self._allowed *= 2

    def _follow(self, source: Recall, steps: Steps) -> Walk | Reason | None:
        """A draw, step by step."""
        numbers, at = source.numbers, source.at
        follow = steps.follow
        done: list[Step] = []
        calls: list[tuple[Step, list[Any], int]] = []
        tensors: list[Any] = []  # of the innermost call
        total = 0
        step = steps.first
        refs: Any
        result: Any
        while True:
            cumulative = step.cumulative
            while cumulative:
                number = bisect_right(cumulative, numbers[at])
                at += 1
                step = step.drawn[number] or follow(step, number)
                cumulative = step.cumulative
            kind = step.kind
            if kind == EMIT:
                refs = step.refs
                outcome = step.outcomes[tensors[refs] if refs.__class__ is int else tuple([tensors[i] for i in refs])]
                result = outcome.result
                if result is None:
                    source.at = at
                    return self._failed(outcome.cause, total, [*[c[0] for c in calls], step])
                total += outcome.cost
                if result.count == SINGLE:
                    tensors.append(result)
                    step = step.single or follow(step, SINGLE)
                else:
                    tensors += result.parts
                    step = step.after.get(result.count) or follow(step, result.count)
            elif kind in (CALL, LOOKUP_CALL):
                calls.append((step, tensors, total))
                refs = step.refs
                tensors = [tensors[refs]] if refs.__class__ is int else [tensors[i] for i in refs]
                if kind == CALL:
                    step = step.entry
                else:
                    step = step.entries[tensors[0] if len(tensors) == 1 else tuple(tensors)]
            elif kind == RETURN:
                done.append(step)
                total += step.cost
                result = step.result
                if result is None:
                    refs = step.refs
                    if refs.__class__ is int:
                        result = tensors[refs]
                    else:
                        result = steps.outcomes.listed([tensors[i] for i in refs])
                call, tensors, before = calls.pop()
                if call.kind == TYPED_CALL:
                    step = call.after.get(result) or follow(call, result)
                elif result.count == SINGLE:
                    tensors.append(result)
                    step = call.single or follow(call, SINGLE)
                else:
                    tensors += result.parts
                    step = call.after.get(result.count) or follow(call, result.count)
                if step.again:
                    last = total - before
                    for now, first in step.again:
                        total += last
                        # Where types are known, they have been compared.
                        if call.kind != TYPED_CALL:
                            if [tensors[i] for i in now] != [tensors[i] for i in first]:
                                return None
                            tensors += result.parts or (result,)
            elif kind == TYPED_CALL:
                calls.append((step, tensors, total))
                tensors = list(step.given)
                step = step.entry
            else:
                break
        source.at = at
        if kind == UNFORESEEN:
            return None
        if kind == FAILED:
            return self._failed(step.cause, total, [*[c[0] for c in calls], step])
        return self._accepted([*done, step], total + step.cost)

    def _quickly(self, source: Recall, steps: Steps, generated: Generated) -> Walk | Reason | None:
        """A draw by generated functions; None where they do not suffice."""
        done = generated.begin(source)
        names = generated.names
        total = 0
        step = steps.first
        try:
            while step.kind == TYPED_CALL:
                function = generated.functions.get(step.entry)
                if function is None:
                    return None
                before = total
                result = function(*step.given)
                total = names["total"]
                if result is None:
                    if not source.settle() or self._costs.exceeded(total + step.cost + generated.slack):
                        return None
                    return names["failed"].cause
                step = step.after.get(result) or steps.follow(step, result)
                if step.again:
                    names["total"] = total = total + (total - before) * len(step.again)
        except (RecursionError, StopIteration):
            # Deeper than Python's stack, or no number left: the steps have neither trouble.
            return None
        if not source.settle():
            return None
        if step.kind == FAILED:
            return None if self._costs.exceeded(total + step.cost) else step.cause
        return self._accepted([*done, step], total + step.cost) if step.kind == DONE else None

    def _accepted(self, done: list[Step], total: int) -> Walk | None:
        """The draw whose last call is done, unless it exceeds a limit."""
        return None if self._costs.exceeded(total) else Walk(done, *self._costs.shown(total))

    def _failed(self, cause: Reason | None, total: int, steps: list[Step]) -> Reason | None:
        """The cause of a failure, unless a limit was exceeded before it."""
        for step in steps:
            total += step.cost
        return None if self._costs.exceeded(total) else cause
