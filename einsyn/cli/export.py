"""`einsyn export`: the evaluations of a run as a table."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.cli.replay import RunArgument


def export(
    run: RunArgument,
    facts: Annotated[bool, typer.Option("--facts", help="What the run is, instead: plan, versions, space.")] = False,
    output: opt.OutputOption = None,
) -> None:
    """Print the evaluations of a run as CSV, or as JSON lines with --json."""
    from einsyn.search.run import Run
    from einsyn.search.winner import record

    with Run.open_(run) as opened, OUTPUT.to(output):
        if facts:
            found = opened.store.facts()
            OUTPUT.result(found, "\n".join(f"{name}: {value}" for name, value in sorted(found.items())))
            return
        names = opened.plan.names
        if not OUTPUT.as_json:
            OUTPUT.line(_row(["id", "status", *names, "params", "macs", "move", "parents", "seconds", "arch"]))
        for evaluation in opened.store.evaluations():
            values = evaluation.values or (None,) * len(names)
            OUTPUT.result(
                record(opened, evaluation) if OUTPUT.as_json else {},
                ""
                if OUTPUT.as_json
                else _row(
                    [
                        evaluation.id, evaluation.status, *values, evaluation.params, evaluation.macs, evaluation.move,
                        " ".join(map(str, evaluation.parents)), evaluation.seconds, evaluation.arch,
                    ]
                ),
            )  # fmt: skip


def _row(cells: list[Any]) -> str:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="").writerow(cells)
    return stream.getvalue()
