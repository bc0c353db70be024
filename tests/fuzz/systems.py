"""Tools of the ONNX ecosystem as oracles of `einsyn fuzz`, such as `--against onnxruntime-off,systems:slimmed`.

Each takes the bytes of an ONNX model and arrays by input name, lets a tool do its work on the model, and returns what
onnxruntime without optimisation computes of the result. It needs nothing of einsyn: the script of a finding runs where
this file is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime

Array = np.ndarray[Any, Any]

# The oldest opset with LayerNormalization, and the newest that onnxruntime 1.31 loads.
OLDER, NEWER = 17, 26


def inferred(model: bytes, inputs: Mapping[str, Array]) -> list[Array]:
    """The model itself; every type and shape that onnx infers in it has to be what it turns out to be.

    Raises:
        ValueError: a value has another type or shape than was inferred.
    """
    loaded = onnx.load_from_string(model)
    bare = onnx.load_from_string(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.type.tensor_type.ClearField("shape")
    known = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    claims = {value.name: value.type.tensor_type for value in (*known.graph.value_info, *known.graph.output)}
    outputs = [output.name for output in loaded.graph.output]
    watched = {name: node.op_type for node in loaded.graph.node for name in node.output if name}
    loaded.graph.output.extend(onnx.ValueInfoProto(name=name) for name in watched if name not in outputs)
    computed = _run(loaded, inputs)
    symbols: dict[str, int] = {}
    for given in loaded.graph.input:
        symbols.update(_symbols(given.type.tensor_type, inputs[given.name]))
    for name, operator in watched.items():
        claim, array = claims.get(name), computed[name]
        if claim is not None and not _holds(claim, array, symbols):
            raise ValueError(f"{operator}: {_shown(claim)} was inferred, {array.dtype}{list(array.shape)} came out")
    return [computed[name] for name in outputs]


def upgraded(model: bytes, inputs: Mapping[str, Array]) -> list[Array]:
    """The model, taken to a newer opset by onnx's version converter."""
    return _converted(model, inputs, NEWER)


def downgraded(model: bytes, inputs: Mapping[str, Array]) -> list[Array]:
    """The model, taken to an older opset by onnx's version converter; as it is where there is no way back."""
    return _converted(model, inputs, OLDER)


def slimmed(model: bytes, inputs: Mapping[str, Array]) -> list[Array]:
    """The model, simplified by onnxslim."""
    import onnxslim

    return _outputs(onnxslim.slim(onnx.load_from_string(model)), inputs)


def simplified(model: bytes, inputs: Mapping[str, Array]) -> list[Array]:
    """The model, simplified by onnxsim."""
    import onnxsim

    simpler, _ = onnxsim.simplify(onnx.load_from_string(model))
    return _outputs(simpler, inputs)


def _converted(model: bytes, inputs: Mapping[str, Array], opset: int) -> list[Array]:
    loaded = onnx.load_from_string(model)
    try:
        loaded = onnx.version_converter.convert_version(loaded, opset)
    except RuntimeError as error:
        # Its documented way to say that it cannot; the class alone does not tell this from other failures.
        if not any(refusal in str(error) for refusal in ("No Adapter", "No Previous Version of")):
            raise
    return _outputs(loaded, inputs)


def _outputs(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> list[Array]:
    return list(_run(model, inputs).values())


def _run(model: onnx.ModelProto, inputs: Mapping[str, Array]) -> dict[str, Array]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    wanted = {given.name for given in session.get_inputs()}
    names = [output.name for output in session.get_outputs()]
    computed: Any = session.run(names, {name: array for name, array in inputs.items() if name in wanted})
    return dict(zip(names, computed, strict=True))


def _sizes(claim: onnx.TypeProto.Tensor, array: Array) -> Iterator[tuple[onnx.TensorShapeProto.Dimension, int]]:
    return zip(claim.shape.dim, array.shape, strict=True)


def _symbols(claim: onnx.TypeProto.Tensor, array: Array) -> dict[str, int]:
    return {dim.dim_param: size for dim, size in _sizes(claim, array) if dim.dim_param}


def _holds(claim: onnx.TypeProto.Tensor, array: Array, symbols: dict[str, int]) -> bool:
    """Whether an array is of a type. A symbol that is met for the first time stands for what it meets."""
    if claim.elem_type and onnx.helper.tensor_dtype_to_np_dtype(claim.elem_type) != array.dtype:
        return False
    if not claim.HasField("shape"):
        return True
    if len(claim.shape.dim) != array.ndim:
        return False
    return all(
        dim.dim_value == size if dim.HasField("dim_value") else symbols.setdefault(dim.dim_param, size) == size
        for dim, size in _sizes(claim, array)
        if dim.HasField("dim_value") or dim.dim_param
    )


def _shown(claim: onnx.TypeProto.Tensor) -> str:
    sizes = [str(dim.dim_value) if dim.HasField("dim_value") else dim.dim_param or "?" for dim in claim.shape.dim]
    return f"{onnx.helper.tensor_dtype_to_np_dtype(claim.elem_type)}[{', '.join(sizes)}]"
