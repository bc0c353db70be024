"""`einsyn lint`: the mistakes of a space, and what is doubtful in it."""

from __future__ import annotations

from typing import Annotated

import typer

from einsyn.cli.options import InputOption, ProfileOption, SetOption, SpaceArgument, space_of
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import counted, printable
from einsyn.errors import FileError, GrammarError


def lint(
    space: SpaceArgument,
    draws: Annotated[
        int, typer.Option("--draws", min=0, help="Draws to look at for alternatives that never type-check.")
    ] = 200,
    input_: InputOption = None,
    set_: SetOption = None,
    profile: ProfileOption = None,
) -> None:
    """Report every mistake in a space: `file:line:column: severity[code]: message`. Only errors are a failure."""
    try:
        loaded = space_of(space, input_, set_, profile, {})
    except FileError:
        raise
    except GrammarError as error:
        found = error.diagnostics
        failed = True
    else:
        from einsyn.analysis.lint import lint

        found = tuple(lint(loaded, draws))
        failed = False
    for diagnostic in found:
        place = f"{diagnostic.span}: " if diagnostic.span else ""
        hint = f"\n  help: {diagnostic.advice}" if diagnostic.advice else ""
        text = f"{place}{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}{hint}"
        OUTPUT.result(diagnostic.as_json(), "\n".join(map(printable, text.split("\n"))))
    if failed:
        raise typer.Exit(1)
    notes = sum(d.severity == "note" for d in found)
    warnings = len(found) - notes
    shown = f"{counted(warnings, 'warning')}, " if warnings else ""
    counts = {"space": space, "notes": notes, "warnings": warnings, "errors": 0}
    OUTPUT.message(f"{space}: {shown}{counted(notes, 'note')}, no errors", counts)
