"""`einsyn sample`: draw architectures."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT


def sample(
    space: opt.SpaceArgument,
    n: Annotated[int, typer.Option("-n", min=0, help="How many.")] = 1,
    seed: opt.SeedOption = 0,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile: opt.ProfileOption = None,
    max_params: opt.MaxParams = None,
    max_macs: opt.MaxMacs = None,
    max_memory: opt.MaxMemory = None,
    max_ops: opt.MaxOps = None,
    max_depth: opt.MaxDepth = None,
    max_size: opt.MaxSize = None,
    unique: Annotated[bool, typer.Option("--unique", help="Without replacement.")] = False,
    max_tries: Annotated[int, typer.Option(min=1, help="Rejections in a row before giving up.")] = 100_000,
    explain_rejections: Annotated[
        bool, typer.Option("--explain-rejections", help="Say why draws were rejected.")
    ] = False,
    output: opt.OutputOption = None,
) -> None:
    """Draw architectures from the grammar's distribution, given that they are well typed and within the limits."""
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    loaded = opt.space_of(space, input_, set_, profile, bounds)
    if unique:
        loaded.refuse_too_many(n)
    sampler = loaded.sampler(seed, unique=unique, max_tries=max_tries)
    with OUTPUT.to(output):
        for architecture in islice(sampler, n):
            OUTPUT.result(architecture.record() if OUTPUT.as_json else {}, architecture.text)
    if explain_rejections:
        for line, (code, message, count) in zip(sampler.explanation(), sampler.causes(), strict=False):
            OUTPUT.message(line, {"code": code, "message": message, "count": count})
    good = sampler.accepted + sampler.repeated
    draws = good + sampler.rejected
    OUTPUT.message(
        f"acceptance {sampler.acceptance:.4f} ({good} of {draws} draw{'' if draws == 1 else 's'})",
        {"acceptance": sampler.acceptance, "accepted": good, "rejected": sampler.rejected},
    )
