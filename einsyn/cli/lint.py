"""`einsyn lint`: the mistakes that loading a space finds."""

from __future__ import annotations

import typer

from einsyn.cli.options import InputOption, ProfileOption, SetOption, SpaceArgument, space_of
from einsyn.cli.output import OUTPUT
from einsyn.errors import FileError, GrammarError


def lint(
    space: SpaceArgument, input_: InputOption = None, set_: SetOption = None, profile: ProfileOption = None
) -> None:
    """Report every mistake in a space: `file:line:column: severity[code]: message`. Notes alone are no failure."""
    try:
        loaded = space_of(space, input_, set_, profile, {})
        found = loaded.grammar.notes
        failed = False
    except FileError:
        raise
    except GrammarError as error:
        found = error.diagnostics
        failed = True
    for diagnostic in found:
        place = f"{diagnostic.span}: " if diagnostic.span else ""
        hint = f"\n  help: {diagnostic.advice}" if diagnostic.advice else ""
        OUTPUT.result(
            diagnostic.as_json(), f"{place}{diagnostic.severity}[{diagnostic.code}]: {diagnostic.message}{hint}"
        )
    if failed:
        raise typer.Exit(1)
    OUTPUT.message(f"{space}: {len(found)} notes, no errors", {"space": space, "notes": len(found), "errors": 0})
