"""`python -m benchmarks.structure`: what a busy machine cannot change, of written networks and the same ones by hand.

Operations that torch runs in an inference and in a training step, and nodes of ONNX models: ours, and the fewer of what
torch's two exporters make of the network by hand. Kept in results/structure.json.
"""

from __future__ import annotations

import argparse
import io
import json
import warnings
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import onnx
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.comparators import NETS, example
from benchmarks.measure import machine, say

if TYPE_CHECKING:
    from onnx import ModelProto
    from torch import nn

    from benchmarks.comparators import Net

RESULTS: Final = Path(__file__).parent / "results" / "structure.json"
_BATCH: Final = 2
_OPSET: Final = 20
# Equal weights that an exporter stores once get an Identity each, and some constants are nodes: neither is counted.
_UNCOUNTED: Final = ("Constant", "Identity")


class _Counting(TorchDispatchMode):
    """Counts the operations below autograd, views included."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = str(func)
        if name.startswith("aten.") and not name.startswith("aten.detach"):
            self.counted[name] += 1
        return func(*args, **(kwargs or {}))


def operations(net: Net, ours: bool, *, training: bool) -> Counter[str]:
    """Operations of one inference, or of a forward pass in training mode and its backward pass; nothing is computed."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        module = net.architecture().module() if ours else net.build()
        module.train(training)
        x = example(net, _BATCH)
        with _Counting() as counting, torch.set_grad_enabled(training):
            y = module(x)
            if training:
                y.sum().backward()
    return counting.counted


def nodes(model: ModelProto) -> Counter[str]:
    """Nodes of a model by operator."""
    return Counter(node.op_type for node in model.graph.node if node.op_type not in _UNCOUNTED)


def export(module: nn.Module, x: torch.Tensor, *, opset: int = _OPSET, dynamo: bool) -> ModelProto:
    """A module as one of torch's exporters writes it, the batch free."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if dynamo:
            free = ({0: torch.export.Dim("B")},)
            program = torch.onnx.export(
                module, (x,), dynamo=True, opset_version=opset, dynamic_shapes=free, verbose=False
            )
            assert program is not None
            return program.model_proto
        stream = io.BytesIO()
        torch.onnx.export(
            module, (x,), stream, dynamo=False, opset_version=opset, input_names=["x"], dynamic_axes={"x": {0: "B"}}
        )
    return onnx.load_model_from_string(stream.getvalue())


def compare(net: Net) -> dict[str, Any]:
    """The counts of one network, [ours, by hand]."""
    by_hand = net.build().eval()
    exported = [nodes(export(by_hand, example(net, _BATCH), dynamo=dynamo)).total() for dynamo in (False, True)]
    return {
        "inference": [operations(net, ours, training=False).total() for ours in (True, False)],
        "training": [operations(net, ours, training=True).total() for ours in (True, False)],
        "onnx": [nodes(net.architecture().onnx(opset=_OPSET)).total(), min(exported)],
        "exporters": dict(zip(("torchscript", "dynamo"), exported, strict=True)),
    }


def table(known: dict[str, Any]) -> str:
    """All counts, ours and by hand."""
    lines = [f"{'':24}{'inference':>16}{'training step':>16}{'ONNX nodes':>16}"]
    for name, row in known.items():
        cells = [f"{row[what][0]} / {row[what][1]}" for what in ("inference", "training", "onnx")]
        lines.append(f"{name:24}" + "".join(f"{cell:>16}" for cell in cells))
    return "\n".join(lines)


def main() -> None:
    """Count, keep and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.structure", description=__doc__)
    parser.add_argument("--net", action="append", choices=list(NETS), help="only this one; repeat for several")
    options = parser.parse_args()
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"nets": {}}
    for name in options.net or NETS:
        say(f"{name} ...")
        kept["nets"][name] = compare(NETS[name])
        kept["versions"] = {key: value for key, value in machine().items() if key in ("python", "torch", "onnx")}
        RESULTS.write_text(json.dumps(kept, indent=1) + "\n")
    print(table(kept["nets"]))


if __name__ == "__main__":
    main()
