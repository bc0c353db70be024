"""Timing: interleaved repetitions, medians, and what the machine was."""

from __future__ import annotations

import os
import platform
import statistics
import sys
import time
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def interleaved(a: Callable[[], object], b: Callable[[], object], pairs: int) -> tuple[list[float], list[float]]:
    """Seconds of each of `pairs` calls of a and b, in turn A B B A, after one call of each to warm up."""
    a()
    b()
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for which in (0, 1) if i % 2 == 0 else (1, 0):
            start = time.perf_counter()
            (a, b)[which]()
            times[which].append(time.perf_counter() - start)
    return times


def ratio(a: list[float], b: list[float]) -> float:
    """The median of the pairwise ratios a / b."""
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def machine() -> dict[str, Any]:
    """What the figures were measured with."""
    names = ("torch", "onnx", "onnxruntime", "lark", "numpy")
    return {
        "python": platform.python_version(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        **{name: version(name) for name in names},
    }


def say(text: str) -> None:
    """Progress, on stderr."""
    sys.stderr.write(text + "\n")
