"""`einsyn enumerate`: every architecture of a space."""

from __future__ import annotations

import math
from itertools import islice
from typing import Annotated

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT


def enumerate_(
    space: opt.SpaceArgument,
    n: Annotated[int | None, typer.Option("-n", min=0, help="Stop after so many.")] = None,
    count: Annotated[bool, typer.Option("--count", help="Only count derivations, before typing; exact.")] = False,
    all_: Annotated[bool, typer.Option("--all", help="With --count: those of zero probability too.")] = False,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile: opt.ProfileOption = None,
    max_params: opt.MaxParams = None,
    max_macs: opt.MaxMacs = None,
    max_memory: opt.MaxMemory = None,
    max_ops: opt.MaxOps = None,
    max_depth: opt.MaxDepth = None,
    max_size: opt.MaxSize = None,
    output: opt.OutputOption = None,
) -> None:
    """List every well-typed architecture, by size, then by alternative. An infinite space goes on until stopped."""
    bounds = opt.limits(
        max_params=max_params,
        max_macs=max_macs,
        max_memory=max_memory,
        max_ops=max_ops,
        max_depth=max_depth,
        max_size=max_size,
    )
    loaded = opt.space_of(space, input_, set_, profile, bounds)
    with OUTPUT.to(output):
        if count:
            there = loaded.count(all=all_)
            shown = "infinite" if there == math.inf else str(there)
            OUTPUT.result({"space": loaded.name, "count": shown if there == math.inf else there}, shown)
            return
        for architecture in islice(loaded.enumerate(max_size=loaded.limits.max_size), n):
            OUTPUT.result(architecture.record() if OUTPUT.as_json else {}, architecture.text)
