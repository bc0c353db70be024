"""Writes ONNX models to files: whole or not at all, large weights beside the model."""

from __future__ import annotations

import os
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Final

from einsyn.files import replacing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import IO

    from google.protobuf.message import Message
    from onnx import ModelProto, TensorProto

# A protobuf message holds less than 2 GiB; the rest of the model needs some of it.
LARGEST_INSIDE: Final = (2 << 30) - (64 << 20)
# Smaller tensors stay in the model, as onnx's own writer leaves them.
_SMALLEST_OUTSIDE: Final = 1024
_ALIGNMENT: Final = 4096


# Below this protobuf's copies of the weights cost less than writing in parts saves.
SMALL: Final = 4 * 2**20


def weight_bytes(model: ModelProto) -> int:
    """Bytes of all initializers, as `build_onnx` writes them."""
    return sum(map(_length, model.graph.initializer))


def _length(tensor: TensorProto) -> int:
    """Bytes of a tensor's elements, which to ask protobuf for would copy."""
    from onnx import helper

    return helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize * prod(tensor.dims)


def save_onnx(model: ModelProto, path: str | os.PathLike[str], external: bool | None = None) -> None:
    """Write a model to a file. Another file of that name is replaced once the new one is complete.

    Args:
        model: as `build_onnx` returns it; it stays as it is.
        path: the file; weights outside go to the same name with `.data` added.
        external: whether weights go outside; by default only where they do not fit inside (2 GB).

    Raises:
        FileError: F009 the file cannot be written, F002 it is a directory.
    """
    target = Path(path)
    if external is None:
        external = weight_bytes(model) > LARGEST_INSIDE
    if external:
        data = target.with_name(f"{target.name}.data")
        outside, layout = _layout(model)
        slim = _without_weights(model, layout, data.name).SerializeToString()
        with replacing(data, "wb") as file:
            _write_data(file, outside, layout)
        with replacing(target, "wb") as file:
            file.write(slim)
        return
    with replacing(target, "wb") as file:
        file.writelines(_parts(model))


def model_bytes(model: ModelProto) -> bytes:
    """A model with its weights inside, which must fit (see `LARGEST_INSIDE`)."""
    return b"".join(_parts(model))


def _parts(model: ModelProto) -> Iterable[bytes]:
    return [model.SerializeToString()] if weight_bytes(model) < SMALL else encoded(model)


def encoded(model: ModelProto) -> Iterator[bytes]:
    """The bytes of a model in parts: what `SerializeToString` returns, up to the order of fields.

    protobuf copies every weight several times; this copies each once, which is most of the time of a small export.
    """
    from onnx import GraphProto, ModelProto, TensorProto

    shell = _without_weights(model, {tensor.name: (0, 0) for tensor in model.graph.initializer})
    graph = shell.graph.SerializeToString()
    shell.ClearField("graph")
    heads: list[bytes] = []
    for tensor in model.graph.initializer:
        head = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims).SerializeToString()
        raw = _opening(TensorProto, "raw_data", _length(tensor))
        length = len(head) + len(raw) + _length(tensor)
        heads.append(_opening(GraphProto, "initializer", length) + head + raw)
    total = len(graph) + sum(map(len, heads)) + weight_bytes(model)
    yield shell.SerializeToString() + _opening(ModelProto, "graph", total) + graph
    for head, tensor in zip(heads, model.graph.initializer, strict=True):
        yield head
        yield tensor.raw_data


def _opening(message: type[Message], field: str, length: int) -> bytes:
    """The tag and the length before the contents of a field."""
    tag = message.DESCRIPTOR.fields_by_name[field].number << 3 | 2
    return bytes([tag]) + _varint(length)


def _varint(number: int) -> bytes:
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def _layout(model: ModelProto) -> tuple[list[bytes], dict[str, tuple[int, int]]]:
    """The tensors that go outside, and for each its offset and length."""
    outside: list[bytes] = []
    layout: dict[str, tuple[int, int]] = {}
    end = 0
    for tensor in model.graph.initializer:
        length = _length(tensor)
        if length >= _SMALLEST_OUTSIDE:
            offset = -(-end // _ALIGNMENT) * _ALIGNMENT
            layout[tensor.name] = (offset, length)
            outside.append(tensor.raw_data)
            end = offset + length
    return outside, layout


def _write_data(file: IO[bytes], outside: list[bytes], layout: dict[str, tuple[int, int]]) -> None:
    for data, (offset, _) in zip(outside, layout.values(), strict=True):
        file.seek(offset)
        file.write(data)


def _without_weights(model: ModelProto, layout: dict[str, tuple[int, int]], location: str | None = None) -> ModelProto:
    """A model that refers to a data file for the weights in `layout`, or lacks them; they are not copied on the way."""
    from onnx import ModelProto, TensorProto

    slim = ModelProto()
    for field, value in model.ListFields():
        if field.name != "graph":
            _copy(slim, field.name, value, field.is_repeated)
    for field, value in model.graph.ListFields():
        if field.name != "initializer":
            _copy(slim.graph, field.name, value, field.is_repeated)
    for tensor in model.graph.initializer:
        if tensor.name not in layout:
            slim.graph.initializer.append(tensor)
            continue
        if location is None:
            continue
        offset, length = layout[tensor.name]
        outside = TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        outside.data_location = TensorProto.EXTERNAL
        for key, text in (("location", location), ("offset", str(offset)), ("length", str(length))):
            outside.external_data.add(key=key, value=text)
        slim.graph.initializer.append(outside)
    return slim


def _copy(target: object, name: str, value: object, repeated: bool) -> None:
    if repeated:
        getattr(target, name).extend(value)
    else:
        setattr(target, name, value)
