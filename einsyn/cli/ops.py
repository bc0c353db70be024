"""`einsyn ops`: the primitives."""

from __future__ import annotations

from typing import Annotated

import typer

from einsyn.cli.output import OUTPUT


def ops(name: Annotated[str | None, typer.Argument(metavar="[OP]", help="Show this one in full.")] = None) -> None:
    """List the primitive operations with their attributes."""
    from inspect import getdoc

    from einsyn.diagnostics import Diagnostic, closest
    from einsyn.errors import UsageError
    from einsyn.ops import OPS

    if name is not None and name not in OPS:
        near = closest(name, OPS)
        raise UsageError(
            Diagnostic(
                "U015",
                f"there is no operation `{name}`",
                hint=f"did you mean {near}?" if near else "einsyn ops lists them",
            )
        )
    for op in [OPS[name]] if name is not None else [OPS[key] for key in sorted(OPS)]:
        doc = getdoc(op) or ""
        record = {
            "op": op.name,
            "attributes": {key: a.kind for key, a in op.attributes.items()},
            "signature": op.usage(),
            "summary": doc.splitlines()[0],
        }
        OUTPUT.result(
            record, f"{op.usage()}\n\n{doc}" if name is not None else f"{op.usage():60} {doc.splitlines()[0]}"
        )
