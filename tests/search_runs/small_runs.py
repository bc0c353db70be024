"""A small space, functions that fail in every way, and runs over them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import einsyn
from einsyn.evaluate.named import objective_of
from einsyn.search.driver import Driver
from einsyn.search.executors import Executor, Finished, InProcess, Task
from einsyn.search.origin import Origin
from einsyn.search.plan import Plan
from einsyn.search.pool import Pool
from einsyn.search.run import Run
from einsyn.search.store import Evaluation

SPACE = """\
//@ einsyn 1
//@ title small
//@ input x f32[B, d:4]
//@ use layers.ein
start: layer              //@ p 0.4
     | layer ";" start    -> seq
layer: WIDTH act          -> layer
act: "r" -> relu | "t" -> tanh
WIDTH: "2" | "4" | "8"
"""
LAYERS = "define layer(width, act)(x) = act(linear(width)(x))\n"

# What an architecture has decides how its evaluation ends, so that every run meets every end.
FUNCTIONS = """
import ctypes
import os
import signal
import sys
import time

KEPT = []


def plain(architecture, seed):
    return architecture.params + seed / 8


def odd(architecture, seed):
    text, first = architecture.text, architecture.text.split(";")[0]
    if first == "2t":
        return float("nan")
    if first == "4t":
        raise ValueError("no such luck")
    if first == "8t" and architecture.size > 8:
        print("about to fall", file=sys.stderr, flush=True)
        ctypes.string_at(0)
    if first == "8r" and architecture.size > 11:
        os._exit(0)
    return float(architecture.params)


def sleepy(architecture, seed):
    if architecture.text.startswith("2"):
        time.sleep(600)
    return 1.0


def leaky(architecture, seed):
    # Four of these do not fit into the memory of a worker.
    KEPT.append(bytearray(300_000_000))
    return float(len(KEPT))


def killed(architecture, seed):
    # As the system does that needs memory: this process, and for one architecture that which it was forked from.
    first = architecture.text.split(";")[0]
    once = f"killed-{architecture.hash}"
    if first in ("2r", "2t") and not os.path.exists(once):
        open(once, "w").close()
        os.kill(os.getppid() if architecture.text == "2t" else os.getpid(), signal.SIGKILL)
    return float(architecture.params)


def always_killed(architecture, seed):
    os.kill(os.getpid(), signal.SIGKILL)


def hungry(architecture, seed):
    KEPT.append(bytearray(5_000_000_000))
    return 0.0
"""


def write_halves(examples: int) -> None:
    """Write a data set of two classes to `halves.npz`, and make the space here one of classifiers."""
    import numpy as np

    x = np.random.default_rng(0).normal(size=(examples, 4))
    np.savez("halves.npz", x=x, y=(x[:, 0] > 0).astype(int))
    with Path("small.lark").open("a", encoding="utf-8") as file:
        file.write("//@ output f32[B, d:2]\n//@ main both\n//@ define both(f)(x) = linear(2)(f(x))\n")


def write_space(folder: Path) -> Path:
    """The space and the module `failing`, in a folder; one of that name from elsewhere is forgotten."""
    sys.modules.pop("failing", None)
    (folder / "small.lark").write_text(SPACE)
    (folder / "layers.ein").write_text(LAYERS)
    (folder / "failing.py").write_text(FUNCTIONS)
    return folder / "small.lark"


def begin(folder: Path, space: einsyn.Space, objectives: list[str], **options: Any) -> Run:
    """A new run."""
    return Run.create(folder, space, Plan(**options), [objective_of(text) for text in objectives])


def in_process(run: Run) -> Executor:
    """Evaluates here."""
    return InProcess(run.objectives, run.plan.seed)


def pool(run: Run, workers: int = 1) -> Executor:
    """Evaluates in workers."""
    plan = run.plan
    origin = Origin.of(run.space)
    return Pool(origin, run.objectives, plan.seed, workers=workers, timeout=plan.timeout, memory=plan.memory)


def carry_out(run: Run, executor: Executor, budget: int | None = None) -> Driver:
    """Carry a run out."""
    with executor:
        driver = Driver(run, executor)
        driver.go(run.budget if budget is None else budget)
    return driver


def results(run: Run) -> list[Evaluation]:
    """What came out, without the time that it took."""
    return [e._replace(seconds=None if e.seconds is None else 0.0) for e in run.store.evaluations()]


class Backwards(Executor):
    """Gives results in the reverse order, as many workers might."""

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        yield from reversed(list(self._inner.run(tasks)))


class Fallen(BaseException):
    """As if the process had been killed."""


class Falls(Executor):
    """Is killed after so many evaluations."""

    def __init__(self, inner: Executor, after: int) -> None:
        self._inner = inner
        self._left = after

    def run(self, tasks: Sequence[Task]) -> Iterator[Finished]:
        for finished in self._inner.run(tasks):
            if self._left == 0:
                raise Fallen
            self._left -= 1
            yield finished


# Whoever evaluates, and in whatever order, results are the same.
EXECUTORS: dict[str, Callable[[Run], Executor]] = {
    "one": in_process,
    "back": lambda run: Backwards(in_process(run)),
    "pool": lambda run: pool(run, 2),
}
