"""What a machine's load cannot change: operations that torch runs and nodes of ONNX files, ours and by hand."""

from __future__ import annotations

import io
import warnings
from collections import Counter
from typing import TYPE_CHECKING, Any

import onnx
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.comparators import NETS, example

if TYPE_CHECKING:
    from collections.abc import Iterable

    from onnx import ModelProto
    from torch import nn

    from benchmarks.comparators import Net

BATCH = 2
# Views of a tensor by another name, which no exporter can be blamed for.
_CONSTANTS = ("Constant",)


def run(names: Iterable[str] = ()) -> dict[str, Any]:
    """For each net, [ours, by hand]: operations of an inference and of a training step, ONNX nodes."""
    found: dict[str, Any] = {}
    for name in names or NETS:
        net = NETS[name]
        found[name] = {
            "inference": [sum(operations(net, ours, training=False).values()) for ours in (True, False)],
            "training": [sum(operations(net, ours, training=True).values()) for ours in (True, False)],
            "nodes": [sum(nodes(net.architecture().onnx()).values()), min(map(len_of, exported(net).values()))],
        }
    return found


def len_of(counted: Counter[str]) -> int:
    """All of what was counted."""
    return sum(counted.values())


class _Counting(TorchDispatchMode):
    """Counts what reaches a kernel, views included."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.counted[str(func)] += 1
        return func(*args, **(kwargs or {}))


def operations(net: Net, ours: bool, *, training: bool) -> Counter[str]:
    """Operations of one inference, or of a forward pass in training mode and its backward pass; nothing is computed."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        module = net.architecture().module() if ours else net.build()
        module.train(training)
        x = example(net, BATCH)
        with _Counting() as counting, torch.set_grad_enabled(training):
            y = module(x)
            if training:
                y.sum().backward()
    return counting.counted


def nodes(model: ModelProto) -> Counter[str]:
    """Nodes of a model by operator; constants written as nodes count as little as initializers."""
    return Counter(node.op_type for node in model.graph.node if node.op_type not in _CONSTANTS)


def exported(net: Net, opset: int = 20) -> dict[str, Counter[str]]:
    """The nodes of what both of torch's exporters make of the comparator, with a free batch."""
    module = net.build().eval()
    return {
        "dynamo=False": nodes(export(module, example(net, BATCH), opset=opset, dynamo=False)),
        "dynamo=True": nodes(export(module, example(net, BATCH), opset=opset, dynamo=True)),
    }


def export(module: nn.Module, x: torch.Tensor, *, opset: int, dynamo: bool) -> ModelProto:
    """A module as torch exports it, the batch free."""
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
