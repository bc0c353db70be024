"""Deep derivations: einsyn's own time for nested modules must grow linearly."""

from __future__ import annotations

import time
from typing import Any

import einsyn

SIZES = (1_000, 3_000, 10_000)


def run() -> dict[str, Any]:
    """Microseconds a module for parsing, checking, source and text, nested to the left and to the right."""
    space = einsyn.load("einspace", max_ops=100_000)
    found: dict[str, Any] = {}
    for side in ("left", "right"):
        for n in SIZES:
            text = "(" * n + "leaky_relu;" + "leaky_relu);" * (n - 1) + "leaky_relu)"
            if side == "right":
                text = "(leaky_relu;" * n + "leaky_relu" + ")" * n
            start = time.perf_counter()
            derivation = space.derivation(text)
            parsed = time.perf_counter()
            architecture = space.check(derivation)
            checked = time.perf_counter()
            assert architecture.text == text
            printed = time.perf_counter()
            architecture.source()
            written = time.perf_counter()
            steps = (parsed - start, checked - parsed, printed - checked, written - printed)
            names = ("parse", "check", "print", "source")
            found[f"{side} {n}"] = {k: round(1e6 * v / n, 1) for k, v in zip(names, steps, strict=True)}
    return found
