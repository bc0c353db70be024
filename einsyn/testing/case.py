"""A network as a test: torch source, ONNX model, weights, inputs and the shapes that must come out.

A case is plain data. It goes to the process that runs the software under test, and into the files of a finding.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any

from einsyn.backends.onnx_file import model_bytes
from einsyn.backends.onnx_model import DEFAULT_OPSET, build_onnx
from einsyn.backends.torch_source import write_source
from einsyn.backends.verify import random_inputs
from einsyn.ir.sizes import Affine, value_of
from einsyn.ir.types import BATCH

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from torch import nn

    from einsyn.backends.torch_source import TorchSource
    from einsyn.ir.graph import Graph
    from einsyn.ops.op import Param

    Array = np.ndarray[Any, Any]

# A batch of 2 shows a batch axis that is mixed up; a batch of 1 does not.
_BATCH = 2


@dataclass(frozen=True)
class Case:
    """A network with weights and inputs.

    Args:
        source: a torch file that defines `Net`.
        model: the same network as ONNX; the weights of the module are taken from it.
        inputs: arrays by name, in order.
        shapes: what einsyn says of the outputs, for these inputs.
    """

    source: str
    model: bytes
    inputs: Mapping[str, Array]
    shapes: tuple[tuple[int, ...], ...]

    def module(self) -> nn.Module:
        """The torch module in eval mode, with the weights."""
        import torch

        from einsyn.backends.torch_module import build_module

        # Nothing is initialised: every weight is replaced.
        with torch.device("meta"):
            made = build_module(self.source)
        stored = arrays_of(self.model)
        state: dict[str, torch.Tensor] = {}
        for key, tensor in made.state_dict().items():
            array = weight_of(stored, key)
            # What ONNX does not know, such as the number of batches seen, starts at 0.
            state[key] = torch.zeros(tensor.shape, dtype=tensor.dtype) if array is None else torch.tensor(array)
        made.load_state_dict(state, assign=True)
        return made.eval()


def arrays_of(model: bytes) -> dict[str, Array]:
    """The initializers of an ONNX model, by name.

    Raises:
        DecodeError: the bytes are no model.
    """
    import onnx

    return {t.name: onnx.numpy_helper.to_array(t) for t in onnx.load_from_string(model).graph.initializer}


def input_names(model: bytes) -> list[str]:
    """The names of an ONNX model's inputs, in order."""
    import onnx

    return [given.name for given in onnx.load_from_string(model).graph.input]


def weight_of(arrays: Mapping[str, Array], key: str) -> Array | None:
    """The weight of a key of the module's state among the initializers of its model; some are stored transposed."""
    if key in arrays:
        return arrays[key]
    turned = arrays.get(f"{key}.T")
    return None if turned is None else turned.T


def case_of(
    graph: Graph,
    seed: int = 0,
    *,
    opset: int = DEFAULT_OPSET,
    metadata: Mapping[str, str] | None = None,
    weights: Mapping[str, Array] | None = None,
    inputs: Mapping[str, Array] | None = None,
) -> Case:
    """A graph with random weights and inputs.

    Weights are drawn, not initialised: biases, scales and running statistics too, because what starts as 0 or 1
    hides whoever forgets it. The global random states are left alone.

    Args:
        graph: the network.
        seed: of weights and inputs.
        opset: of the ONNX model.
        metadata: text that travels in the ONNX model.
        weights: arrays by key that are used where they are given.
        inputs: use these.

    Raises:
        BackendError: B001 a package is missing, B003 an operation cannot be written.
    """
    import torch

    written = flat_source(graph)
    drawn = random_weights(graph, written.keys, seed) | dict(weights or {})
    state = {key: torch.as_tensor(array) for key, array in drawn.items()}
    model = build_onnx(graph, state, written.keys, opset=opset, metadata=metadata)
    given = random_inputs(model, _BATCH, seed) if inputs is None else dict(inputs)
    return Case(written.text, model_bytes(model), given, output_shapes(graph, given))


def flat_source(graph: Graph) -> TorchSource:
    """The torch source of a graph as one class: a graph that is read from a file does not know its blocks."""
    return write_source(graph, blocks=False)


def random_weights(graph: Graph, keys: Mapping[tuple[int, str], str], seed: int) -> dict[str, Array]:
    """A number for every parameter and buffer of a graph, of the size that its initialisation has.

    Args:
        graph: the network.
        keys: where they are in the module's state, as `flat_source` returns it.
        seed: the same seed and key give the same numbers.
    """
    found: dict[str, Array] = {}
    for operation in graph.owners():
        signature = operation.signature
        for name, param in (*signature.params.items(), *signature.buffers.items()):
            assert operation.owner is not None
            key = keys[operation.owner, name]
            found[key] = _drawn(param, [seed, zlib.crc32(key.encode())])
    return found


def _drawn(param: Param, seed: list[int]) -> Array:
    import numpy as np

    rng = np.random.default_rng(seed)
    dtypes = {"f64": np.float64, "f16": np.float16, "i64": np.int64, "i32": np.int32, "bool": np.bool_}
    dtype = dtypes.get(param.dtype, np.float32)
    kind, _, number = param.init.partition(" ")
    if not np.issubdtype(dtype, np.floating):
        return np.zeros(param.shape, dtype)
    noise = rng.standard_normal(param.shape, np.float32)
    if kind == "ones":
        # A scale or a variance: positive, around 1.
        drawn = np.exp(0.3 * noise)
    elif kind == "zeros":
        drawn = 0.1 * noise
    elif kind in ("normal", "constant"):
        drawn = float(number) * noise if kind == "normal" else np.full(param.shape, float(number))
    else:
        fan_in = prod(param.shape[1:]) if len(param.shape) > 1 else 100
        drawn = (3 * max(1, fan_in)) ** -0.5 * noise
    return np.asarray(drawn, dtype)


def output_shapes(graph: Graph, inputs: Mapping[str, Array]) -> tuple[tuple[int, ...], ...]:
    """The shapes of a graph's outputs for inputs of given shapes; symbols take the sizes that they have there."""
    sizes: dict[str, int] = {}
    for name, value in graph.inputs:
        for symbol, size in zip(graph.types[value].shape, inputs[name].shape, strict=True):
            if isinstance(symbol, str):
                affine = Affine.of(symbol)
                sizes[affine.symbol] = affine.least(size)
    sizes.setdefault(BATCH, _BATCH)
    return tuple(tuple(value_of(n, sizes) for n in graph.types[value].shape) for value in graph.outputs)
