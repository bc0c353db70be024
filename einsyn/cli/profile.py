"""`einsyn profile`: where an architecture's cost is."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsyn.cli import options as opt
from einsyn.cli.check import cost_record, summary
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from einsyn.architecture import Architecture
    from einsyn.evaluate.breakdown import Row


class By(StrEnum):
    """What a table has a row for."""

    OP = "op"
    NODE = "node"


class Runtime(StrEnum):
    """What runs a network; the names are those of `einsyn.evaluate.measure`."""

    TORCH = "torch"
    COMPILED = "torch.compile"
    ONNXRUNTIME = "onnxruntime"


_COLUMNS: Final = (("count", 8), ("params", 14), ("MACs", 16), ("bytes", 14), ("MACs/byte", 11))


def profile(
    space: opt.SpaceArgument,
    arch: opt.ArchArgument,
    by: Annotated[By, typer.Option(help="A row for each operation, or for each node of the derivation.")] = By.OP,
    depth: Annotated[int, typer.Option(min=0, help="Nodes down to this depth, with --by node.")] = 4,
    measure: Annotated[
        bool, typer.Option("--measure", help="Run it: latency and memory by runtime, time by operation.")
    ] = False,
    runtime: Annotated[
        list[Runtime] | None, typer.Option(help="Only this one is measured; repeat for several.")
    ] = None,
    batch: Annotated[int, typer.Option(min=1, help="Examples at once, with --measure.")] = 1,
    seed: opt.SeedOption = 0,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile_: opt.ProfileOption = None,
    max_params: opt.MaxParams = None,
    max_macs: opt.MaxMacs = None,
    max_memory: opt.MaxMemory = None,
    max_ops: opt.MaxOps = None,
    max_depth: opt.MaxDepth = None,
    max_size: opt.MaxSize = None,
) -> None:
    """Print an architecture's parameters, MACs and bytes by operation or by derivation node, and measure it.

    Bytes are what an operation reads and writes at batch 1: inputs, weights, outputs. With --measure the table is of
    the network as it is written, rewritten, and each operation is timed alone. Sizes that are open get small numbers,
    which are stated.
    """
    from einsyn.evaluate.breakdown import by_node, by_operation

    for option, given in (("--runtime", runtime is not None), ("--batch", batch != 1)):
        if given and not measure:
            said = f"{option} needs --measure"
            raise UsageError(Diagnostic("U000", said, hint="without it nothing runs, and costs are those at batch 1"))
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    architecture = opt.architecture_of(space, arch, input_, set_, profile_, bounds)
    record = cost_record(architecture)
    lines = [summary(architecture), ""]
    graph, times = architecture.graph, None
    if measure:
        from einsyn.evaluate.measure import open_sizes, operation_seconds

        measured = _measured(architecture, runtime or list(Runtime), batch, seed)
        graph, sizes = architecture.rewritten.graph, open_sizes(architecture)
        times = operation_seconds(graph, batch=batch, seed=seed, sizes=sizes)
        record |= {"batch": batch, **({"sizes": sizes} if sizes else {}), **measured}
        lines = [*lines, *_runtimes(measured, {"batch": batch, **sizes}), ""]
    rows = by_node(architecture.derivation, graph, depth, times) if by is By.NODE else by_operation(graph, times)
    if measure:
        record["table"] = [row.record() for row in rows]
    OUTPUT.result(record, "\n".join([*lines, *_table(rows)]))


def _measured(architecture: Architecture, runtimes: list[Runtime], batch: int, seed: int) -> dict[str, Any]:
    """Latency and memory by runtime; what cannot run is said on stderr and has none."""
    from einsyn.errors import EinsynError
    from einsyn.evaluate.measure import measure

    latency: dict[str, float | None] = {}
    memory: dict[str, int | None] = {}
    failed: EinsynError | None = None
    for runtime in runtimes:
        try:
            found = measure(architecture, runtime.value, batch=batch, seed=seed)
        except EinsynError as error:
            failed = error
            latency[runtime.value] = memory[runtime.value] = None
            OUTPUT.diagnostics(error.diagnostics)
            continue
        latency[runtime.value], memory[runtime.value] = round(found.milliseconds, 4), found.bytes or None
    if failed is not None and all(value is None for value in latency.values()):
        raise failed
    return {"latency_ms": latency, "peak_memory": memory}


def _runtimes(measured: dict[str, Any], sizes: dict[str, int]) -> list[str]:
    head = f"{', '.join([f'{name} {size}' for name, size in sizes.items()])}, one thread"
    lines = [f"{head:26}{'ms':>12}{'peak bytes':>18}"]
    for name, milliseconds in measured["latency_ms"].items():
        peak = measured["peak_memory"][name]
        shown = "failed" if milliseconds is None else f"{milliseconds:.3f}"
        lines.append(f"{name:26}{shown:>12}{'' if peak is None else f'{peak:,}':>18}")
    return lines


def _table(rows: list[Row]) -> list[str]:
    timed = any(row.seconds is not None for row in rows)
    width = max([20, *(len(row.name) + 1 for row in rows)])
    lines = [f"{'':{width}}" + "".join(f"{name:>{size}}" for name, size in _COLUMNS)]
    if timed:
        lines[0] += f"{'ms':>11}{'GMAC/s':>9}{'GB/s':>8}"
    for row in rows:
        cells = (f"{row.count:,}", f"{row.params:,}", f"{row.macs:,}", f"{row.bytes:,}", f"{row.intensity:.2f}")
        line = f"{row.name:{width}}" + "".join(f"{c:>{size}}" for c, (_, size) in zip(cells, _COLUMNS, strict=True))
        if row.seconds is not None:
            rate = [f"{amount / row.seconds / 1e9:.2f}" if row.seconds else "" for amount in (row.macs, row.bytes)]
            line += f"{1e3 * row.seconds:>11.3f}{rate[0]:>9}{rate[1]:>8}"
        lines.append(line)
    return lines
