"""The step of a loop, elaborated once as a graph that the loop owns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate.build import build_graph
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.tape import written_out
from einsyn.elaborate.values import Tensor, kind_name
from einsyn.ir.mismatch import Mismatch
from einsyn.ops.scan import Scan, step_inputs

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.elaborate.trace import Trace
    from einsyn.elaborate.values import Loop, Shared

# Python refuses 20 blocks inside one another, and each level of a loop multiplies what the inner ones cost.
MAX_LOOPS: Final = 8


def enter_loop(trace: Trace, loop: Loop, args: tuple[Tensor, ...], origin: Choice | None) -> tuple[Tensor, ...]:
    """Begin the step of a loop over these tensors; returns what the step is applied to. Raises Infeasible."""
    if len(trace.regions) == MAX_LOOPS:
        raise Infeasible("L009", f"loops are nested more than {MAX_LOOPS} deep", None, origin)
    try:
        op = Scan.configure(loop.axis, loop.states)
        assert isinstance(op, Scan)
        types = step_inputs(op, tuple([t.type for t in args]))
    except Mismatch as m:
        raise Infeasible(m.code, m.message, m.hint, origin, None, args) from None
    trace.enter_region()
    return tuple([trace.input(t) for t in types])


def leave_loop(
    trace: Trace,
    loop: Loop,
    args: tuple[Tensor, ...],
    inputs: tuple[Tensor, ...],
    result: Any,
    origin: Choice | None,
) -> Tensor | tuple[Tensor, ...]:
    """Emit the loop whose step was applied to `inputs` and gave `result`. Raises Infeasible."""
    outputs: tuple[Any, ...] = result if result.__class__ is tuple else (result,)
    for output in outputs:
        if output.__class__ is not Tensor:
            raise Infeasible("V006", f"the step of `scan` gives {kind_name(output)} instead of tensors", None, origin)
    records = list(written_out(trace.leave_region()))
    made = {t.index for t in inputs}
    for record in records:
        if not isinstance(record, tuple):
            continue  # a definition begins or ends
        _refuse_outside(made, record[2], origin)
        made.update([t.index for t in record[3]])
    _refuse_outside(made, outputs, origin)
    names = tuple([f"state{i + 1}" if i < loop.states else f"slice{i - loop.states + 1}" for i in range(len(inputs))])
    region = build_graph("step", names, inputs, records, outputs)
    return trace.emit(Scan.configure(loop.axis, loop.states).with_regions(region), args, origin, None)


def _refuse_outside(made: set[int], used: tuple[Tensor, ...], origin: Choice | None) -> None:
    for t in used:
        if t.index not in made:
            hint = "give it to the loop as a state that stays as it is"
            raise Infeasible("T053", "the step of a loop uses a tensor from outside", hint, origin, None, (t,))


def check_sharing(trace: Trace, shared: Shared, origin: Choice | None) -> None:
    """Note where a shared arrow is applied first. Raises Infeasible where that is another step of a loop than now."""
    here = trace.records if trace.regions else trace
    if shared.region is None:
        shared.region = here
    elif shared.region is not here:
        hint = "bind the shared arrow inside the step"
        raise Infeasible("T054", "weights are shared between the step of a loop and what is outside", hint, origin)
