"""Works out what an ONNX model computes of its weights and constants alone: masks, tables of positions, kernels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import AttributeProto, GraphProto, TensorProto, ValueInfoProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from onnx import ModelProto, NodeProto

    Array = np.ndarray[Any, Any]

# What may be worked out beforehand: functions of their inputs alone that onnx's reference computes.
_FUNCTIONS: Final = frozenset(
    "Abs Add And Cast Concat Div Equal Exp Expand Gather Greater LessOrEqual MatMul Mul Neg Not Or Pad Pow Reciprocal "
    "ReduceMean ReduceSum Reshape Sigmoid Slice Sqrt Squeeze Sub Tanh Transpose Unsqueeze Where".split()
)
# In 16 bits the reference rounds otherwise than a runtime does.
_DTYPES: Final = frozenset(
    (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32, TensorProto.BOOL)
)
# Larger tensors are left alone: what makes a file grow should be worth it.
_LARGEST: Final = 1 << 20


def fold_constants(model: ModelProto) -> None:
    """Replace nodes that depend on no input by what they give, in place.

    Weights that only they used go; others keep their names. Loops and branches are left as they are.
    """
    graph = model.graph
    stored = {
        tensor.name: tensor
        for tensor in graph.initializer
        if tensor.data_type in _DTYPES and len(tensor.raw_data) <= _LARGEST
    }
    if not any(_foldable(node, stored) for node in graph.node):
        return
    returned = {value.name for value in graph.output}
    before = set(_used(graph.node))
    arrays: dict[str, Array] = {}
    made: dict[str, Array] = {}
    kept: list[NodeProto] = []
    for node in graph.node:
        if returned.isdisjoint(node.output) and _foldable(node, stored, made):
            given = {name: _array(name, stored, made, arrays) for name in node.input if name}
            results = _computed(node, given, model)
            if sum(array.nbytes for array in results) <= _LARGEST:
                made.update(zip(node.output, results, strict=True))
                continue
        kept.append(node)
    used = set(_used(kept))
    del graph.node[:]
    graph.node.extend(kept)
    for i in reversed(range(len(graph.initializer))):
        if graph.initializer[i].name in before - used:
            del graph.initializer[i]
    graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in made.items() if name in used)


def _foldable(node: NodeProto, *known: Mapping[str, object]) -> bool:
    return node.op_type in _FUNCTIONS and all(not name or any(name in some for some in known) for name in node.input)


def _array(name: str, stored: dict[str, TensorProto], made: dict[str, Array], arrays: dict[str, Array]) -> Array:
    found = made.get(name, arrays.get(name))
    if found is None:
        found = arrays[name] = numpy_helper.to_array(stored[name])
    return found


def _computed(node: NodeProto, given: dict[str, Array], model: ModelProto) -> list[Array]:
    inputs = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in given.items()
    ]
    graph = GraphProto(name="constant", node=[node], input=inputs)
    graph.output.extend(ValueInfoProto(name=name) for name in node.output)
    alone = helper.make_model(graph, opset_imports=model.opset_import)
    evaluator: Any = ReferenceEvaluator(alone)
    with np.errstate(all="ignore"):
        return [np.asarray(result) for result in evaluator.run(None, given)]


def _used(nodes: Iterable[NodeProto]) -> Iterator[str]:
    """The names that nodes read, those in the graphs that they own as well."""
    pending = list(nodes)
    while pending:
        node = pending.pop()
        yield from node.input
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                pending.extend(attribute.g.node)
                yield from (value.name for value in attribute.g.output)
