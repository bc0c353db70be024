"""`einsyn check`: is this an architecture of the space, and what does it cost?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT

if TYPE_CHECKING:
    from einsyn.architecture import Architecture


def cost_record(architecture: Architecture) -> dict[str, Any]:
    """The stable JSON fields of `check` and `profile`."""
    return {**architecture.record(), "ops": architecture.ops, "memory": architecture.memory}


def summary(architecture: Architecture) -> str:
    """The same for people."""
    outputs = ", ".join("x".join(str(n).replace(" ", "") for n in shape) for shape in architecture.output)
    return (
        f"{architecture.hash}  {architecture.params:,} params  {architecture.macs:,} MACs  "
        f"{architecture.memory:,} bytes  output {outputs}\n"
        f"size {architecture.size}, depth {architecture.depth}, log_prob {architecture.log_prob:.6g}"
    )


def check(
    space: opt.SpaceArgument,
    arch: opt.ArchArgument,
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
    """Parse and type-check an architecture and print its costs."""
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    architecture = opt.architecture_of(space, arch, input_, set_, profile, bounds)
    OUTPUT.result(cost_record(architecture), summary(architecture))
