"""How many derivations and networks a second hypothesis draws, of which a test asks little."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings

import einsyn
from einsyn.backends.verify import open_session
from einsyn.testing import architectures, derivations

if TYPE_CHECKING:
    from einsyn.derivation.tree import Derivation
    from einsyn.testing import Net

EXAMPLES = 1000
NETWORKS = 200


def run() -> dict[str, Any]:
    """Derivations that a test does nothing with, and networks that it runs in torch and in onnxruntime."""
    return drawing() | comparing()


def comparing() -> dict[str, Any]:
    """Networks of einspace's test profile a second through torch against onnxruntime, by processor time."""
    compared = 0

    @settings(max_examples=NETWORKS, deadline=None, database=None, derandomize=True)
    @given(architectures("einspace", profile="test"))
    def compare(net: Net) -> None:
        nonlocal compared
        session = open_session(net.model)
        wanted = {given.name for given in session.get_inputs()}
        net.compare(session.run(None, {name: array for name, array in net.inputs.items() if name in wanted}))
        compared += 1

    start = time.process_time()
    compare()
    return {"einspace networks/s, torch against onnxruntime": round(compared / (time.process_time() - start), 1)}


def drawing() -> dict[str, Any]:
    """Well-typed einspace derivations a second, by processor time; their mean size, and how many differ."""
    space = einsyn.load("einspace")
    sizes: list[int] = []
    different: set[Derivation] = set()

    @settings(max_examples=EXAMPLES, deadline=None, database=None, derandomize=True)
    @given(derivations(space))
    def draw(derivation: Derivation) -> None:
        sizes.append(derivation.size)
        different.add(derivation)

    start = time.process_time()
    draw()
    seconds = time.process_time() - start
    return {
        "einspace derivations/s inside hypothesis": round(len(sizes) / seconds),
        "mean size in productions": round(sum(sizes) / len(sizes), 1),
        "different ones": len(different),
    }
