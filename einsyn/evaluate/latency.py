"""Measured latency as an objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.backends.verify import open_session, random_inputs, run_session, torch_outputs
from einsyn.evaluate.measure import REPEATS, WARM_UP, seconds
from einsyn.evaluate.objective import Objective

if TYPE_CHECKING:
    from einsyn.architecture import Architecture

RUNTIMES: Final = ("torch", "onnxruntime")


class Latency(Objective):
    """`latency` or `latency:onnxruntime`: milliseconds of a forward pass at batch 1 on one thread; less is better.

    The median of twenty passes after three. It is measured, so no two runs give equal numbers.

    Args:
        runtime: one of `RUNTIMES`.
        maximise: whether more is better.
    """

    better = "less"
    deterministic = False
    alone = True

    def __init__(self, runtime: str = "torch", maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.runtime = runtime

    @property
    def name(self) -> str:
        return f"latency:{self.runtime}"

    def recipe(self) -> dict[str, Any]:
        return {**super().recipe(), "warm_up": WARM_UP, "repeats": REPEATS}

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        module = architecture.module(seed).eval()
        model = architecture.onnx(module=module)
        inputs = random_inputs(model, 1, seed)
        if self.runtime == "torch":
            return 1e3 * seconds(lambda: torch_outputs(module, inputs))
        session = open_session(model)
        return 1e3 * seconds(lambda: run_session(session, inputs))
