"""What one application of an arrow emitted, kept so that applying it again to equal types is one step.

A choice is made once, so its arrow does the same whenever it meets the same types: only the weights are fresh.
The branches of an 8-way branching and the cells of a repeated stage cost nothing to elaborate but the first two.
A definition applied to plain values makes no choice at all: what it emits is kept with its code, for every
architecture of the space.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Union

from einsyn.elaborate.values import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.derivation.choice import Choice
    from einsyn.diagnostics import Span
    from einsyn.ops.op import Op, Signature

# operation, signature, inputs, outputs, weight owner, derivation node, place
Record = tuple["Op", "Signature", tuple[Tensor, ...], tuple[Tensor, ...], "int | None", "Choice | None", "Span | None"]
# What is written down: operations, arrows applied again, the name of a definition that begins, None where it ends.
Event = Union[Record, "Replay", str, None]


class Mark:
    """Where a trace stood: how much it had emitted of everything."""

    __slots__ = ("activations", "macs", "ops", "owners", "params", "records", "shares", "state", "values")

    def __init__(self, trace: Any) -> None:
        self.records = len(trace.records)
        self.owners = len(trace.owners)
        self.values: int = trace.values
        self.ops: int = trace.ops
        self.params: int = trace.params
        self.macs: int = trace.macs
        self.state: int = trace.state
        self.activations: int = trace.activations
        self.shares: int = trace.shares


class Tape:
    """The records between two marks, with what they were applied to and what came of it."""

    __slots__ = ("end", "inputs", "owners", "records", "result", "start", "terms")

    def __init__(
        self,
        inputs: tuple[Tensor, ...],
        records: list[Event],
        owners: list[Signature],
        start: Mark,
        end: Mark,
        result: Any,
    ) -> None:
        self.inputs = inputs
        self.records = records
        self.owners = owners
        self.start = start
        self.end = end
        self.result = result
        # What `einsyn.terms` has worked out of the records.
        self.terms: Any = None

    def fits(self, args: tuple[Tensor, ...]) -> bool:
        """Whether it was recorded for tensors of these types."""
        inputs = self.inputs
        if len(args) == 1 == len(inputs):
            return args[0].type == inputs[0].type
        return [t.type for t in args] == [t.type for t in inputs]


class Replay:
    """A tape played again: other inputs, other value numbers, other weight sets.

    `origin` is the derivation node that it is played for, where that is not the one it was recorded for.
    """

    __slots__ = ("args", "origin", "owners", "tape", "values")

    def __init__(
        self, tape: Tape, args: tuple[Tensor, ...], values: int, owners: int, origin: Choice | None = None
    ) -> None:
        self.origin = origin
        self.tape = tape
        self.args = args
        self.values = values
        self.owners = owners

    def tensor(self, t: Tensor) -> Tensor:
        """What stands here for a tensor of the tape."""
        first = self.tape.start.values
        if t.index >= first:
            return Tensor(t.index - first + self.values, t.type)
        for given, arg in zip(self.tape.inputs, self.args, strict=True):
            if given.index == t.index:
                return arg
        raise AssertionError("an arrow uses tensors that it was not applied to")

    def tensors(self, ts: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """The same for several."""
        return tuple([self.tensor(t) for t in ts])

    def result(self) -> Any:
        """What the application gives: a tensor, or a list of them."""
        result = self.tape.result
        return self.tensor(result) if isinstance(result, Tensor) else self.tensors(result)

    def written_out(self) -> list[Event]:
        """The records of the tape with the tensors and weight sets of this application."""
        first = self.tape.start.owners
        values = self.values - self.tape.start.values
        found: list[Event] = []
        for record in self.tape.records:
            if isinstance(record, tuple):
                op, signature, inputs, outputs, owner, origin, span = record
                if self.origin is not None:
                    origin = self.origin
                if owner is not None:
                    owner = owner - first + self.owners
                found.append((op, signature, self.tensors(inputs), self.tensors(outputs), owner, origin, span))
            elif isinstance(record, Replay):
                args = self.tensors(record.args)
                owners = record.owners - first + self.owners
                found.append(Replay(record.tape, args, record.values + values, owners, self.origin or record.origin))
            else:
                found.append(record)
        return found


def written_out(events: list[Event]) -> Iterator[Record | str | None]:
    """All events in order, replays written out."""
    pending: list[Event] = events[::-1]
    while pending:
        event = pending.pop()
        if isinstance(event, Replay):
            pending.extend(reversed(event.written_out()))
        else:
            yield event
