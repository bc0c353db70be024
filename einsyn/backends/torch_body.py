"""What one class of torch source does: its layers, and its statements in order.

Names are given by a linear scan: a statement may overwrite a tensor that it uses last, and what dies
without being overwritten is deleted, so memory is freed as the cost model predicts.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

from einsyn.backends.own_ops import check_written
from einsyn.backends.torch_blocks import Block
from einsyn.backends.torch_initial import DTYPES, initialised
from einsyn.backends.torch_members import Body, Member, Nested, Slot, Statement
from einsyn.backends.torch_names import LocalNames
from einsyn.backends.torch_overwriting import overwritable
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError
from einsyn.ir.own_op import is_own, lowered

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Mapping, Sequence

    from einsyn.backends.torch_classes import Instance
    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.types import TensorType


def body_of(
    graph: Graph, block: Block, instances: Mapping[Block, Instance], arguments: Sequence[str] | None, taken: set[str]
) -> Body:
    """Write a block.

    Args:
        graph: what it is part of.
        block: the block; without `arguments` its inputs are local variables.
        instances: the blocks inside it that are classes.
        arguments: names of the graph's inputs, where the block is all of it.
        taken: names that local variables cannot have.

    Raises:
        BackendError: B003 an operation cannot be written, B004 operations that share weights need different layers.
    """
    parts = list(block.parts())
    outputs = graph.outputs if arguments is not None else block.outputs
    names = LocalNames({*taken, *(arguments or ())})
    if arguments is None:
        taking, given = block.inputs, [names.take() for _ in block.inputs]
    else:
        taking, given = tuple([value for _, value in graph.inputs]), list(arguments)
    writer = _Writer(graph, parts, outputs, Body(given), names)
    for name, value in zip(given, taking, strict=True):
        writer.names[value] = name
        if arguments is None:
            writer.hold(name, value)
    writer.write_all(parts, instances)
    body = writer.body
    body.results += [writer.names[value] for value in outputs]
    body.inputs = tuple([graph.types[value] for value in taking])
    body.outputs = tuple([graph.types[value] for value in outputs])
    return body


class _Weights:
    """What the module owns for the weight sets of one graph: attributes, layers, keys of the `state_dict`.

    A region has weight sets of its own, kept here under that of the operation that owns it: where an operation is
    applied again with the same weight set, its region finds them again.
    """

    def __init__(self, keys: dict[Slot, str] | None = None) -> None:
        self.keys: dict[Slot, str] = {} if keys is None else keys
        self.layers: dict[int, tuple[str, str]] = {}
        self.bases: dict[int, str] = {}
        self.regions: dict[int, _Weights] = {}

    def of_region(self, owner: int | None) -> _Weights:
        """Those of the region of an operation."""
        return _Weights() if owner is None else self.regions.setdefault(owner, _Weights())


class _Writer:
    """Writes the parts of a block in order, those of a region into the lines of what is `above` it."""

    def __init__(
        self,
        graph: Graph,
        parts: Sequence[Operation | Block],
        outputs: Iterable[int],
        body: Body,
        names: LocalNames,
        above: _Writer | None = None,
        owner: int | None = None,
    ) -> None:
        self.graph = graph
        self.body = body
        self.locals = names
        self.names: dict[int, str] = {}
        self.weights: _Weights = above.weights.of_region(owner) if above else _Weights(body.keys)
        self.counts: dict[str, int] = above.counts if above else {}
        self.taken: set[str] = above.taken if above else set()
        self.indent: int = above.indent if above else 0
        uses: dict[int, int] = {}
        for part in parts:
            for value in part.inputs:
                uses[value] = uses.get(value, 0) + 1
        for value in outputs:
            uses[value] = uses.get(value, 0) + 1
        self._uses = uses
        self._overwritable = overwritable([part for part in parts if not isinstance(part, Block)], graph.types, uses)
        # How often a local variable is still to be read, over all values that it holds.
        self._pending: dict[str, int] = {}

    @property
    def keys(self) -> dict[Slot, str]:
        """Where each parameter is in the `state_dict`."""
        return self.weights.keys

    def hold(self, name: str, value: int) -> None:
        """Say that a local variable holds a value."""
        self._pending[name] = self._pending.get(name, 0) + self._uses.get(value, 0)

    def line(self, text: str, types: tuple[TensorType, ...] = (), unused: bool = False) -> None:
        """Write a statement."""
        self.body.statements.append(Statement(self.indent, text, types, unused))

    def delete(self, names: Sequence[str]) -> None:
        """Write that local variables are not needed any more."""
        self.body.statements.append(Statement(self.indent, f"del {', '.join(names)}", deleted=tuple(names)))

    def region(self, owner: int | None, graph: Graph, inputs: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """Write a region's operations; returns the names of its outputs, and all local names that it still holds."""
        inner = _Writer(graph, graph.operations, graph.outputs, self.body, self.locals, self, owner)
        for name, (_, value) in zip(inputs, graph.inputs, strict=True):
            inner.names[value] = name
        inner.write_all(graph.operations, {})
        if owner is not None:
            for (of, name), key in inner.keys.items():
                self.keys[owner, f"{of}.{name}"] = key
        return tuple(inner.names[value] for value in graph.outputs), list(inner._pending)

    def write_all(self, parts: Sequence[Operation | Block], instances: Mapping[Block, Instance]) -> None:
        """Write parts in order; equal blocks that are applied one after the other are one loop."""
        at = 0
        while at < len(parts):
            part = parts[at]
            at += 1
            if not isinstance(part, Block):
                self.write(part)
                continue
            row = [part]
            while at < len(parts) and self._goes_on(row[-1], parts[at], instances):
                row.append(parts[at])  # pyright: ignore[reportArgumentType]  # a block, as `_goes_on` says
                at += 1
            self.nest([instances[block] for block in row], row[0].inputs, row[-1].outputs)

    def _goes_on(self, block: Block, after: Operation | Block, instances: Mapping[Block, Instance]) -> bool:
        """Whether what comes after a block is an equal one that takes, alone, its one result."""
        if not isinstance(after, Block) or len(block.outputs) != 1 or block.outputs != after.inputs:
            return False
        same = instances[block].same_as(instances[after])
        return same and len(after.outputs) == 1 and self._uses[block.outputs[0]] == 1

    def nest(self, instances: Sequence[Instance], inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Own blocks and apply them one after the other."""
        name = self.attribute(instances[0].written.attribute)
        self.body.members.append(Nested(name, tuple(instances)))
        expression = f"self.{name}({', '.join([self.names[value] for value in inputs])})"
        dying = self._used_up(inputs, {})
        types = tuple([self.graph.types[value] for value in outputs])
        self._forget(self._assign(outputs, types, expression, dying))

    def write(self, operation: Operation) -> None:
        context = _Context(self, operation)
        members, statements = len(self.body.members), len(self.body.statements)
        written = lowered(operation, "torch", context)
        if is_own(type(operation.op)):
            body = self.body
            check_written(operation, context.inputs, body.members[members:], body.statements[statements:], written)
        self._check_owned(operation)
        pending = self._pending
        if isinstance(written, tuple):
            for value, name in zip(operation.outputs, written, strict=True):
                self.names[value] = name
                if name in pending or name in context.temporaries:
                    self.hold(name, value)
        dying = [name for name in context.temporaries if pending.get(name, 0) == 0]
        dying += self._used_up(operation.inputs, dict.fromkeys(context.inputs))
        if isinstance(written, str):
            dying = self._assign(operation.outputs, operation.signature.outputs, written, dying)
        self._forget(dying)
        for name in context.variables:
            self.locals.give_back(name)

    def _used_up(self, inputs: Sequence[int], names: Mapping[str, None]) -> list[str]:
        """Count one use of each input; returns those names that die with it."""
        pending = self._pending
        names = names or dict.fromkeys([self.names[value] for value in inputs])
        for value in inputs:
            name = self.names[value]
            if name in pending:
                pending[name] -= 1
        return [name for name in names if pending.get(name) == 0]

    def _forget(self, dying: list[str]) -> None:
        if dying:
            self.delete(dying)
        for name in dying:
            self._pending.pop(name, None)
            self.locals.give_back(name)

    def _assign(
        self, outputs: Sequence[int], types: tuple[TensorType, ...], expression: str, dying: list[str]
    ) -> list[str]:
        """Write a statement; returns the names that die and are not overwritten by it."""
        uses = [self._uses.get(value, 0) for value in outputs]
        if not any(uses):
            # Computed for its effect alone (running statistics), so that unused layers stay what they are.
            self.line(expression, (), True)
            return dying
        targets: list[str] = []
        for value, count in zip(outputs, uses, strict=True):
            name = dying.pop(0) if dying else self.locals.take()
            targets.append(name)
            self.names[value] = name
            self._pending[name] = count
        self.line(f"{', '.join(targets)} = {expression}", types)
        return dying + [name for name, count in zip(targets, uses, strict=True) if not count]

    def temporary(self, expression: str) -> str:
        name = self.locals.take()
        self.line(f"{name} = {expression}")
        return name

    def attribute(self, stem: str) -> str:
        """A new name for what the module owns: what it is and a number."""
        number = self.counts.get(stem, 0) + 1
        self.counts[stem] = number
        name = f"{stem}_{number}" if stem[-1:].isdigit() else f"{stem}{number}"
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def base(self, operation: Operation) -> str:
        """The attribute of a weight set: the name of its operation and a number."""
        owner = operation.owner
        if owner is None:
            raise _unsupported(operation, "has weights but no weight set")
        bases = self.weights.bases
        if owner not in bases:
            bases[owner] = self.attribute(_stem(operation.op.name))
        return bases[owner]

    def layer(self, operation: Operation, constructor: str) -> str:
        name = self.base(operation)
        owner = operation.owner
        assert owner is not None  # `base` has just said so
        known = self.weights.layers.get(owner)
        if known is None:
            self.weights.layers[owner] = (name, constructor)
            self.body.members.append(Member(name, "layer", constructor))
            for key in (*operation.signature.params, *operation.signature.buffers):
                self.keys.setdefault((owner, key), f"{name}.{key}")
        elif known[1] != constructor:
            raise BackendError(
                Diagnostic(
                    "B004",
                    f"weights are shared by `{known[1]}` and `{constructor}`",
                    span=operation.span,
                    path=str(operation.path),
                    hint="share an arrow only where its inputs have one kind",
                )
            )
        return f"self.{name}"

    def parameter(self, operation: Operation, name: str) -> str:
        base = self.base(operation)
        signature = operation.signature
        alone = len(signature.params) + len(signature.buffers) == 1
        attribute = base if alone else f"{base}_{name}"
        owner = operation.owner
        assert owner is not None  # `base` has just said so
        if (owner, name) not in self.keys:
            self.keys[owner, name] = attribute
            learned = name in signature.params
            declared = signature.params[name] if learned else signature.buffers[name]
            value = initialised(declared, _dtype(operation))
            self.body.members.append(Member(attribute, "parameter" if learned else "buffer", value))
        return f"self.{self.keys[owner, name]}"

    def _check_owned(self, operation: Operation) -> None:
        signature = operation.signature
        for name in (*signature.params, *signature.buffers):
            if operation.owner is None or (operation.owner, name) not in self.keys:
                raise _unsupported(operation, f"declares `{name}`, which its torch form does not own")


class _Context:
    """What an operation sees while it is written."""

    def __init__(self, writer: _Writer, operation: Operation) -> None:
        self._writer = writer
        self._operation = operation
        self.inputs = tuple([writer.names[value] for value in operation.inputs])
        self.types = tuple([writer.graph.types[value] for value in operation.inputs])
        self.outputs = operation.signature.outputs
        self.temporaries: list[str] = []
        self.variables: list[str] = []
        # The names that are deleted where a block ends; outermost those that die with the operation.
        self._scopes: list[list[str]] = [self.temporaries]

    def layer(self, constructor: str) -> str:
        dtype = _dtype(self._operation)
        cast = "" if dtype == "f32" else f".to(torch.{DTYPES[dtype]})"
        return self._writer.layer(self._operation, constructor + cast)

    def parameter(self, name: str) -> str:
        return self._writer.parameter(self._operation, name)

    def assign(self, expression: str) -> str:
        name = self._writer.temporary(expression)
        self._scopes[-1].append(name)
        return name

    def fresh(self) -> str:
        name = self._writer.locals.take()
        self.variables.append(name)
        return name

    def statement(self, text: str) -> None:
        self._writer.line(text)

    @contextmanager
    def block(self, header: str) -> Generator[None]:
        writer = self._writer
        writer.line(header)
        writer.indent += 1
        # What is assigned below a `with` is there afterwards; a loop may have had no turn.
        self._scopes.append(self._scopes[-1] if header.startswith("with ") else [])
        yield
        scope = self._scopes.pop()
        if scope and scope is not self._scopes[-1]:
            writer.delete(scope)
            for name in scope:
                writer.locals.give_back(name)
        writer.indent -= 1

    def may_overwrite(self, number: int) -> bool:
        return self._operation.inputs[number] in self._writer._overwritable

    def region(self, graph: Graph, inputs: Sequence[str]) -> tuple[str, ...]:
        outputs, held = self._writer.region(self._operation.owner, graph, inputs)
        self._scopes[-1].extend(held)
        return outputs


@cache
def _stem(name: str) -> str:
    """The name of an operation as part of one of Python's."""
    return re.sub(r"\W", "_", name)


def _dtype(operation: Operation) -> str:
    return operation.signature.outputs[0].dtype


def _unsupported(operation: Operation, what: str) -> BackendError:
    return BackendError(
        Diagnostic("B003", f"`{operation.op.name}` {what}", span=operation.span, path=str(operation.path))
    )
