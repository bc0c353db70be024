"""A graph as standalone torch source: one `nn.Module`, flat statements, no import but torch.

Names are given by a linear scan: a statement may overwrite a tensor that it uses last, and what dies
without being overwritten is deleted, so memory is freed as the cost model predicts.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from einsyn.backends.torch_functions import functions_of
from einsyn.backends.torch_initial import DTYPES, initialised
from einsyn.backends.torch_names import CLASS_NAME, TAKEN, LocalNames, argument_names
from einsyn.backends.torch_overwriting import overwritable
from einsyn.diagnostics import Diagnostic, printable
from einsyn.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.types import TensorType

# What `keys` is indexed with: the weight set and the name of a parameter or buffer in it.
Slot = tuple[int, str]

_COMMENT_WIDTH: Final = 110


@dataclass(frozen=True, slots=True)
class TorchSource:
    """Source of a module, and where its weights are.

    Args:
        text: a Python file that defines the class `Net`.
        keys: for the parameters and buffers of each weight set their keys in the `state_dict`.
    """

    text: str
    keys: Mapping[Slot, str]


def write_source(graph: Graph, *, title: str = "", architecture: str = "", space: str = "") -> TorchSource:
    """Write a graph as torch source.

    Args:
        graph: what to write.
        title: for the comment at the top, where any text is safe.
        architecture: likewise.
        space: likewise.

    Raises:
        BackendError: B003 an operation cannot be written, B004 operations that share weights need different layers.
    """
    writer = _Writer(graph)
    for operation in graph.operations:
        writer.write(operation)
    results = [writer.names[value] for value in graph.outputs]
    lines = _header(graph, title, architecture, space)
    lines += ["import torch", "from torch import nn", "", ""]
    for definition in writer.functions.values():
        lines += [definition.strip("\n"), "", ""]
    lines.append(f"class {CLASS_NAME}(nn.Module):")
    constructors = writer.attributes.constructors
    if constructors:
        lines += ["    def __init__(self) -> None:", "        super().__init__()", *constructors, ""]
    arguments = ", ".join(f"{name}: torch.Tensor" for name in writer.arguments)
    returned = "torch.Tensor" if len(results) == 1 else f"tuple[{', '.join(['torch.Tensor'] * len(results))}]"
    lines.append(
        f"    def forward(self, {arguments}) -> {returned}:" if arguments else f"    def forward(self) -> {returned}:"
    )
    lines += writer.statements
    lines.append(f"        return {', '.join(results)}")
    return TorchSource("\n".join(lines) + "\n", writer.keys)


def _header(graph: Graph, title: str, architecture: str, space: str) -> list[str]:
    """The comment at the top. Its first two lines are fixed, so that no text can pose as an encoding declaration."""
    lines = ["# A network written by einsyn.", "# It needs torch and nothing else."]
    facts = {"title": title, "space": space, "architecture": architecture}
    facts["inputs"] = ", ".join(f"{name} {graph.types[value]}" for name, value in graph.inputs)
    facts["outputs"] = ", ".join(str(graph.types[value]) for value in graph.outputs)
    facts["parameters"] = f"{graph.params:,}"
    facts["multiply-accumulates at batch 1"] = f"{graph.macs:,}"
    for name, fact in facts.items():
        if fact:
            text = f"{name}: {printable(fact)}"
            parts = [text[i : i + _COMMENT_WIDTH] for i in range(0, len(text), _COMMENT_WIDTH)]
            lines += [f"# {parts[0]}", *(f"#   {part}" for part in parts[1:])]
    return [*lines, ""]


class _Attributes:
    """What the module owns: the lines that make it, and names, each used once."""

    def __init__(self) -> None:
        self.constructors: list[str] = []
        self.counts: dict[str, int] = {}
        self.taken: set[str] = set()


class _Weights:
    """What the module owns for the weight sets of one graph: attributes, layers, keys of the `state_dict`.

    A region has weight sets of its own, kept here under that of the operation that owns it: where an operation is
    applied again with the same weight set, its region finds them again.
    """

    def __init__(self) -> None:
        self.keys: dict[Slot, str] = {}
        self.layers: dict[int, tuple[str, str]] = {}
        self.bases: dict[int, str] = {}
        self.regions: dict[int, _Weights] = {}

    def of_region(self, owner: int | None) -> _Weights:
        """Those of the region of an operation."""
        return _Weights() if owner is None else self.regions.setdefault(owner, _Weights())


class _Writer:
    """Writes the operations of one graph in order, those of a region into the lines of the graph `above` it."""

    def __init__(self, graph: Graph, above: _Writer | None = None, owner: int | None = None) -> None:
        self.graph = graph
        self.functions = functions_of(graph) if above is None else above.functions
        self.names: dict[int, str] = {}
        self.arguments: list[str] = []
        if above is None:
            self.arguments = argument_names([name for name, _ in graph.inputs], TAKEN.union(self.functions))
        self.weights: _Weights = above.weights.of_region(owner) if above else _Weights()
        self.attributes: _Attributes = above.attributes if above else _Attributes()
        self.statements: list[str] = above.statements if above else []
        self.locals: LocalNames = above.locals if above else LocalNames(set(self.arguments))
        self.indent: str = above.indent if above else " " * 8
        self._uses = [0] * len(graph.types)
        for operation in graph.operations:
            for value in operation.inputs:
                self._uses[value] += 1
        for value in graph.outputs:
            self._uses[value] += 1
        self._overwritable = overwritable(graph, self._uses)
        # How often a local variable is still to be read, over all values that it holds.
        self._pending: dict[str, int] = {}
        for name, (_, value) in zip(self.arguments, graph.inputs, strict=above is None):
            self.names[value] = name

    @property
    def keys(self) -> dict[Slot, str]:
        """Where each parameter is in the `state_dict`."""
        return self.weights.keys

    def line(self, text: str) -> None:
        """Write a statement."""
        self.statements.append(f"{self.indent}{text}")

    def region(self, owner: int | None, graph: Graph, inputs: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
        """Write a region's operations; returns the names of its outputs, and all local names that it still holds."""
        inner = _Writer(graph, self, owner)
        for name, (_, value) in zip(inputs, graph.inputs, strict=True):
            inner.names[value] = name
        for operation in graph.operations:
            inner.write(operation)
        if owner is not None:
            for (of, name), key in inner.keys.items():
                self.keys[owner, f"{of}.{name}"] = key
        return tuple(inner.names[value] for value in graph.outputs), list(inner._pending)

    def write(self, operation: Operation) -> None:
        context = _Context(self, operation)
        written = operation.op.torch(context)
        self._check_owned(operation)
        pending = self._pending
        if isinstance(written, tuple):
            for value, name in zip(operation.outputs, written, strict=True):
                self.names[value] = name
                if name in pending or name in context.temporaries:
                    pending[name] = pending.get(name, 0) + self._uses[value]
        dying = [name for name in context.temporaries if pending.get(name, 0) == 0]
        for value in operation.inputs:
            name = self.names[value]
            if name in pending:
                pending[name] -= 1
        dying += [name for name in dict.fromkeys(context.inputs) if pending.get(name) == 0]
        if isinstance(written, str):
            dying = self._assign(operation, written, dying)
        if dying:
            self.line(f"del {', '.join(dying)}")
        for name in dying:
            pending.pop(name, None)
            self.locals.give_back(name)

    def _assign(self, operation: Operation, expression: str, dying: list[str]) -> list[str]:
        """Write a statement; returns the names that die and are not overwritten by it."""
        outputs = operation.outputs
        if not any(self._uses[value] for value in outputs):
            # Computed for its effect alone (running statistics), so that unused layers stay what they are.
            self.line(f"{expression}  # unused")
            return dying
        targets: list[str] = []
        for value in outputs:
            name = dying.pop(0) if dying else self.locals.take()
            targets.append(name)
            self.names[value] = name
            self._pending[name] = self._uses[value]
        types = operation.signature.outputs
        shape = shown(types[0]) if len(set(types)) == 1 else ", ".join(map(shown, types))
        each = f"{len(types)} x " if len(types) > 1 and len(set(types)) == 1 else ""
        self.line(f"{', '.join(targets)} = {expression}  # {each}{shape}")
        return dying + [name for name, value in zip(targets, outputs, strict=True) if not self._uses[value]]

    def temporary(self, expression: str) -> str:
        name = self.locals.take()
        self.line(f"{name} = {expression}")
        return name

    def base(self, operation: Operation) -> str:
        """The attribute of a weight set: the name of its operation and a number."""
        owner = operation.owner
        if owner is None:
            raise _unsupported(operation, "has weights but no weight set")
        bases, attributes = self.weights.bases, self.attributes
        if owner not in bases:
            stem = re.sub(r"\W", "_", operation.op.name)
            number = attributes.counts.get(stem, 0) + 1
            attributes.counts[stem] = number
            name = f"{stem}{number}"
            while name in attributes.taken:
                name += "_"
            attributes.taken.add(name)
            bases[owner] = name
        return bases[owner]

    def layer(self, operation: Operation, constructor: str) -> str:
        name = self.base(operation)
        owner = operation.owner
        assert owner is not None  # `base` has just said so
        known = self.weights.layers.get(owner)
        if known is None:
            self.weights.layers[owner] = (name, constructor)
            self.attributes.constructors.append(f"        self.{name} = {constructor}")
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
            if name in signature.params:
                created = initialised(signature.params[name], _dtype(operation))
                self.attributes.constructors.append(f"        self.{attribute} = nn.Parameter({created})")
            else:
                created = initialised(signature.buffers[name], _dtype(operation))
                self.attributes.constructors.append(f'        self.register_buffer("{attribute}", {created})')
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
        self.inputs = tuple(writer.names[value] for value in operation.inputs)
        self.types = tuple(writer.graph.types[value] for value in operation.inputs)
        self.outputs = operation.signature.outputs
        self.temporaries: list[str] = []
        # Names that regions hold, for each block that is open.
        self._held: list[list[str]] = []

    def layer(self, constructor: str) -> str:
        dtype = _dtype(self._operation)
        cast = "" if dtype == "f32" else f".to(torch.{DTYPES[dtype]})"
        return self._writer.layer(self._operation, constructor + cast)

    def parameter(self, name: str) -> str:
        return self._writer.parameter(self._operation, name)

    def assign(self, expression: str) -> str:
        name = self._writer.temporary(expression)
        self.temporaries.append(name)
        return name

    def fresh(self) -> str:
        name = self._writer.locals.take()
        self.temporaries.append(name)
        return name

    def statement(self, text: str) -> None:
        self._writer.line(text)

    @contextmanager
    def block(self, header: str) -> Generator[None]:
        writer = self._writer
        outer = writer.indent
        writer.line(header)
        writer.indent = f"{outer}    "
        self._held.append([])
        yield
        held = self._held.pop()
        if held:
            writer.line(f"del {', '.join(held)}")
            for name in held:
                writer.locals.give_back(name)
        writer.indent = outer

    def may_overwrite(self, number: int) -> bool:
        return self._operation.inputs[number] in self._writer._overwritable

    def region(self, graph: Graph, inputs: Sequence[str]) -> tuple[str, ...]:
        outputs, held = self._writer.region(self._operation.owner, graph, inputs)
        self._held[-1].extend(held)
        return outputs


def _dtype(operation: Operation) -> str:
    return operation.signature.outputs[0].dtype


def _unsupported(operation: Operation, what: str) -> BackendError:
    return BackendError(
        Diagnostic("B003", f"`{operation.op.name}` {what}", span=operation.span, path=str(operation.path))
    )


def shown(t: TensorType) -> str:
    """A type as a comment shows it: the dtype only where it is not the usual one."""
    return str(t).removeprefix("f32")
