"""`einsyn compile`: write torch source or ONNX."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from einsyn.architecture import Architecture
    from einsyn.forms import Rewriting


def compile_(
    space: opt.SpaceArgument,
    arch: opt.ArchArgument,
    output: Annotated[
        list[Path],
        typer.Option("-o", "--output", metavar="FILE", help="A .py, .onnx or .safetensors file; repeat for several."),
    ],
    seed: opt.SeedOption = 0,
    weights: Annotated[
        Path | None,
        typer.Option("--weights", metavar="FILE", help="A .safetensors file of weights, in place of fresh ones."),
    ] = None,
    opset: Annotated[int | None, typer.Option(help="ONNX opset.")] = None,
    external: Annotated[bool, typer.Option("--external", help="ONNX weights in a file of their own.")] = False,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="For evaluation alone: fold what training needs into other weights.")
    ] = False,
    fold: Annotated[
        bool, typer.Option("--fold/--no-fold", help="In ONNX fold batch normalisations and constants.")
    ] = True,
    verify: Annotated[bool, typer.Option("--verify", help="Run torch and onnxruntime and compare.")] = False,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile: opt.ProfileOption = None,
    max_params: opt.MaxParams = None,
    max_macs: opt.MaxMacs = None,
    max_memory: opt.MaxMemory = None,
    max_ops: opt.MaxOps = None,
    max_depth: opt.MaxDepth = None,
    max_size: opt.MaxSize = None,
) -> None:
    """Write an architecture as a standalone torch file, as ONNX, or its weights; --verify proves that both agree."""
    for path in output:
        if path.suffix not in (".py", ".onnx", ".safetensors"):
            said = f"`{path}` is neither a .py nor an .onnx nor a .safetensors file"
            raise UsageError(Diagnostic("U013", said, hint="-o net.py, -o net.onnx or -o net.safetensors"))
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    architecture = opt.architecture_of(space, arch, input_, set_, profile, bounds)
    rewrite: Rewriting = "deploy" if deploy else "exact"
    # One module for all that is written; a source alone needs no torch.
    needed = verify or weights is not None or any(path.suffix != ".py" for path in output)
    module = architecture.module(seed, rewrite, weights) if needed else None
    checked = _verified(architecture, seed, opset, rewrite, fold, module) if verify else {}
    graph = architecture.form(rewrite).rewritten.graph
    left = {"deployed_params": graph.params, "deployed_macs": graph.macs} if deploy else {}
    for path in output:
        if path.suffix == ".py":
            from einsyn.files import replacing

            with replacing(path) as stream:
                stream.write(architecture.source(rewrite))
        elif path.suffix == ".onnx":
            architecture.onnx(path, opset=opset, external=external or None, rewrite=rewrite, fold=fold, module=module)
        else:
            architecture.save_weights(path, module, rewrite=rewrite)
        record: dict[str, Any] = {
            "arch": architecture.text,
            "params": architecture.params,
            "macs": architecture.macs,
            "file": str(path),
            **left,
            **checked,
        }
        said = f"  deployed {graph.params:,} params  {graph.macs:,} MACs" if deploy else ""
        if checked and checked["unstable"]:
            said += "  unstable: torch's own output is not finite"
        elif checked:
            said += f"  torch and onnxruntime agree, largest difference {checked['difference']:.2g}"
        OUTPUT.result(record, f"{path}  {architecture.params:,} params  {architecture.macs:,} MACs{said}")


def _verified(
    architecture: Architecture, seed: int, opset: int | None, rewrite: Rewriting, fold: bool, module: nn.Module | None
) -> dict[str, Any]:
    """What --verify adds to the record; raises B-coded BackendError where torch and onnxruntime differ."""
    found = architecture.verify(seed=seed, opset=opset, rewrite=rewrite, fold=fold, module=module)
    if not found.verified and not found.unstable:
        from einsyn.backends.own_ops import check_agreement

        check_agreement(architecture.graph)
        raise BackendError(
            Diagnostic(
                "B010",
                f"torch and onnxruntime differ: {found.explanation}",
                hint="please report it with the architecture",
                reproduce=architecture.space.command("check", architecture.text),
            )
        )
    return {"verified": found.verified, "unstable": found.unstable, "difference": found.difference}
