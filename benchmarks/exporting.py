"""Graph and weights to an ONNX file, against torch.onnx.export of the same module; checks are timed by neither."""

from __future__ import annotations

import statistics
import tempfile
import time
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

import einsyn
from benchmarks.measure import interleaved, ratio

if TYPE_CHECKING:
    from einsyn.architecture import Architecture

DYNAMO_CALLS = 3


def run() -> dict[str, Any]:
    """How many times faster than both exporters, warm, at ResNet-18 size and below 1 MB of weights."""
    torch.set_num_threads(1)
    space = einsyn.load("einspace")
    small = [a for a in space.sample(60, seed=2, max_params=250_000) if len(a.graph.operations) >= 8][:5]
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        target = Path(folder)
        found["resnet18, times faster than dynamo=False"] = faster(space.ref("resnet18_no_maxpool"), target)
        ratios = [faster(a, target) for a in small]
        found["below 1 MB, times faster than dynamo=False"] = round(statistics.median(ratios), 2)
        found["below 1 MB, times faster than dynamo=True"] = faster_than_dynamo(small[0], target)
    return found


def faster(architecture: Architecture, folder: Path) -> float:
    """The ratio of torch.onnx.export with dynamo=False to ours."""
    module = architecture.module().eval()
    example = torch.randn(2, *architecture.graph.types[0].concrete())

    def theirs() -> None:
        torch.onnx.export(
            module, (example,), str(folder / "theirs.onnx"), dynamo=False, opset_version=17,
            input_names=["image"], dynamic_axes={"image": {0: "B"}},
        )  # fmt: skip

    ours, exporter = interleaved(lambda: architecture.onnx(folder / "ours.onnx", module=module), theirs, 7)
    return round(ratio(exporter, ours), 2)


def faster_than_dynamo(architecture: Architecture, folder: Path) -> float | str:
    """The same for dynamo=True, which takes seconds; needs onnxscript."""
    if find_spec("onnxscript") is None:
        return "onnxscript is not installed"
    module = architecture.module().eval()
    example = torch.randn(2, *architecture.graph.types[0].concrete())
    times: list[float] = []
    for _ in range(DYNAMO_CALLS + 1):
        start = time.perf_counter()
        torch.onnx.export(module, (example,), str(folder / "theirs.onnx"), dynamo=True)
        times.append(time.perf_counter() - start)
    ours: list[float] = []
    for _ in range(9):
        start = time.perf_counter()
        architecture.onnx(folder / "ours.onnx", module=module)
        ours.append(time.perf_counter() - start)
    return round(statistics.median(times[1:]) / statistics.median(ours), 2)
