"""What an elaboration has emitted so far: operations, costs, weight sets, and the limits on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate.infeasible import Infeasible, placed
from einsyn.elaborate.tape import Event, Mark, Record, Replay, Tape, written_out
from einsyn.elaborate.values import Tensor
from einsyn.errors import OpError
from einsyn.ir.mismatch import Mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.derivation.choice import Choice
    from einsyn.diagnostics import Span
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.values import Bound, Shared
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op, Signature

_HISTORY: Final = 4
_NO_LIMIT: Final = 1 << 62


def _bound(limit: int | None) -> int:
    return _NO_LIMIT if limit is None else limit


class Trace:
    """Operations in order of emission, and running totals."""

    __slots__ = (
        "activations",
        "macs",
        "max_macs",
        "max_memory",
        "max_ops",
        "max_params",
        "ops",
        "owners",
        "params",
        "records",
        "regions",
        "shares",
        "sharing",
        "state",
        "values",
    )

    def __init__(self, limits: Limits) -> None:
        self.max_ops = _bound(limits.max_ops)
        self.max_params = _bound(limits.max_params)
        self.max_macs = _bound(limits.max_macs)
        self.max_memory = _bound(limits.max_memory)
        # What happened, in order; `written_out` has the operations alone.
        self.records: list[Event] = []
        self.ops = 0
        self.values = 0
        self.params = 0
        self.macs = 0
        self.state = 0
        self.activations = 0
        self.owners: list[Signature] = []
        # The `shared` arrows being applied, innermost last, each with how many weight sets it has met.
        self.sharing: list[list[Any]] = []
        self.shares = 0  # how often one was applied, or a region entered
        # What was emitted around the steps of loops being run, innermost last.
        self.regions: list[tuple[Any, ...]] = []

    def input(self, type_: TensorType) -> Tensor:
        """A new input of the network."""
        tensor = Tensor(self.values, type_)
        self.values += 1
        self.activations += type_.bytes
        return tensor

    def emit(
        self, op: Op, inputs: tuple[Tensor, ...], origin: Choice | None, span: Span | None
    ) -> Tensor | tuple[Tensor, ...]:
        """Apply an operation; several outputs come as a tuple. Raises Infeasible."""
        types = (inputs[0].type,) if len(inputs) == 1 else tuple([t.type for t in inputs])
        try:
            signature = op.known(types)
        except OpError as error:
            raise placed(error, origin, span) from error.__cause__
        if signature.__class__ is Mismatch:
            raise Infeasible.of(signature, origin, span, inputs)
        owner = None
        if signature.state_bytes:
            owner = self._own(signature, op, origin, span)
        if signature.macs:
            self.macs += signature.macs
            if self.macs > self.max_macs:
                raise self._too_many_macs(origin, span)
        self.activations += signature.output_bytes
        if self.activations + self.state > self.max_memory:
            here = signature.output_bytes + sum([t.type.bytes for t in inputs])
            if self.state + here > self.max_memory:
                raise Infeasible("L004", f"more than max_memory={self.max_memory} bytes", None, origin, span, inputs)
        values = self.values
        types = signature.outputs
        if len(types) == 1:
            outputs = (Tensor(values, types[0]),)
            self.values = values + 1
        else:
            outputs = tuple([Tensor(values + i, t) for i, t in enumerate(types)])
            self.values = values + len(types)
        self.records.append((op, signature, inputs, outputs, owner, origin, span))
        self.ops += 1
        if self.ops > self.max_ops:
            raise self._too_many_ops(origin, span)
        return outputs[0] if len(outputs) == 1 else outputs

    def enter_region(self) -> None:
        """What is emitted from here on belongs to the step of a loop: it has records and weight sets of its own.

        Operations go on being counted; the other costs are those of the operation that will own the region.
        """
        self.regions.append(
            (self.records, self.owners, self.sharing, self.params, self.macs, self.state, self.activations)
        )
        self.records, self.owners, self.sharing = [], [], []
        self.params = self.macs = self.state = self.activations = 0
        self.shares += 1

    def leave_region(self) -> list[Event]:
        """Go on where the region was entered; returns what was emitted in it."""
        inside = self.records
        (self.records, self.owners, self.sharing, self.params, self.macs, self.state, self.activations) = (
            self.regions.pop()
        )
        return inside

    def tape(self, inputs: tuple[Tensor, ...], start: Mark, result: Any) -> Tape | None:
        """What has been emitted since a mark, to be played again.

        None where the inputs cannot be told apart, and where a shared arrow was applied: its weights are not fresh.
        """
        if self.shares != start.shares or len({t.index for t in inputs}) < len(inputs):
            return None
        results = (result,) if isinstance(result, Tensor) else result
        if results.__class__ is not tuple or not all(t.__class__ is Tensor for t in results):
            return None
        return Tape(inputs, self.records[start.records :], self.owners[start.owners :], start, Mark(self), result)

    def replay(self, tape: Tape, args: tuple[Tensor, ...], origin: Choice | None, *, recorded_here: bool = True) -> Any:
        """Emit what a tape holds once more, with fresh weights. Raises Infeasible."""
        start, end = tape.start, tape.end
        replay = Replay(tape, args, self.values, len(self.owners), None if recorded_here else origin)
        self.records.append(replay)
        self.values += end.values - start.values
        self.owners.extend(tape.owners)
        self.state += end.state - start.state
        self.activations += end.activations - start.activations
        self.ops += end.ops - start.ops
        self.params += end.params - start.params
        self.macs += end.macs - start.macs
        if self.ops > self.max_ops:
            raise self._too_many_ops(origin, None)
        if self.params > self.max_params:
            raise self._too_many_params(origin, None)
        if self.macs > self.max_macs:
            raise self._too_many_macs(origin, None)
        return replay.result()

    def played(self, arrow: Bound, args: tuple[Tensor, ...], origin: Choice | None) -> Any:
        """What an arrow in which nothing is chosen gives, where a tape of it is kept with its code; else None."""
        tape = arrow.code.tapes.get((arrow.key, *[t.type for t in args]))
        return None if tape is None else self.replay(tape, args, origin, recorded_here=False)

    def written_out(self) -> Iterator[Record]:
        """Every operation in order of emission."""
        for event in written_out(self.records):
            if isinstance(event, tuple):
                yield event

    def events(self) -> Iterator[Record | str | None]:
        """Every operation in order of emission, and where definitions begin and end around them."""
        return written_out(self.records)

    def _too_many_ops(self, origin: Choice | None, span: Span | None) -> Infeasible:
        hint = f"raise it with `//@ max_ops {2 * self.max_ops}` in the space"
        return Infeasible("L001", f"more than max_ops={self.max_ops} operations", hint, origin, span)

    def _too_many_params(self, origin: Choice | None, span: Span | None) -> Infeasible:
        return Infeasible("L002", f"more than max_params={self.max_params} parameters", None, origin, span)

    def _too_many_macs(self, origin: Choice | None, span: Span | None) -> Infeasible:
        return Infeasible("L003", f"more than max_macs={self.max_macs} multiply-accumulates", None, origin, span)

    def _own(self, signature: Signature, op: Op, origin: Choice | None, span: Span | None) -> int:
        """The weight set that an operation uses: a new one, or inside `shared` the one of the first time."""
        found: int | None = None
        missing: list[list[Any]] = []
        # The innermost arrow that has been here before decides; all of them count one more site.
        for context in reversed(self.sharing):
            shared: Shared = context[0]
            met: int = context[1]
            if met == len(shared.sites):
                missing.append(context)
            elif found is None:
                found = shared.sites[met]
            context[1] = met + 1
        if found is None:
            found = len(self.owners)
            self.owners.append(signature)
            self.state += signature.state_bytes
            self.params += signature.param_count
            if self.params > self.max_params:
                raise self._too_many_params(origin, span)
        else:
            first = self.owners[found]
            if first.params != signature.params or first.buffers != signature.buffers:
                raise Infeasible(
                    "T050",
                    f"a shared arrow applies `{op}` where its weights have other shapes",
                    "share only between tensors of equal width",
                    origin,
                    span,
                )
        for context in missing:
            context[0].sites.append(found)
        return found

    def history(self, tensor: Tensor) -> str:
        """How a tensor came about, for messages: `%4: f32[B, s:196, d:64]  im2col(...) > linear(...)`."""
        producers = {t.index: record for record in self.written_out() for t in record[3]}
        steps: list[str] = []
        place = ""
        current = tensor
        while len(steps) < _HISTORY and (record := producers.get(current.index)) is not None:
            if not steps and record[5] is not None:
                place = f"  {record[5]}"
            steps.append(str(record[0]))
            if len(record[2]) != 1:
                break
            current = record[2][0]
        made = f"  {' > '.join(reversed(steps))}" if steps else "  an input"
        return f"%{tensor.index}: {tensor.type}{place}{made}"
