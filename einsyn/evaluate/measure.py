"""Time and memory of a network as it runs, by runtime and by operation."""

from __future__ import annotations

import multiprocessing
import signal
import tempfile
from multiprocessing import resource_tracker
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import EinsynError
from einsyn.ir.graph import Operation, single
from einsyn.ir.sizes import least_values, value_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from einsyn.architecture import Architecture
    from einsyn.ir.graph import Graph
    from einsyn.ir.types import TensorType

# torch as the module is written, the same after `torch.compile`, and the ONNX model.
RUNTIMES: Final = ("torch", "torch.compile", "onnxruntime")
WARM_UP: Final = 3
REPEATS: Final = 20
_OPEN: Final = 7
_STATUS: Final = Path("/proc/self/status")


class Measured(NamedTuple):
    """What a runtime took for a forward pass.

    Args:
        milliseconds: the median of all passes but the first ones.
        bytes: the most memory of the process in these passes, above what it had before it built the network; 0 where
            the system does not tell.
    """

    milliseconds: float
    bytes: int


def open_sizes(architecture: Architecture) -> dict[str, int]:
    """What the symbols of open sizes stand for while a network is measured: small numbers at which nothing vanishes."""
    return least_values([*architecture.graph.types, *architecture.rewritten.graph.types], _OPEN)


def seconds(run: Callable[[], Any], repeats: int = REPEATS) -> float:
    """The median time of `repeats` calls after `WARM_UP`."""
    for _ in range(WARM_UP):
        run()
    times: list[float] = []
    for _ in range(repeats):
        begun = perf_counter()
        run()
        times.append(perf_counter() - begun)
    return median(times)


def measure(architecture: Architecture, runtime: str, *, batch: int = 1, seed: int = 0) -> Measured:
    """Run a network on one thread, in eval mode, in a process of its own.

    Args:
        architecture: the network, as `source` and `onnx` write it.
        runtime: one of `RUNTIMES`.
        batch: how many examples at once.
        seed: of weights and inputs.

    Raises:
        BackendError: B001 a package is missing.
        EinsynError: E010 the runtime failed.
    """
    from einsyn.backends.onnx_file import save_onnx
    from einsyn.backends.verify import random_inputs

    module = architecture.module(seed).eval()
    model = architecture.onnx(module=module)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        arrays = random_inputs(model, batch, seed, open_sizes(architecture))
        if runtime == "onnxruntime":
            save_onnx(model, folder / "net.onnx")
        else:
            (folder / "net.py").write_text(architecture.source(), encoding="utf-8")
        del module, model
        context = multiprocessing.get_context("spawn")
        receiving, sending = context.Pipe(duplex=False)
        child = context.Process(target=_child, args=(sending, runtime, name, arrays, seed))
        # Starting what keeps an eye on resources lets Ctrl-C through again.
        resource_tracker.ensure_running()
        # Ctrl-C is for this process, and not while it tells the other what to do: that one would show a traceback.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            try:
                child.start()
                sending.close()
            finally:
                # What came meanwhile is raised here.
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            told: Any = receiving.recv()
        except EOFError:
            child.join()
            told = f"its process ended with status {child.exitcode}"
        except KeyboardInterrupt:
            child.kill()
            raise
        finally:
            if child.pid is not None:
                child.join()
    if isinstance(told, str):
        evidence = tuple(told.strip().splitlines()[-4:])
        raise EinsynError(Diagnostic("E010", f"{runtime} cannot run the network", evidence=evidence))
    return Measured(*told)


def _child(sending: Any, runtime: str, folder: str, arrays: dict[str, Any], seed: int) -> None:
    """Measure and tell: (milliseconds, bytes), or why not."""
    try:
        if runtime == "onnxruntime":
            from einsyn.backends.verify import inference_session, run_session

            before = _resident("VmRSS")
            session = inference_session(str(Path(folder) / "net.onnx"))
            taken = seconds(lambda: run_session(session, arrays))
        else:
            import torch

            from einsyn.backends.torch_module import build_module

            torch.set_num_threads(1)
            before = _resident("VmRSS")
            module: Any = build_module((Path(folder) / "net.py").read_text(encoding="utf-8"), seed).eval()
            tensors = [torch.tensor(array) for array in arrays.values()]
            call: Callable[..., Any] = module
            if runtime == "torch.compile":
                call = torch.compile(module)  # pyright: ignore[reportUnknownMemberType]  # torch leaves it untyped
                with torch.no_grad():
                    call(*tensors)
                # What compiling took has nothing to do with what the network takes.
                _forget_peak()
            with torch.no_grad():
                taken = seconds(lambda: call(*tensors))
        sending.send((1e3 * taken, max(0, _resident("VmHWM") - before)))
    except Exception as error:  # whatever a runtime raises is told to whoever asked
        sending.send(f"{type(error).__name__}: {error}")


def _resident(field: str) -> int:
    """Bytes that the process has now (VmRSS) or had at most (VmHWM); 0 where the system does not tell."""
    if not _STATUS.exists():
        return 0
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(field):
            return 1024 * int(line.split()[1])
    return 0


def _forget_peak() -> None:
    """Let VmHWM begin anew, where the system allows it."""
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return


# Operation by operation.


def operation_seconds(
    graph: Graph, *, batch: int = 1, seed: int = 0, sizes: Mapping[str, int] | None = None
) -> list[float]:
    """For each operation of a graph the time that torch takes for it alone, on random inputs and one thread.

    Operations with the same attributes and types are timed once. What runs side by side in a cache does not show here:
    the sum is more or less than the time of the whole.

    Args:
        graph: whose operations are timed.
        batch: how many examples at once.
        seed: of weights and inputs.
        sizes: what symbols of open sizes stand for; small numbers where they are left out.
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        symbols = {**least_values(graph.types, _OPEN), **(sizes or {})}
        known: dict[object, float] = {}
        found: list[float] = []
        for operation in graph.operations:
            types = tuple([graph.types[value] for value in operation.inputs])
            key = (operation.op, types)
            if key not in known:
                known[key] = _alone(operation, types, symbols, batch, seed)
            found.append(known[key])
        return found
    finally:
        torch.set_num_threads(threads)


def _alone(
    operation: Operation, types: tuple[TensorType, ...], symbols: Mapping[str, int], batch: int, seed: int
) -> float:
    import torch

    from einsyn.backends.torch_module import build_module
    from einsyn.backends.torch_source import write_source

    module = build_module(write_source(single(operation.op, types)), seed).eval()
    generator = torch.Generator().manual_seed(seed)
    limits = operation.op.id_limits(*types)
    shapes = [[batch] * t.batched + [value_of(size, symbols) for size in t.sizes] for t in types]
    inputs = [_random(t, shape, n, generator) for t, shape, n in zip(types, shapes, limits, strict=True)]
    with torch.no_grad():
        return seconds(lambda: module(*inputs))


def _random(t: TensorType, shape: list[int], ids: int | None, generator: Any) -> Any:
    import torch

    from einsyn.backends.torch_initial import DTYPES

    dtype = getattr(torch, DTYPES[t.dtype])
    if dtype.is_floating_point:
        return torch.randn(shape, generator=generator).to(dtype)
    return torch.randint(0, ids or 2, shape, generator=generator).to(dtype)
