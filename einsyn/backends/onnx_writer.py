"""Writes the operations of a graph as ONNX nodes, initializers and constants."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import GraphProto, TensorProto, helper

from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError
from einsyn.ir.own_op import lowered

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import torch
    from onnx import ValueInfoProto

    from einsyn.backends.torch_source import Slot
    from einsyn.ir.graph import Graph, Operation
    from einsyn.ir.types import TensorType

_ELEMENTS = {
    "f64": TensorProto.DOUBLE,
    "f32": TensorProto.FLOAT,
    "f16": TensorProto.FLOAT16,
    "bf16": TensorProto.BFLOAT16,
    "i64": TensorProto.INT64,
    "i32": TensorProto.INT32,
    "bool": TensorProto.BOOL,
}


def element_type(dtype: str) -> int:
    """ONNX's number for a dtype of einsyn."""
    return _ELEMENTS[dtype]


def value_info(name: str, t: TensorType) -> ValueInfoProto:
    """A name and a type of einsyn as an input or output of an ONNX graph."""
    return helper.make_tensor_value_info(name, element_type(t.dtype), t.shape)


class Writer:
    """The nodes and initializers of one graph, written operation by operation."""

    def __init__(
        self,
        graph: Graph,
        state_dict: Mapping[str, torch.Tensor],
        keys: Mapping[Slot, str],
        opset: int,
        target: GraphProto,
        above: Writer | None = None,
    ) -> None:
        self.graph = graph
        self.target = target
        self.state_dict = state_dict
        self.keys = keys
        self.opset = opset
        self.names: dict[int, str] = {value: name for name, value in graph.inputs}
        # A region uses the initializers of the graph above it; names are unique in all of them.
        self._above = above
        self._initializers: set[str] = above._initializers if above else set()
        self._taken: set[str] = above._taken if above else set()
        self._node_names: dict[str, int] = above._node_names if above else {}
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = above._constants if above else {}
        if above is None:
            self._taken.update(self.names.values(), keys.values(), (f"{key}.T" for key in keys.values()))
        self._values = 0

    def region(self, operation: Operation, graph: Graph) -> GraphProto:
        """The graph that an operation owns, with inputs and outputs of its own and no initializers."""
        body = GraphProto(name=self._fresh(operation.op.name))
        signature = operation.signature
        keys: dict[Slot, str] = {}
        for name in (*signature.params, *signature.buffers):
            of, _, rest = name.partition(".")
            if operation.owner is not None and (operation.owner, name) in self.keys:
                keys[int(of), rest] = self.keys[operation.owner, name]
        inner = Writer(graph, self.state_dict, keys, self.opset, body, self)
        for name, value in graph.inputs:
            inner.names[value] = self._fresh(f"{body.name}.{name}")
            body.input.append(value_info(inner.names[value], graph.types[value]))
        for each in graph.operations:
            inner.write(each)
        for name, value in zip(inner.finish(f"{body.name}.output"), graph.outputs, strict=True):
            body.output.append(value_info(name, graph.types[value]))
        return body

    def write(self, operation: Operation) -> None:
        """Write one operation."""
        written = lowered(operation, "onnx", _Context(self, operation))
        names = (written,) if isinstance(written, str) else written
        for value, name in zip(operation.outputs, names, strict=True):
            self.names[value] = name

    def finish(self, name: str = "output") -> list[str]:
        """Give the graph's outputs names of their own; an output that is no node's result gets an Identity."""
        produced = {name for node in self.target.node for name in node.output}
        outputs = self.graph.outputs
        results: list[str] = []
        renamed: dict[str, str] = {}
        for i, value in enumerate(outputs):
            old = self.names[value]
            new = self._fresh(name if len(outputs) == 1 else f"{name}{i + 1}")
            if old in produced and old not in renamed:
                renamed[old] = new
            else:
                self.emit("Identity", [old], 1, f"/{new}", {}, [new])
            results.append(new)
        for node in self.target.node:
            for names in (node.input, node.output):
                for i, name in enumerate(names):
                    if name in renamed:
                        names[i] = renamed[name]
        return results

    def emit(
        self,
        op_type: str,
        inputs: Iterable[str],
        outputs: int,
        name: str,
        attributes: Mapping[str, object],
        results: list[str] | None = None,
    ) -> list[str]:
        """Append a node with a unique name; returns the names of its results."""
        count = self._node_names.get(name, 0)
        self._node_names[name] = count + 1
        results = results or [self._value() for _ in range(outputs)]
        node = self.target.node.add()
        node.op_type = op_type
        node.name = f"{name}#{count + 1}" if count else name
        node.input.extend(inputs)
        node.output.extend(results)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        return results

    def _value(self) -> str:
        if self._above is not None:
            return self._above._value()
        self._values += 1
        return self._fresh(f"v{self._values}")

    def _fresh(self, name: str) -> str:
        while name in self._taken:
            name += "_"
        self._taken.add(name)
        return name

    def weight(self, operation: Operation, name: str, transpose: bool) -> str:
        """The initializer of a parameter."""
        owner = operation.owner
        key = self.keys.get((owner, name)) if owner is not None else None
        tensor = self.state_dict.get(key) if key is not None else None
        if key is None or tensor is None:
            raise _lacking(operation, f"the state dict lacks `{key or name}`")
        initializer = f"{key}.T" if transpose else key
        if initializer not in self._initializers:
            signature = operation.signature
            declared = signature.params.get(name) or signature.buffers[name]
            if tuple(tensor.shape) != declared.shape:
                raise _lacking(operation, f"`{key}` is {list(tensor.shape)} and not {list(declared.shape)}")
            self._initializer(initializer, *tensor_bytes(tensor.t() if transpose else tensor))
        return initializer

    def constant(self, array: np.ndarray[Any, Any], element: int | None = None) -> str:
        """The initializer of a constant; equal ones are stored once."""
        element = element or helper.np_dtype_to_tensor_dtype(array.dtype)
        data = np.ascontiguousarray(array).tobytes()
        found = self._constants.get((str(element), array.shape, data))
        if found is None:
            found = self._fresh(f"constant{len(self._constants) + 1}")
            self._constants[str(element), array.shape, data] = found
            self._initializer(found, element, array.shape, data)
        return found

    def _initializer(self, name: str, element: int, shape: Sequence[int], data: bytes) -> None:
        if self._above is not None:
            self._above._initializer(name, element, shape, data)
            return
        # Filled in place: a copy of each weight would take as long as all the rest.
        proto = self.target.initializer.add()
        proto.name = name
        proto.data_type = element
        proto.dims.extend(shape)
        proto.raw_data = data
        self._initializers.add(name)


class _Context:
    """What an operation sees while it is written."""

    def __init__(self, writer: Writer, operation: Operation) -> None:
        self._writer = writer
        self._operation = operation
        self.opset = writer.opset
        self.inputs = tuple(writer.names[value] for value in operation.inputs)
        self.types = tuple(writer.graph.types[value] for value in operation.inputs)
        self.outputs = operation.signature.outputs
        self._name = f"{operation.path}:{operation.op.name}"
        self._emitted = 0

    def node(self, op_type: str, inputs: Sequence[str], **attributes: object) -> str:
        return self.nodes(op_type, inputs, 1, **attributes)[0]

    def nodes(self, op_type: str, inputs: Sequence[str], outputs: int, **attributes: object) -> tuple[str, ...]:
        name = f"{self._name}/{op_type}" if self._emitted else self._name
        self._emitted += 1
        return tuple(self._writer.emit(op_type, inputs, outputs, name, attributes))

    def weight(self, name: str, transpose: bool = False) -> str:
        return self._writer.weight(self._operation, name, transpose)

    def array(self, values: object) -> str:
        return self._writer.constant(np.asarray(values))

    def region(self, graph: Graph) -> GraphProto:
        return self._writer.region(self._operation, graph)

    def integers(self, values: Sequence[int]) -> str:
        return self._writer.constant(np.array(values, dtype=np.int64))

    def scalar(self, value: float, like: TensorType | None = None) -> str:
        return self._writer.constant(*_floats(value, (), like.dtype if like else "f32"))

    def filled(self, value: float, size: int, like: TensorType | None = None) -> str:
        return self._writer.constant(*_floats(value, (size,), (like or self.outputs[0]).dtype))


def _floats(value: float, shape: tuple[int, ...], dtype: str) -> tuple[np.ndarray[Any, Any], int]:
    element = element_type(dtype)
    return np.full(shape, value, dtype=helper.tensor_dtype_to_np_dtype(element)), element


def _lacking(operation: Operation, what: str) -> BackendError:
    return BackendError(Diagnostic("B008", what, span=operation.span, path=str(operation.path)))


def tensor_bytes(tensor: torch.Tensor) -> tuple[int, tuple[int, ...], bytes]:
    """A torch tensor as ONNX's number of its dtype, its shape and its elements."""
    kinds = _kinds()
    data = tensor.detach()
    if data.device.type != "cpu":
        data = data.cpu()
    kind = kinds[data.dtype]
    if kind == TensorProto.BFLOAT16:
        import torch

        # numpy has no bfloat16: take such bytes as integers of the same width.
        return kind, tuple(data.shape), data.contiguous().view(torch.int16).numpy().tobytes()
    # `tobytes` writes rows in order, whatever the strides are.
    return kind, tuple(data.shape), data.numpy().tobytes()


@cache
def _kinds() -> dict[torch.dtype, int]:
    import torch

    return {
        torch.float32: TensorProto.FLOAT,
        torch.float64: TensorProto.DOUBLE,
        torch.float16: TensorProto.FLOAT16,
        torch.bfloat16: TensorProto.BFLOAT16,
        torch.int64: TensorProto.INT64,
        torch.int32: TensorProto.INT32,
        torch.bool: TensorProto.BOOL,
    }
