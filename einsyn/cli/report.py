"""`einsyn report`: a page about a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from einsyn.cli.output import OUTPUT
from einsyn.cli.replay import RunArgument


def report(
    run: RunArgument,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="By default report.html in the run's folder.")
    ] = None,
) -> None:
    """Write one HTML page about a run, finished or not: scores, front, drawings, lineage, moves, failures."""
    from einsyn.files import replacing
    from einsyn.report.page import report as page_about
    from einsyn.search.run import Run

    with Run.open_(run) as opened:
        text = page_about(opened)
        file = opened.folder / "report.html" if output is None else output
        with replacing(file) as stream:
            stream.write(text)
        OUTPUT.result({"run": str(opened.folder), "file": str(file)}, f"wrote {file}")
