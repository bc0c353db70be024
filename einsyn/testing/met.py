"""What the operations of a network meet in it: the value of every edge, and the weights.

A part that is tried alone on random numbers does not get what made the network fail: the NaN of a square root, two
zeros to divide, the one large element of a sum. On what it met in the network it fails as it does there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from einsyn.testing.case import arrays_of, case_of, flat_source, weight_of
from einsyn.testing.culprit import given_to, part

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    from einsyn.ir.graph import Graph, Operation
    from einsyn.testing.case import Case
    from einsyn.testing.judge import Runner

    Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Met:
    """A network that ran.

    Args:
        graph: the network.
        values: by number, as the reference computed them.
        weights: by the number of their weight set and their name.
        seed: of what is drawn.
    """

    graph: Graph
    values: Mapping[int, Array]
    weights: Mapping[tuple[int, str], Array]
    seed: int

    def case(self, operations: tuple[Operation, ...]) -> Case:
        """Some operations alone, on the values and with the weights that they have in the network."""
        alone = part(self.graph, operations)
        arrays = (self.values[value] for value in given_to(operations))
        inputs = {name: array for (name, _), array in zip(alone.inputs, arrays, strict=True)}
        keys = flat_source(alone).keys
        weights = {key: self.weights[slot].copy() for slot, key in keys.items() if slot in self.weights}
        return case_of(alone, self.seed, inputs=inputs, weights=weights)


def run_through(child: Runner, graph: Graph, seed: int, reference: str) -> Met | None:
    """What a network's operations meet in the reference; None where that fails or cannot be written.

    Args:
        child: where it runs.
        graph: the network.
        seed: of its weights and inputs.
        reference: the oracle.
    """
    made = tuple(dict.fromkeys(value for operation in graph.operations for value in operation.outputs))
    opened = replace(graph, outputs=made)
    try:
        case = case_of(opened, seed)
        keys = flat_source(opened).keys
    except Exception:  # that it cannot be written is what is being looked at
        return None
    outcome = child.run(case, (reference,))[reference]
    if outcome.status != "done" or len(outcome.outputs) != len(made):
        return None
    stored = arrays_of(case.model)
    found = ((slot, weight_of(stored, key)) for slot, key in keys.items())
    given = {value: case.inputs[name] for name, value in graph.inputs}
    values = {**given, **dict(zip(made, outcome.outputs, strict=True))}
    return Met(graph, values, {slot: array for slot, array in found if array is not None}, seed)
