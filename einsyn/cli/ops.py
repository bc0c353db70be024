"""`einsyn ops`: the primitives."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT

if TYPE_CHECKING:
    from einsyn.ops.op import Op


def ops(
    name: Annotated[str | None, typer.Argument(metavar="[OP]", help="Show this one in full.")] = None,
    space: Annotated[
        bool, typer.Option("--space", help="Write a search space of chains of every operation, for `einsyn fuzz`.")
    ] = False,
    output: opt.OutputOption = None,
) -> None:
    """List the primitive operations with their attributes."""
    from einsyn.diagnostics import Diagnostic, closest
    from einsyn.errors import UsageError
    from einsyn.ops import OPS

    if space:
        from einsyn.testing.every_op import every_op_space

        with OUTPUT.to(output):
            OUTPUT.line(every_op_space().rstrip())
        return
    if name is not None and name not in OPS:
        near = closest(name, OPS)
        raise UsageError(
            Diagnostic(
                "U015",
                f"there is no operation `{name}`",
                hint=f"did you mean {near}?" if near else "einsyn ops lists them",
            )
        )
    with OUTPUT.to(output):
        _list([OPS[name]] if name is not None else [OPS[key] for key in sorted(OPS)], in_full=name is not None)


def _list(found: list[type[Op]], *, in_full: bool) -> None:
    from inspect import getdoc

    for op in found:
        doc = getdoc(op) or ""
        record = {
            "op": op.name,
            "attributes": {key: a.kind for key, a in op.attributes.items()},
            "signature": op.usage(),
            "summary": doc.splitlines()[0],
        }
        OUTPUT.result(record, f"{op.usage()}\n\n{doc}" if in_full else f"{op.usage():60} {doc.splitlines()[0]}")
