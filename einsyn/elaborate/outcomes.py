"""What operations do with tensors of given types, worked out once, with one object for equal results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsyn.elaborate.choices import NoChooser
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.machine import Machine
from einsyn.elaborate.summary import Outcome, Result
from einsyn.elaborate.trace import Trace
from einsyn.elaborate.values import Bound, Operator, Tensor
from einsyn.errors import OpError
from einsyn.ir.mismatch import Mismatch
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.plan import Plan
    from einsyn.elaborate.summary import Costs
    from einsyn.ir.types import TensorType

# An operation, a definition in which nothing is chosen, or an operator of the language.
Arrow = Op | Bound | Operator


class Table(dict[Any, Outcome]):
    """What one arrow does, by the tensors that it is applied to: one `Result`, or a tuple of several.

    Args:
        outcomes: works out what is not known.
        arrow: the arrow.
    """

    __slots__ = ("arrow", "outcomes")

    def __init__(self, outcomes: Outcomes, arrow: Arrow) -> None:
        super().__init__()
        self.outcomes = outcomes
        self.arrow = arrow

    def __missing__(self, inputs: Result | tuple[Result, ...]) -> Outcome:
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        outcome = self.outcomes.work_out(self.arrow, tuple([result.types[0] for result in given]))
        self[inputs] = outcome
        return outcome


class Outcomes:
    """The results and the tables of one space for given limits.

    Args:
        plans: how each production denotes.
        limits: what an architecture may cost.
        costs: how costs are counted.

    Attributes:
        kept: how many outcomes there are.
    """

    def __init__(self, plans: list[Plan], limits: Limits, costs: Costs) -> None:
        self._plans = plans
        self._limits = limits
        self._costs = costs
        self._tables: dict[Arrow, Table] = {}
        self._singles: dict[TensorType, Result] = {}
        self._lists: dict[tuple[Result, ...], Result] = {}
        self.kept = 0

    def table(self, arrow: Arrow) -> Table:
        """What an arrow does."""
        table = self._tables.get(arrow)
        if table is None:
            table = self._tables[arrow] = Table(self, arrow)
        return table

    def single(self, type_: TensorType) -> Result:
        """The one object for a tensor of this type."""
        result = self._singles.get(type_)
        if result is None:
            result = self._singles[type_] = Result((type_,))
        return result

    def listed(self, parts: list[Result]) -> Result:
        """The one object for a list of tensors."""
        key = tuple(parts)
        result = self._lists.get(key)
        if result is None:
            result = self._lists[key] = Result(tuple([p.types[0] for p in parts]), key)
        return result

    def given(self, value: Any) -> Result | None:
        """The one object for what an arrow gave; None where that is no tensor and no list of tensors."""
        if value.__class__ is Tensor:
            return self.single(value.type)
        if value.__class__ is tuple and all([t.__class__ is Tensor for t in value]):
            return self.listed([self.single(t.type) for t in value])
        return None

    def work_out(self, arrow: Arrow, types: tuple[TensorType, ...]) -> Outcome:
        """What an arrow does with tensors of these types."""
        self.kept += 1
        if not isinstance(arrow, Op):
            return self._run(arrow, types)
        try:
            found = arrow.work_out(types)
        except OpError:
            return Outcome(None, 0, None)  # elaborating the whole says where the operation stands
        if isinstance(found, Mismatch):
            return Outcome(None, 0, found)
        outputs = found.outputs
        if len(outputs) == 1:
            result = self.single(outputs[0])
        else:
            result = self.listed([self.single(t) for t in outputs])
        memory = found.state_bytes + found.output_bytes
        return Outcome(result, self._costs.pack(found.param_count, found.macs, memory, 1, 0, 0), None)

    def _run(self, arrow: Bound | Operator, types: tuple[TensorType, ...]) -> Outcome:
        trace = Trace(self._limits)
        machine = Machine(self._plans, NoChooser(), self._limits, trace)
        fuel = machine.fuel
        tensors = tuple([Tensor(-1 - i, t) for i, t in enumerate(types)])
        try:
            if isinstance(arrow, Operator):
                left, right = arrow.sides(tensors)
                value: Any = machine.combine(arrow.symbol, left, right, None, None)
            else:
                value = machine.run_arrow(arrow, tensors)
        except OpError:
            return Outcome(None, 0, None)
        except Infeasible as cause:
            return Outcome(None, 0, None if cause.is_limit else Mismatch(cause.code, *cause.texts))
        memory = trace.activations + trace.state
        steps = fuel - machine.fuel
        return Outcome(self.given(value), self._costs.pack(trace.params, trace.macs, memory, trace.ops, steps, 0), None)
