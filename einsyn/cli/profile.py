"""`einsyn profile`: where an architecture's cost is."""

from __future__ import annotations

from einsyn.cli import options as opt
from einsyn.cli.check import cost_record, summary
from einsyn.cli.output import OUTPUT


def profile(
    space: opt.SpaceArgument,
    arch: opt.ArchArgument,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile_: opt.ProfileOption = None,
    max_ops: opt.MaxOps = None,
) -> None:
    """Print an architecture's parameters, MACs and activations by operation."""
    architecture = opt.architecture_of(space, arch, input_, set_, profile_, opt.limits(max_ops=max_ops))
    graph = architecture.graph
    owners = {id(o) for o in graph.owners()}
    rows: dict[str, list[int]] = {}
    for operation in graph.operations:
        row = rows.setdefault(operation.op.name, [0, 0, 0, 0])
        row[0] += 1
        row[1] += operation.signature.param_count if id(operation) in owners else 0
        row[2] += operation.signature.macs
        row[3] += operation.signature.output_bytes
    lines = [f"{'op':20}{'count':>8}{'params':>16}{'MACs':>18}{'activation bytes':>18}"]
    for name, (count, params, macs, activations) in sorted(rows.items(), key=lambda item: (-item[1][2], item[0])):
        lines.append(f"{name:20}{count:>8}{params:>16,}{macs:>18,}{activations:>18,}")
    OUTPUT.result(cost_record(architecture), "\n".join([summary(architecture), "", *lines]))
