"""Keeps an evaluation to itself: global random states and torch's threads are afterwards what they were before."""

from __future__ import annotations

import random
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator


@contextmanager
def contained(seed: int) -> Generator[None]:
    """Seed Python's, numpy's and torch's global generators, give torch one thread, and undo all of it.

    One thread, because sums depend on how they are divided: an evaluation gives the same number wherever it runs. What
    is not imported yet is left alone; einsyn's own objectives do not use global generators but for layers that drop.
    """
    state = random.getstate()
    random.seed(seed)
    numpy: Any = sys.modules.get("numpy")
    numpy_state = numpy.random.get_state() if numpy else None
    if numpy:
        numpy.random.seed(seed % 2**32)
    torch: Any = sys.modules.get("torch")
    torch_state = torch.random.get_rng_state() if torch else None
    threads = torch.get_num_threads() if torch else 0
    if torch:
        torch.random.default_generator.manual_seed(seed)
        if threads != 1:
            torch.set_num_threads(1)
    try:
        yield
    finally:
        random.setstate(state)
        if numpy:
            numpy.random.set_state(numpy_state)
        if torch:
            torch.random.set_rng_state(torch_state)
            if threads != 1:
                torch.set_num_threads(threads)
