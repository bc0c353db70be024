"""Derivations a second inside hypothesis, for a test that does nothing with them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings

import einsyn
from einsyn.testing import derivations

if TYPE_CHECKING:
    from einsyn.derivation.tree import Derivation

EXAMPLES = 1000


def run() -> dict[str, Any]:
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
