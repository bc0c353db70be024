"""Which operations of a failing network fail by themselves."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from einsyn.ir.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from einsyn.ir.graph import Operation


def culprit(graph: Graph, fails: Callable[[Graph], bool]) -> tuple[Operation, ...]:
    """The operations to blame: one that fails alone, else two of which one feeds the other, else all.

    Args:
        graph: fails.
        fails: whether a graph fails in the same way; its inputs and weights are others than in the whole.
    """
    for operations in _suspects(graph):
        if fails(part(graph, operations)):
            return operations
    return graph.operations


def pairs(graph: Graph) -> Iterator[tuple[Operation, Operation]]:
    """Every operation with each that uses a result of it, in order."""
    made_by: dict[int, Operation] = {}
    for operation in graph.operations:
        producers = {id(made_by[value]): made_by[value] for value in operation.inputs if value in made_by}
        yield from ((producer, operation) for producer in producers.values())
        made_by.update(dict.fromkeys(operation.outputs, operation))


def _suspects(graph: Graph) -> Iterator[tuple[Operation, ...]]:
    seen: set[tuple[object, ...]] = set()
    for operations in (*((operation,) for operation in graph.operations), *pairs(graph)):
        # Equal operations at equal types fail alike.
        key = tuple((o.op, tuple(graph.types[value] for value in o.inputs)) for o in operations)
        if key not in seen:
            seen.add(key)
            yield operations


def part(graph: Graph, operations: tuple[Operation, ...]) -> Graph:
    """The graph of some operations alone: what they need from others becomes inputs, what none of them uses outputs."""
    made = {value for operation in operations for value in operation.outputs}
    used = {value for operation in operations for value in operation.inputs}
    numbers: dict[int, int] = {value: i for i, value in enumerate(sorted(used - made))}
    inputs = tuple((f"in{i}", i) for i in numbers.values())
    for operation in operations:
        for value in operation.outputs:
            numbers[value] = len(numbers)
    types = [graph.types[value] for value in numbers]
    return Graph(
        graph.name,
        inputs,
        tuple(
            replace(o, inputs=tuple(numbers[v] for v in o.inputs), outputs=tuple(numbers[v] for v in o.outputs))
            for o in operations
        ),
        tuple(numbers[value] for operation in operations for value in operation.outputs if value not in used),
        tuple(types),
    )
