"""Derivations to rewritten graphs: how many a second at the usual size, and how long a large graph takes."""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

import einsyn
from einsyn.rewrite import rewrite
from einsyn.rewrite.rules import DEFAULT

if TYPE_CHECKING:
    from einsyn.derivation.tree import Derivation
    from einsyn.space import Space

SAMPLES = 2_000
REPEATS = 5
LARGE = 10_000
# Operations of a network of the usual size, and one more or less.
USUAL = range(9, 12)


def run() -> dict[str, Any]:
    """Architectures of einspace by processor time; typed and rewritten from their derivations."""
    space = einsyn.load("einspace", max_ops=100_000)
    drawn = space.sample(SAMPLES, seed=1)
    sizes = [len(a.graph.operations) for a in drawn]
    usual = [a.derivation for a, size in zip(drawn, sizes, strict=True) if size in USUAL]
    for derivation in usual:
        _rewritten(space, derivation)
    rates: list[float] = []
    for _ in range(REPEATS):
        start = time.process_time()
        for derivation in usual:
            _rewritten(space, derivation)
        rates.append(len(usual) / (time.process_time() - start))
    layer = "route(im2col(3,1,1),(linear16;leaky_relu),col2im)"
    text = "(" * (LARGE // 4 - 1) + layer + f";{layer})" * (LARGE // 4 - 1)
    graph = space.parse(text).graph
    start = time.process_time()
    after = rewrite(graph, DEFAULT)
    seconds = time.process_time() - start
    return {
        "median operations of a sample": median(sizes),
        "derivation to rewritten graph at about 10 operations, /s": round(median(rates)),
        f"rewriting {len(graph.operations)} operations into {len(after.graph.operations)}, s": round(seconds, 2),
    }


def _rewritten(space: Space, derivation: Derivation) -> None:
    rewrite(space.check(derivation).graph, DEFAULT)
