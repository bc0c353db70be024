"""From what was emitted to a graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.call import Call
from einsyn.ir.graph import Graph, Operation
from einsyn.ir.path import Path

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.derivation.choice import Choice
    from einsyn.elaborate.tape import Record
    from einsyn.elaborate.values import Tensor
    from einsyn.ir.types import TensorType


def build_graph(
    name: str,
    input_names: tuple[str, ...],
    inputs: tuple[Tensor, ...],
    events: Iterable[Record | str | None],
    outputs: tuple[Tensor, ...],
) -> Graph:
    """The graph of what was emitted; every operation knows its derivation node, its place and its definition.

    Values are numbered from the first input on, without a gap.
    """
    numbers = {t.index: i for i, t in enumerate(inputs)}
    types: list[TensorType] = [t.type for t in inputs]
    paths: dict[Choice | None, Path] = {}
    operations: list[Operation] = []
    call: Call | None = None
    for event in events:
        if not isinstance(event, tuple):
            # A definition begins, or the one that began last ends.
            call = Call(event, call) if event is not None else call and call.parent
            continue
        op, signature, used, made, owner, origin, span = event
        for t in made:
            numbers[t.index] = len(types)
            types.append(t.type)
        if span is None and origin is not None and origin.production is not None:
            span = origin.production.span
        path = paths.get(origin)
        operations.append(
            Operation(
                op,
                tuple([numbers[t.index] for t in used]),
                tuple([numbers[t.index] for t in made]),
                signature,
                owner,
                _path(origin, paths) if path is None else path,
                span,
                call,
            )
        )
    return Graph(
        name,
        tuple((given, numbers[t.index]) for given, t in zip(input_names, inputs, strict=True)),
        tuple(operations),
        tuple(numbers[t.index] for t in outputs),
        tuple(types),
    )


def _path(choice: Choice | None, known: dict[Choice | None, Path]) -> Path:
    """The path of a choice, made of the paths above it."""
    above: list[Choice] = []
    while choice is not None and choice not in known:
        above.append(choice)
        choice = choice.parent
    path = known[choice] if choice is not None else None
    for node in reversed(above):
        path = Path() if node.parent is None else Path(path, node.slot)
        known[node] = path
    return path if path is not None else Path()
