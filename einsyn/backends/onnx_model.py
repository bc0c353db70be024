"""A graph as an ONNX model, built directly: no tracing, and the weights are those of the live torch module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.backends.onnx_file import LARGEST_INSIDE, save_onnx, weight_bytes
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError
from einsyn.ir.graph import id_limits
from einsyn.ir.sizes import least_values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    import torch
    from onnx import ModelProto

    from einsyn.backends.torch_source import Slot
    from einsyn.ir.graph import Graph

__all__ = [
    "DEFAULT_OPSET",
    "IDS_KEY",
    "LEAST_KEY",
    "NEWEST_OPSET",
    "OLDEST_OPSET",
    "build_onnx",
    "import_onnx",
    "save_onnx",
]

# Metadata that says how many ids an input may hold.
IDS_KEY: Final = "einsyn.ids."
# Metadata that says how large an open size has to be at least.
LEAST_KEY: Final = "einsyn.least."
# LayerNormalization came with 17.
OLDEST_OPSET: Final = 17
# The first with Gelu; onnxruntime runs it since 1.17 (February 2024).
DEFAULT_OPSET: Final = 20
# The newest that onnxruntime 1.31 loads; onnx itself knows newer ones.
NEWEST_OPSET: Final = 26
# The newest file format that onnxruntime 1.31 loads.
_NEWEST_IR: Final = 13
# Every operation takes these where its own type rule does.
_EVERYWHERE: Final = frozenset({"f32", "i64", "i32", "bool"})


def build_onnx(
    graph: Graph,
    state_dict: Mapping[str, torch.Tensor],
    keys: Mapping[Slot, str],
    *,
    opset: int = DEFAULT_OPSET,
    metadata: Mapping[str, str] | None = None,
    name: str = "",
    fold: bool = False,
) -> ModelProto:
    """Build an ONNX model.

    Args:
        graph: what to build; the batch axis becomes the symbol `B`, open sizes keep their names.
        state_dict: the weights; an initializer has the key as its name, with `.T` if it is stored transposed.
        keys: where each parameter is in `state_dict`, as `write_source` returns it.
        opset: from `OLDEST_OPSET` to `NEWEST_OPSET`.
        metadata: text that travels in the file, beside the numbers of ids that inputs may hold and the least values of
            open sizes.
        name: of the ONNX graph; the graph's own by default.
        fold: whether what depends on no input is worked out, so that weights need not be stored under their keys.

    Raises:
        BackendError: B001 onnx is not installed, B002 the opset is out of range, B008 a weight is missing, B009 the
            opset lacks an operation for the graph's dtypes.
    """
    onnx = import_onnx()
    newest = min(NEWEST_OPSET, onnx.defs.onnx_opset_version())
    if not OLDEST_OPSET <= opset <= newest:
        raise BackendError(
            Diagnostic(
                "B002",
                f"opset {opset} cannot be written",
                hint=f"give a number from {OLDEST_OPSET} to {newest}; the default is {DEFAULT_OPSET}",
            )
        )
    from einsyn.backends.onnx_writer import (
        Writer,
        value_info,
    )  # imports numpy and onnx, which are known to be there by now

    model = onnx.ModelProto()
    writer = Writer(graph, state_dict, keys, opset, model.graph)
    for operation in graph.operations:
        writer.write(operation)
    results = writer.finish()
    model.ir_version = min(_NEWEST_IR, onnx.helper.find_min_ir_version_for([onnx.helper.make_opsetid("", opset)]))
    model.producer_name = "einsyn"
    model.opset_import.append(onnx.helper.make_opsetid("", opset))
    model.graph.name = name or graph.name or "net"
    model.graph.input.extend(value_info(given, graph.types[value]) for given, value in graph.inputs)
    model.graph.output.extend(
        value_info(result, graph.types[value]) for result, value in zip(results, graph.outputs, strict=True)
    )
    if fold:
        from einsyn.backends.onnx_constants import fold_constants

        fold_constants(model)
    onnx.helper.set_model_props(model, {**(metadata or {}), **_id_limits(graph), **_least_sizes(graph)})
    if not {t.dtype for t in graph.types} <= _EVERYWHERE:
        _refuse_dtypes(model, opset, newest)
    return model


def _refuse_dtypes(model: ModelProto, opset: int, newest: int) -> None:
    """Raise B009 where the opset does not have what the model does with its dtypes."""
    said = _wrong_types(model)
    if said is None:
        return
    later = type(model)()
    later.CopyFrom(model)
    for version in range(opset + 1, newest + 1):
        later.opset_import[0].version = version
        if _wrong_types(later) is None:
            hint = f"--opset {version}, which not every runtime can run"
            break
    else:
        hint = "give the input another dtype, f32[...]"
    raise BackendError(
        Diagnostic("B009", f"opset {opset} lacks an operation for these dtypes", evidence=said, hint=hint)
    )


def _wrong_types(model: ModelProto) -> tuple[str, ...] | None:
    """What onnx says of types that its operations do not take; None where there are none, or it cannot be asked."""
    onnx = import_onnx()
    if weight_bytes(model) > LARGEST_INSIDE:
        return None
    try:
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    except onnx.shape_inference.InferenceError as error:
        return tuple(str(error).strip().splitlines()[:4])
    return None


def _id_limits(graph: Graph) -> dict[str, str]:
    """For every input that is looked up somewhere how many ids all look-ups allow."""
    found = id_limits(graph)
    return {f"{IDS_KEY}{name}": str(found[value]) for name, value in graph.inputs if value in found}


def _least_sizes(graph: Graph) -> dict[str, str]:
    """How large open sizes have to be, where not every size will do."""
    return {f"{LEAST_KEY}{symbol}": str(n) for symbol, n in least_values(graph.types).items() if n > 1}


def import_onnx() -> ModuleType | Any:
    """The package onnx; B001 if it is not installed."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise BackendError(Diagnostic("B001", "onnx is not installed", hint="pip install 'einsyn[onnx]'")) from error
    return onnx
