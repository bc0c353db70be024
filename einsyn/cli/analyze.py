"""`einsyn analyze`: what a space is like as a whole."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import Diagnostic, counted
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.analysis.branching import Branching
    from einsyn.analysis.draws import Draws
    from einsyn.analysis.target import Retargeted
    from einsyn.space import Space

_DOMINATING: Final = 8


def analyze(
    space: opt.SpaceArgument,
    n: Annotated[int, typer.Option("-n", min=0, help="How many draws to look at.")] = 200,
    seed: opt.SeedOption = 0,
    up_to: Annotated[int, typer.Option("--up-to", min=0, help="Count derivations of each size up to this one.")] = 12,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw parameters and MACs into an .svg file.")
    ] = None,
    target_size: Annotated[
        float | None,
        typer.Option("--target-size", metavar="SIZE", help="Print the lines that give this expected size instead."),
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
    """Print sizes, probabilities and costs of a space: exact where the grammar says it, else from draws."""
    if plot is not None and plot.suffix != ".svg":
        raise UsageError(Diagnostic("U017", f"`{plot}` is no .svg file", hint="--plot costs.svg"))
    if target_size is not None and not (math.isfinite(target_size) and target_size > 0):
        raise UsageError(
            Diagnostic("U018", f"an expected size is a number above 0, not {target_size}", hint="--target-size 30")
        )
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    loaded = opt.space_of(space, input_, set_, profile, bounds)
    if target_size is not None:
        _print_target(loaded, target_size)
        return
    from einsyn.analysis.branching import Branching
    from einsyn.analysis.draws import draw

    facts = {"space": loaded.name, **_grammar_facts(loaded, Branching(loaded.grammar), up_to)}
    draws = draw(loaded, n, seed)
    facts |= _draw_facts(draws)
    if plot is not None:
        from einsyn.analysis.plot import histograms
        from einsyn.files import replacing

        costs = [
            ("parameters", [a.params for a in draws.architectures]),
            ("MACs", [a.macs for a in draws.architectures]),
        ]
        with replacing(plot) as stream:
            title = f"{loaded.title or loaded.name}: {len(draws.architectures)} architectures"
            stream.write(histograms(title, [(name, values, draws.weights) for name, values in costs]))
    OUTPUT.result(facts, "\n".join(_for_people(facts)))
    if plot is not None:
        OUTPUT.message(f"wrote {plot}", {"file": str(plot)})


def _grammar_facts(space: Space, branching: Branching, up_to: int) -> dict[str, Any]:
    """What follows from the grammar alone, exact up to rounding."""
    count = space.count()
    uses = branching.uses
    ranked = sorted((uses or {}).items(), key=lambda item: (-item[1], item[0].index))[:_DOMINATING]
    return {
        "productions": len(space.grammar.productions),
        "rules": len(space.grammar.rules),
        "recursive": bool(branching.cycles),
        "consistent": branching.consistent,
        "spectral_radius": branching.spectral_radius,
        "expected_size": branching.expected_size,
        "size_variance": branching.size_variance,
        "entropy": branching.entropy,
        "count": "infinite" if count == math.inf else count,
        "count_by_size": {str(size): number for size, number in space.count_by_size(up_to).items() if number},
        "dominating": [
            {
                "rule": production.rule.name,
                "production": production.describe(),
                "name": production.name,
                "line": production.span.line,
                "uses": number,
                "share": number / branching.expected_size,
            }
            for production, number in ranked
        ],
    }


def _draw_facts(draws: Draws) -> dict[str, Any]:
    """What was seen in draws."""
    low, high = draws.interval
    return {
        "well_typed": {
            "share": draws.well_typed if draws.draws else None,
            "low": low,
            "high": high,
            "over_limits": draws.over_limits,
            "draws": draws.draws,
            "exact": draws.exact,
        },
        "params": draws.distribution([a.params for a in draws.architectures]),
        "macs": draws.distribution([a.macs for a in draws.architectures]),
        "distinct": {"samples": len(draws.architectures), "texts": draws.texts, "graphs": draws.graphs},
    }


def _for_people(facts: dict[str, Any]) -> Iterator[str]:
    def line(name: str, text: str) -> str:
        return f"{name:18}{text}"

    recursive = "recursive" if facts["recursive"] else "not recursive"
    yield line("grammar", f"{facts['productions']} productions of {facts['rules']} rules, {recursive}")
    consistent = "derivations end with probability 1" if facts["consistent"] else "some derivations never end"
    yield line("spectral radius", f"{facts['spectral_radius']:.6g}, {consistent}")
    deviation = math.sqrt(facts["size_variance"])
    yield line("expected size", f"{facts['expected_size']:.6g} productions, standard deviation {deviation:.6g}")
    entropy = facts["entropy"]
    yield line("entropy", f"{entropy:.6g} nats, {entropy / math.log(2):.6g} bits")
    yield line("derivations", f"{facts['count']:,}" if isinstance(facts["count"], int) else facts["count"])
    for size, number in facts["count_by_size"].items():
        yield line("" if size != next(iter(facts["count_by_size"])) else "  by size", f"{size:>4}  {number:,}")
    for i, entry in enumerate(facts["dominating"]):
        shown = f"{entry['uses']:10.4g} {entry['share']:6.1%}  {entry['rule']}: {entry['production']}"
        yield line("  most used" if i == 0 else "", shown)
    typed = facts["well_typed"]
    if not typed["draws"]:
        return
    how = (
        "all derivations"
        if typed["exact"]
        else f"{counted(typed['draws'], 'draw')}, 95 %: {typed['low']:.1%} to {typed['high']:.1%}"
    )
    yield line("well typed", f"{typed['share']:.1%} ({how}); over a limit {typed['over_limits']:.1%}")
    for name, key in (("parameters", "params"), ("MACs", "macs")):
        found = facts[key]
        if found is not None:
            shown = "  ".join(f"{key} {found[key]:,.0f}" for key in ("min", "q25", "median", "q75", "max", "mean"))
            yield line(name, shown)
    distinct = facts["distinct"]
    yield line(
        "different",
        f"{distinct['graphs']} networks, {distinct['texts']} texts among {distinct['samples']} architectures",
    )


def _print_target(space: Space, size: float) -> None:
    """The changed lines as a patch, and what they give."""
    from einsyn.analysis.branching import Branching
    from einsyn.analysis.target import retarget

    before = Branching(space.grammar).expected_size
    found = retarget(space.grammar, size)
    record = {
        "space": space.name,
        "target_size": size,
        "expected_size": found.expected_size,
        "before": before,
        "factor": found.factor,
        "changes": [{"file": c.file, "line": c.line, "old": c.old, "new": list(c.new)} for c in found.changes],
    }
    OUTPUT.result(record, "\n".join(_patch(found)) or "nothing changes")
    OUTPUT.message(f"expected size {before:.6g} -> {found.expected_size:.6g}", {"expected_size": found.expected_size})


def _patch(found: Retargeted) -> Iterator[str]:
    """The changes in the form that `patch -p0` takes."""
    shift: dict[str, int] = {}
    for change in found.changes:
        if change.file not in shift:
            name = _patched(change.file)
            yield f"--- {name}"
            yield f"+++ {name}"
        moved = shift.get(change.file, 0)
        unended = ["\\ No newline at end of file"] if change.unended else []
        yield f"@@ -{change.line} +{change.line + moved},{len(change.new)} @@"
        yield from (f"-{change.old}", *unended)
        yield from (*(f"+{line}" for line in change.new), *unended)
        shift[change.file] = moved + len(change.new) - 1


def _patched(file: str) -> str:
    """A file as `patch` takes it: it goes into no absolute path, and a name with spaces ends with a tab."""
    path = Path(file)
    name = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file
    return f"{name}\t" if " " in name else name
