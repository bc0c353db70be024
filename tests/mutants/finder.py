"""Looks for a network on which einsyn is wrong, in this process's copy of it, and shrinks it.

    python tests/mutants/finder.py --seconds 60

Draws networks with the strategies of `einsyn.testing` from a space of every operation, from shipped spaces and from
random ones, and asks what `check_space` asks of each. The result is one JSON object on standard output.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import torch
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky

import einsyn
from einsyn.derivation.tree import Derivation
from einsyn.errors import EinsynError
from einsyn.testing import Net, architectures, every_op_space, grammars, small_architectures
from einsyn.testing.space_contract import check_graph, check_module, check_rewritten, check_text

# Operations whose results torch and ONNX may round to very different numbers when they are chained.
UNSTEADY = {"exp", "log", "sqrt", "reciprocal", "divide", "quantize"}
# Draws from a shipped space at first, and later before the next has its turn; of the networks of one operation all.
FEW = 15
ROUND = 40
# After so many draws hypothesis mixes parts of them: what meant a network of one random space means little in another.
UNMIXED = 10
ALL = 10_000
# Productions of a network of one operation.
ONE_OPERATION = 4
# How long one failure is shrunk; where more than so many modules are left, other spaces may have a smaller one.
SHRINK_SECONDS = 10.0
FEW_MODULES = 4
# Inputs of einspace beside its own, which is a square.
SHAPES = ("c:16,h:16,w:16", "c:3,h:8,w:16")


class Stop(BaseException):
    """Time is over; hypothesis lets it through."""


class Shrunk(BaseException):
    """One failure has been shrunk for long enough; hypothesis lets it through."""


class Hunt:
    """What has been found so far.

    Args:
        seconds: processor time until the first failure, and until the search for a smaller one in other spaces ends.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.tried = 0
        self.found_after: float | None = None
        self.shrinking_since: float | None = None
        self.best: dict[str, Any] | None = None

    def judge(self, net: Net) -> None:
        """Fail where the network is not what einsyn says; keep the smallest that fails."""
        self.tick()
        self.tried += 1
        try:
            wrong(net)
        except (AssertionError, EinsynError, RuntimeError, ValueError, IndexError, KeyError, TypeError) as error:
            self.found(net.architecture.space, net.derivation, error)
            raise AssertionError(str(error)) from None

    def tick(self) -> None:
        """Stop when time is over, or when there is nothing left to shrink."""
        now = time.process_time()
        if self.best is not None and self.best["modules"] == 1:
            raise Stop  # nothing is smaller
        if self.shrinking_since is not None and now > self.shrinking_since + SHRINK_SECONDS:
            raise Shrunk
        if self.shrinking_since is None and now > self.seconds:
            raise Stop

    def found(self, space: einsyn.Space, tree: Derivation, error: Exception) -> None:
        """Keep what fails if it is smaller than what failed before."""
        now = time.process_time()
        self.found_after = now if self.found_after is None else self.found_after
        self.shrinking_since = now if self.shrinking_since is None else self.shrinking_since
        modules = modules_of(tree)
        if self.best is None or (modules, tree.size) < (self.best["modules"], self.best["size"]):
            self.best = {
                "space": space.name,
                "arch": tree.text,
                "modules": modules,
                "size": tree.size,
                "says": f"{type(error).__name__}: {error}".splitlines()[0][:160],
            }


def modules_of(tree: Derivation) -> int:
    """Operations and definitions that a derivation names and spells out.

    What puts them one after the other is left out, and so is the root, which stands for the whole.
    """
    below = [n.production for n in tree.nodes() if isinstance(n, Derivation) and n is not tree]
    return sum(1 for production in below if production.alias not in (None, "seq") and production.tokens)


def wrong(net: Net) -> None:
    """Raise where text, graph, module or ONNX model are not what they should be."""
    check_text(net.architecture)
    check_graph(net.architecture)
    check_module(net.architecture)
    check_rewritten(net.architecture)
    shake(net.module)
    net.compare(run(net))


def shake(module: torch.nn.Module) -> None:
    """Move every learned number and statistic: what starts as 0 or 1 hides whoever forgets it."""
    generator = torch.Generator().manual_seed(9)
    with torch.no_grad():
        for name, tensor in module.state_dict().items():
            if tensor.is_floating_point():
                noise = 0.2 * torch.randn(tensor.shape, generator=generator)
                tensor.copy_(tensor * noise.exp() if name.endswith("running_var") else tensor + noise)


def run(net: Net) -> list[object]:
    """What onnxruntime computes of the network's inputs."""
    from einsyn.backends.verify import open_session

    session = open_session(net.model)
    wanted = {given.name for given in session.get_inputs()}
    return session.run(None, {name: array for name, array in net.inputs.items() if name in wanted})


def loaded(text: str, **options: object) -> einsyn.Space:
    """A space from its text."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "space.lark"
        file.write_text(text, encoding="utf-8")
        return einsyn.load(file, **options)  # type: ignore[arg-type]  # limits


@st.composite
def of_random_spaces(draw: st.DrawFn) -> Net:
    """A network of a random space."""
    return draw(architectures(loaded(draw(grammars()), max_ops=60, max_params=50_000), max_size=20))


def sources() -> Iterator[tuple[st.SearchStrategy[Net], int]]:
    """Where networks come from and how many at once, in the order of their turns.

    After a few of each space every operation by itself, in every setting that its examples have: that costs little and
    leaves nothing to shrink. Then every second turn is that of chains of any operations.
    """
    shipped = [architectures(name, profile="test", max_size=24) for name in ("nasbench201", "einspace")]
    # What permutes a cube any way is of the same type, and so is what takes height for width in a square.
    shipped += [architectures("einspace", input=shape, profile="test", max_size=24) for shape in SHAPES]
    rounds = [(of_random_spaces(), UNMIXED)] * (ROUND // UNMIXED)
    yield from [*((other, FEW) for other in shipped), *rounds, *rounds]
    every_op = loaded(every_op_space(), max_memory=2**20)
    yield small_architectures(every_op, max_size=ONE_OPERATION), ALL
    chains = architectures(every_op, max_size=14, require=lambda a: not UNSTEADY & set(a.ops))
    for other, most in cycle([*rounds, *((other, ROUND) for other in shipped[::-1])]):
        yield other, most
        yield chains, most


def hunt(seconds: float) -> dict[str, object]:
    """Look until something is found or time is over."""
    state = Hunt(seconds)
    failed: object = None
    try:
        for number, (strategy, most) in enumerate(sources()):
            state.tick()
            if strategy is failed:
                continue  # what failed there has been shrunk: others may have something smaller

            @seed(number)
            @settings(
                max_examples=most, deadline=None, database=None, phases=[Phase.generate, Phase.shrink],
                report_multiple_bugs=False,
            )  # fmt: skip
            @given(strategy)
            def judged(net: Net) -> None:
                state.judge(net)

            try:
                judged()
            except (Shrunk, AssertionError, Flaky):  # flaky: what was kept from an earlier network is wrong
                if state.best is None or state.best["modules"] <= FEW_MODULES:
                    raise
                state.shrinking_since = None
                failed = strategy
    except (Stop, Shrunk):
        pass
    except Exception as error:  # a space that cannot be drawn from, or what hypothesis makes of a failure
        if state.best is None:
            state.found_after = time.process_time()
            state.best = {
                "space": "",
                "arch": "",
                "modules": 0,
                "size": 0,
                "says": f"{type(error).__name__}: {error}".splitlines()[0],
            }
    return {"found": state.best is not None, "seconds": state.found_after, "tried": state.tried, **(state.best or {})}


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="processor time until something is found")
    torch.set_num_threads(1)
    print(json.dumps(hunt(parser.parse_args().seconds)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
