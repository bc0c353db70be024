"""Measured memory as an objective."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from einsyn.backends.torch_module import import_torch
from einsyn.backends.verify import random_inputs
from einsyn.evaluate.objective import Objective
from einsyn.evaluate.recipe import Recipe
from einsyn.evaluate.training import optimiser_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor, nn

    from einsyn.architecture import Architecture

STEPS: Final = ("inference", "training")
# The first training step makes gradients and the optimiser's state, the second has them.
_TRAINING_STEPS: Final = 2


class Memory(Objective):
    """`memory:inference` or `memory:training`: bytes at the peak of a step that is carried out; less is better.

    Inference is a forward pass in eval mode at batch 1, as in the prediction that is called `memory`. Training is two
    steps of the recipe's optimiser at its batch size, on random inputs, the loss being the mean of squares of outputs.

    What counts is what torch's own allocator hands out, as its profiler reports it: parameters, buffers and inputs, and
    what is alive beside them at the worst moment, workspaces of operations included. What libraries below torch
    allocate themselves (oneDNN's scratch memory), the interpreter and fragmentation do not count; so the number is the
    same whenever it is measured with one version of torch on one kind of machine.

    Args:
        step: one of `STEPS`.
        recipe: for training; its optimiser and batch size matter.
        maximise: whether more is better.
    """

    better = "less"

    def __init__(self, step: str, recipe: Recipe | None = None, maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.step = step
        self.how = recipe or Recipe()

    @property
    def name(self) -> str:
        return f"memory:{self.step}"

    def recipe(self) -> dict[str, Any]:
        if self.step == "inference":
            return super().recipe()
        return {**super().recipe(), "recipe": self.how.record()}

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        torch = import_torch()

        training = self.step == "training"
        module = architecture.module(seed).train(training)
        batch = self.how.batch_size if training else 1
        given = random_inputs(architecture.onnx(module=architecture.module(seed).eval()), batch, seed)
        inputs = [torch.from_numpy(array) for array in given.values()]
        there = sum([t.untyped_storage().nbytes() for t in (*module.parameters(), *module.buffers(), *inputs)])
        if training:
            return there + _peak(lambda: _train(module, inputs, self.how))
        with torch.no_grad():
            return there + _peak(lambda: module(*inputs))


def _train(module: nn.Module, inputs: list[Tensor], recipe: Recipe) -> None:
    torch = import_torch()

    optimiser = optimiser_of(module, recipe)
    for _ in range(_TRAINING_STEPS):
        found = module(*inputs)
        outputs = [found] if isinstance(found, torch.Tensor) else list(found)
        loss = torch.stack([output.float().square().mean() for output in outputs]).sum()
        if optimiser is not None and loss.requires_grad:
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()


def _peak(run: Callable[[], object]) -> int:
    """The most bytes that torch had handed out at once meanwhile, beside those that it had before."""
    from torch.profiler import ProfilerActivity, profile

    profiler: Any = profile(activities=[ProfilerActivity.CPU], profile_memory=True)
    with _silent():
        profiler.__enter__()
    try:
        run()
    finally:
        with _silent():
            profiler.__exit__(None, None, None)
    events = [
        (event.start_ns(), event.nbytes())
        for event in profiler.profiler.kineto_results.events()
        if event.name() == "[memory]"
    ]
    alive = peak = 0
    for _, size in sorted(events, key=lambda event: event[0]):
        alive += size
        peak = max(peak, alive)
    return peak


@contextmanager
def _silent() -> Generator[None]:
    """Without what torch's profiler prints on the process's standard error when it begins and ends."""
    kept = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
