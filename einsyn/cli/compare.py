"""`einsyn compare`: strategies against random search, over runs."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from einsyn.cli.output import OUTPUT

_WIDTH = 34


def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="The folders of runs.")],
    at: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Compare after N evaluations. By default as many as all have."),
    ] = None,
) -> None:
    """Compare strategies over seeds with random search of equal budget; only runs that ask the same are compared."""
    from einsyn.report.compare import Comparison
    from einsyn.search.run import Run

    with ExitStack() as stack:
        found = Comparison([stack.enter_context(Run.open_(run)) for run in runs], at).record()
    for note in found["notes"]:
        OUTPUT.message(f"note: {note}", {"note": note})
    OUTPUT.result(found, "\n".join(_lines(found)))


def _lines(found: dict[str, Any]) -> list[str]:
    objectives = [f"{o['objective']} ({'more' if o['maximise'] else 'less'} is better)" for o in found["objectives"]]
    lines = [f"{found['space']}: {', '.join(objectives)}; {found['at']:,} evaluations of each search", ""]
    level = f"{found['interval']['level']:.0%}"
    lines.append(f"{'':{_WIDTH}}{'seeds':>6}{'best, mean':>14}{'deviation':>12}{'over random':>13}  {level} interval")
    random: dict[str, Any] = found["random"]
    rows: list[dict[str, Any]] = [
        *found["groups"],
        {**random, "label": "random", "improvement": {}, "more_hypervolume": {}},
    ]
    for group in rows:
        if not group["seeds"]:
            continue
        best, better = group["best"], group["improvement"]
        line = f"{group['label'][: _WIDTH - 2]:{_WIDTH}}{len(group['seeds']):>6}"
        line += f"{_number(best['mean']):>14}{_number(best['deviation']):>12}{_share(better.get('mean')):>13}"
        line += f"  {_ends(better, _share)}"
        if group["without_value"]:
            line += f"  ({group['without_value']} found no value)"
        lines.append(line.rstrip())
    if not random["seeds"]:
        lines.append("there is no random search among these runs to compare with")
    if "hypervolume" in random:
        lines += ["", f"{'hypervolume':{_WIDTH}}{'':6}{'mean':>14}{'deviation':>12}{'over random':>13}"]
        for group in rows:
            volume, more = group["hypervolume"], group["more_hypervolume"]
            line = f"{group['label'][: _WIDTH - 2]:{_WIDTH}}{'':6}{_number(volume['mean']):>14}"
            line += f"{_number(volume['deviation']):>12}{_signed(more.get('difference')):>13}  {_ends(more, _signed)}"
            lines.append(line.rstrip())
    if found["tau"]:
        target, count = found["tau"][0]["against"], found["tau"][0]["architectures"]
        lines += ["", f"Kendall's tau against {target}, {count:,} architectures drawn at random"]
        lines += [f"{each['of'][: _WIDTH - 2]:{_WIDTH}}{_signed(each['tau']):>20}" for each in found["tau"]]
    return lines


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2%}"


def _signed(value: float | None) -> str:
    return "-" if value is None else f"{value:+.4f}"


def _ends(found: dict[str, Any], shown: Any) -> str:
    if found.get("low") is None:
        return ""
    return f"{shown(found['low'])} to {shown(found['high'])}"
