"""Which operations of a failing network fail by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ir.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from einsyn.ir.graph import Operation

    Fails = Callable[[tuple[Operation, ...]], bool]

# Operations that a pattern shows.
_SHOWN: Final = 3


def culprit(graph: Graph, fails: Fails) -> tuple[Operation, ...]:
    """The operations to blame: one that fails alone, else two of which one feeds the other, else all.

    Args:
        graph: fails.
        fails: whether some of its operations fail in the same way by themselves.
    """
    suspects = (operations for count in (1, 2) for operations in groups(graph, count))
    return next(filter(fails, suspects), graph.operations)


def explains(names: Sequence[str], graph: Graph, fails: Fails) -> bool:
    """Whether operations of these names, the last first, fail by themselves in a network."""
    alike = (g for g in groups(graph, len(names)) if [o.op.name for o in reversed(g)] == list(names))
    return any(fails(operations) for operations in alike)


def contains(graph: Graph, pattern: str, count: int) -> bool:
    """Whether a network has the operations of a pattern, attributes included.

    Args:
        graph: the network.
        pattern: what `pattern_of` returned.
        count: of how many operations.
    """
    return any(pattern_of(operations) == pattern for operations in groups(graph, count))


def pattern_of(operations: Sequence[Operation]) -> str:
    """Operations for people, the last first: `max_pool(kernel=3) < conv(...)`."""
    return " < ".join(str(operation.op) for operation in reversed(operations[-_SHOWN:]))


def groups(graph: Graph, count: int) -> Iterable[tuple[Operation, ...]]:
    """Every operation, or every two of which one feeds the other; nothing for more."""
    if count == 1:
        return ((operation,) for operation in graph.operations)
    return pairs(graph) if count == 2 else ()


def pairs(graph: Graph) -> Iterator[tuple[Operation, Operation]]:
    """Every operation with each that uses a result of it, in order."""
    made_by: dict[int, Operation] = {}
    for operation in graph.operations:
        producers = {id(made_by[value]): made_by[value] for value in operation.inputs if value in made_by}
        yield from ((producer, operation) for producer in producers.values())
        made_by.update(dict.fromkeys(operation.outputs, operation))


def given_to(operations: tuple[Operation, ...]) -> list[int]:
    """The values that operations take from others, in the order of the inputs of their `part`."""
    made = {value for operation in operations for value in operation.outputs}
    return sorted({value for operation in operations for value in operation.inputs} - made)


def part(graph: Graph, operations: tuple[Operation, ...]) -> Graph:
    """The graph of some operations alone: what they need from others becomes inputs, what none of them uses outputs."""
    used = {value for operation in operations for value in operation.inputs}
    numbers: dict[int, int] = {value: i for i, value in enumerate(given_to(operations))}
    inputs = tuple((f"in{i}", i) for i in numbers.values())
    for operation in operations:
        for value in operation.outputs:
            numbers[value] = len(numbers)
    types = [graph.types[value] for value in numbers]
    return Graph(
        graph.name,
        inputs,
        tuple(
            o._replace(inputs=tuple(numbers[v] for v in o.inputs), outputs=tuple(numbers[v] for v in o.outputs))
            for o in operations
        ),
        tuple(numbers[value] for operation in operations for value in operation.outputs if value not in used),
        tuple(types),
    )
