"""`einsyn fuzz`: look for networks on which two runtimes disagree."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.cli.progress import StatusLine
from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from einsyn.testing.finding import Finding
    from einsyn.testing.fuzz import Campaign

FOUND = 1
_DEFAULT_COUNT = 1_000


def fuzz(
    space: Annotated[str | None, typer.Argument(metavar="[SPACE]", help="A shipped space or a .lark file.")] = None,
    against: Annotated[
        str | None,
        typer.Option(
            metavar="A,B",
            help="The reference and whom to compare with it: torch, compile, float64, onnxruntime, "
            "onnxruntime-off|basic|extended, reference, or module:function. By default torch,onnxruntime.",
        ),
    ] = None,
    n: Annotated[int | None, typer.Option("-n", min=1, help="How many networks; reproducible.")] = None,
    time_: Annotated[
        str | None,
        typer.Option("--time", metavar="T", help="Stop after 90s, 10m or 2h; with -n whichever comes first."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="DIR", help="Where findings and the state go.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in DIR.")] = False,
    replay: Annotated[
        Path | None, typer.Option("--replay", metavar="DIR", help="Run the findings in DIR again instead.")
    ] = None,
    seed: opt.SeedOption = 0,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="For one network in one runtime; by default 10.")
    ] = None,
    child_memory: Annotated[
        str | None, typer.Option("--child-memory", metavar="N", help="Bytes that one run may take, such as 4GiB.")
    ] = None,
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
    """Run networks in several runtimes and keep what disagrees, shrunk; exit status 1 if something was found."""
    names = [name.strip() for name in (against or "").split(",") if name.strip()]
    if timeout is not None and not 0 < timeout < float("inf"):
        raise UsageError(Diagnostic("U023", f"--timeout must be above 0, not {timeout}", hint="--timeout 10"))
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    if replay is not None:
        given = {
            "SPACE": space, "-n": n, "--time": time_, "--output": output, "--resume": resume or None,
            "--child-memory": child_memory, "--input": input_, "--set": set_, "--profile": profile,
            **{f"--{name.replace('_', '-')}": bound for name, bound in bounds.items()},
        }  # fmt: skip
        _only_replay([name for name, value in given.items() if value is not None])
        _replay(replay, names, timeout)
        return
    if space is None:
        raise UsageError(Diagnostic("U000", "missing argument `SPACE`", hint="einsyn fuzz --help"))
    if resume and output is None:
        raise UsageError(Diagnostic("U000", "--resume needs -o DIR", hint="einsyn fuzz SPACE -o DIR --resume"))
    from einsyn.testing.fuzz import Campaign
    from einsyn.testing.plan import Plan

    plan = Plan.of(
        names,
        seed=seed,
        timeout=10.0 if timeout is None else timeout,
        memory=None if child_memory is None else opt.whole_number("--child-memory", child_memory),
    )
    seconds = None if time_ is None else opt.duration(time_)
    loaded = opt.space_of(space, input_, set_, profile, bounds)
    count = _DEFAULT_COUNT if n is None and seconds is None else n
    campaign = Campaign(loaded, plan, output, resume=resume, limits=bounds)
    progress = Progress()
    try:
        findings = campaign.run(count, seconds, progress.show, progress.found)
    finally:
        progress.end()
    _summarise(campaign)
    if findings:
        raise typer.Exit(FOUND)


class Progress:
    """Says how far it is."""

    def __init__(self) -> None:
        self._line = StatusLine()
        self._begun = time.monotonic()
        self._first: int | None = None

    def show(self, campaign: Campaign) -> None:
        """Say how far it is."""
        totals = campaign.totals
        if self._first is None:
            self._first, self._begun = totals.tried, time.monotonic()
        self._line.show(lambda: self._said(campaign))

    def _said(self, campaign: Campaign) -> tuple[str, dict[str, Any]]:
        totals = campaign.totals
        rate = (totals.tried - (self._first or 0)) / max(1e-9, time.monotonic() - self._begun)
        text = (
            f"{totals.tried:,} networks, {rate:.1f}/s, {len(campaign.findings)} findings, "
            f"{totals.unstable:,} unstable, {len(campaign.coverage.pairs):,} pairs of operations"
        )
        return text, {"tried": totals.tried, "rate": rate, "findings": len(campaign.findings)}

    def found(self, finding: Finding, folder: Path | None) -> None:
        """A finding, as a result."""
        self.end()
        record: dict[str, Any] = {**vars(finding), "folder": str(folder) if folder else None}
        OUTPUT.result(record, f"{finding.title}\n  {finding.arch[:400]}" + (f"\n  {folder}" if folder else ""))

    def end(self) -> None:
        """Leave the line."""
        self._line.end()


def _summarise(campaign: Campaign) -> None:
    summary = campaign.summary()
    coverage = summary["coverage"]
    OUTPUT.result(
        summary,
        f"{summary['tried']:,} networks: {summary['agreed']:,} agree, {summary['unstable']:,} unstable, "
        f"{summary['failed']:,} fail in {len(summary['findings'])} ways, {summary['avoided']:,} avoided\n"
        f"covered: {coverage['ops']} of {coverage['ops_registered']} operations, {coverage['pairs']:,} pairs "
        f"({coverage['pair_coverage']:.1%} of those that types allow), {coverage['attributes']:,} attribute values, "
        f"{coverage['ranks']:,} ranks, {coverage['shapes']:,} shapes",
    )


def _only_replay(given: list[str]) -> None:
    """Refuse what says how to look for findings where there are some to run again."""
    if given:
        said = f"`{given[0]}` says nothing about --replay, which runs what a folder holds"
        raise UsageError(Diagnostic("U000", said, hint="einsyn fuzz --replay DIR --against module:function"))


def _replay(corpus: Path, names: list[str], timeout: float | None) -> None:
    from einsyn.testing.oracles import oracle
    from einsyn.testing.replay import replay

    for name in names:
        oracle(name)
    failing = 0
    for each in replay(corpus, names, timeout):
        failing += each.status in ("fails", "rewritten")
        record = {"folder": str(each.folder), "status": each.status, "detail": each.detail, "title": each.finding.title}
        OUTPUT.result(record, f"{each.status:9} {each.folder}  {each.finding.title}")
    if failing:
        raise typer.Exit(FOUND)
