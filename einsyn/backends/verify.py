"""Does the ONNX model compute what the torch module computes?"""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from einsyn.backends.agreement import agreement
from einsyn.backends.onnx_file import LARGEST_INSIDE, model_bytes, save_onnx, weight_bytes
from einsyn.backends.onnx_model import IDS_KEY, LEAST_KEY, import_onnx
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError
from einsyn.ir.sizes import Affine
from einsyn.ir.types import BATCH

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping

    import numpy as np
    from onnx import ModelProto
    from torch import nn

    from einsyn.backends.agreement import Agreement

# Ids that no table limits.
_IDS: Final = 100
# The number that stands for the first open size; the next symbol gets one more.
_OPEN: Final = 6


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of running one net in torch and in onnxruntime.

    Args:
        verified: every output agreed: `max|a - b| <= 1e-4 * max(1, max|b|)`, b being torch's; see `Agreement` for f16.
        unstable: torch's own output was not finite, so that there is nothing to agree with.
        difference: the largest `|a - b|`.
        magnitude: the largest `|b|`.
        batches: the batch sizes that ran.
        explanation: how the first output that did not agree differs.
    """

    verified: bool
    unstable: bool
    difference: float
    magnitude: float
    batches: tuple[int, ...]
    explanation: str = ""


def verify(module: nn.Module, model: ModelProto, *, seed: int = 0, batches: tuple[int, ...] = (2, 3)) -> Verification:
    """Run a module in eval mode and its ONNX model in onnxruntime on the same random inputs.

    Args:
        module: the module whose weights the model has; its mode is the same afterwards.
        model: what `build_onnx` returned.
        seed: of the inputs (see `random_inputs`); no global random state is used.
        batches: the batch sizes to run.

    Raises:
        BackendError: B001 a package is missing, B007 onnxruntime cannot load or run the model.
    """
    _refuse_bf16(model)
    session = open_session(model)
    training = module.training
    module.eval()
    difference = magnitude = 0.0
    verified, unstable, explanation = True, False, ""
    try:
        for batch in batches:
            inputs = random_inputs(model, batch, seed)
            for reference, result in zip(torch_outputs(module, inputs), _outputs(session, inputs), strict=True):
                found = agreement(reference, result)
                if not found.finite:
                    unstable = True
                    continue
                gap = float("inf") if found.differs == "pattern" else found.gap
                difference, magnitude = max(difference, gap), max(magnitude, found.magnitude)
                verified = verified and not found.differs
                explanation = explanation or _explained(found, reference, result)
    finally:
        module.train(training)
    return Verification(verified and not unstable, unstable, difference, magnitude, batches, explanation)


def _explained(found: Agreement, reference: np.ndarray[Any, Any], result: np.ndarray[Any, Any]) -> str:
    """How an output differs, "" where it does not."""
    if found.differs == "shape":
        return f"torch gives the shape {list(reference.shape)}, onnxruntime {list(result.shape)}"
    if found.differs == "pattern":
        return "torch's output is finite, onnxruntime's is not"
    if found.differs == "values":
        return f"the largest difference is {found.gap:.3g}, torch's largest number {found.magnitude:.3g}"
    return ""


def _refuse_bf16(model: ModelProto) -> None:
    """Raise B007: onnxruntime has hardly a kernel of bf16 for the processor, and numpy has no such numbers."""
    from onnx import TensorProto

    given = [*model.graph.input, *model.graph.output]
    if any(each.type.tensor_type.elem_type == TensorProto.BFLOAT16 for each in given):
        hint = "verify the same architecture with an f32 input"
        raise BackendError(Diagnostic("B007", "onnxruntime does not run bf16 on a processor", hint=hint))


def torch_outputs(module: Callable[..., Any], inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """What a module, or whatever is called in its place, computes of arrays in the order of its parameters."""
    import torch

    with torch.no_grad():
        computed: Any = module(*(torch.tensor(array) for array in inputs.values()))
    tensors = [computed] if isinstance(computed, torch.Tensor) else list(computed)
    return [tensor.detach().numpy() for tensor in tensors]


def _size(text: str, symbols: dict[str, int], least: Mapping[str, int]) -> int:
    """An open size; a symbol that has no value yet gets one."""
    size = Affine.of(text)
    return size.at(symbols.setdefault(size.symbol, max(_OPEN + len(symbols), least.get(size.symbol, 1))))


def random_inputs(
    model: ModelProto, batch: int, seed: int = 0, sizes: Mapping[str, int] | None = None
) -> dict[str, np.ndarray[Any, Any]]:
    """Random arrays for the inputs of a model by name.

    Args:
        model: what `build_onnx` returned.
        batch: the batch size; other open sizes get small numbers, as large as the metadata states.
        seed: of a generator of its own.
        sizes: what symbols of open sizes stand for; others get numbers of their own.

    Returns:
        Standard normal numbers, and uniform ids below the number that the model's metadata states.
    """
    import numpy as np
    from onnx import helper

    rng = np.random.default_rng([seed, batch])
    ids, least = (
        {prop.key.removeprefix(key): int(prop.value) for prop in model.metadata_props if prop.key.startswith(key)}
        for key in (IDS_KEY, LEAST_KEY)
    )
    known = {**(sizes or {}), BATCH: batch}
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for given in model.graph.input:
        tensor = given.type.tensor_type
        shape = [_size(dim.dim_param, known, least) if dim.dim_param else dim.dim_value for dim in tensor.shape.dim]
        dtype = helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if np.issubdtype(dtype, np.integer):
            arrays[given.name] = rng.integers(0, ids.get(given.name, _IDS), shape).astype(dtype)
        elif dtype == np.bool_:
            arrays[given.name] = rng.random(shape) < 0.5
        else:
            arrays[given.name] = rng.standard_normal(shape).astype(dtype)
    return arrays


def check_onnx(model: ModelProto) -> None:
    """Run onnx's checker in full and its shape inference in strict mode.

    Raises:
        BackendError: B001 onnx is not installed, B005 with what onnx says.
    """
    onnx = import_onnx()
    try:
        if weight_bytes(model) > LARGEST_INSIDE:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder) / "model.onnx"
                save_onnx(model, path, external=True)
                onnx.checker.check_model(str(path), full_check=True)
            return
        onnx.checker.check_model(model, full_check=True)
        onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        said = tuple(str(error).strip().splitlines()[:4])
        raise BackendError(Diagnostic("B005", "the ONNX model is not valid", evidence=said)) from error


# The levels of graph optimisation, by the names that onnxruntime gives them.
LEVELS: Final[dict[str, str]] = {
    "off": "ORT_DISABLE_ALL",
    "basic": "ORT_ENABLE_BASIC",
    "extended": "ORT_ENABLE_EXTENDED",
    "all": "ORT_ENABLE_ALL",
}


def inference_session(source: str | bytes, level: str = "all") -> Any:
    """A session of onnxruntime with one thread on the CPU.

    Args:
        source: the path or the bytes of a model.
        level: of graph optimisation, one of `LEVELS`.

    Raises:
        BackendError: B001 onnxruntime is not installed. What onnxruntime raises itself goes through.
    """
    onnxruntime: Any
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        hint = "pip install 'einsyn[onnx]'"
        raise BackendError(Diagnostic("B001", "onnxruntime is not installed", hint=hint)) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, LEVELS[level])
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def run_session(session: Any, inputs: Mapping[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    """The outputs of a session; inputs that the model lost on the way are left out."""
    wanted = {given.name for given in session.get_inputs()}
    return session.run(None, {name: array for name, array in inputs.items() if name in wanted})


def open_session(model: ModelProto) -> Any:
    """A session of onnxruntime on one thread that keeps its warnings to itself.

    Raises:
        BackendError: B001 onnxruntime is not installed, B007 it cannot load the model.
    """
    with _refusing("load"):
        if weight_bytes(model) <= LARGEST_INSIDE:
            return inference_session(model_bytes(model))
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            save_onnx(model, path, external=True)
            return inference_session(str(path))


def _outputs(session: Any, inputs: dict[str, np.ndarray[Any, Any]]) -> list[np.ndarray[Any, Any]]:
    with _refusing("run"):
        return run_session(session, inputs)


def _lacks_kernel(error: Exception) -> bool:
    raised: Any = import_module("onnxruntime.capi.onnxruntime_pybind11_state")  # its errors are nowhere else
    return isinstance(error, raised.NotImplemented)


@contextmanager
def _refusing(what: str) -> Generator[None]:
    """Turn what onnxruntime raises into a diagnostic."""
    try:
        yield
    except BackendError:
        raise
    except Exception as error:  # onnxruntime's errors have no base class of their own
        said = tuple(str(error).strip().splitlines()[:4])
        hint = "an older opset may help, or a newer onnxruntime"
        if _lacks_kernel(error):
            hint = "it has no kernel for these dtypes; verify the same architecture with an f32 input"
        found = Diagnostic("B007", f"onnxruntime cannot {what} the model", evidence=said, hint=hint)
        raise BackendError(found) from error
