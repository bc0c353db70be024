"""`einsyn replay`: do an evaluation of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from einsyn.cli.output import OUTPUT
from einsyn.cli.search import values_shown
from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError, UsageError

RunArgument = Annotated[Path, typer.Argument(metavar="RUN", help="The folder of a run.")]


def replay(
    run: RunArgument,
    id_: Annotated[str, typer.Argument(metavar="ID", help="The number of an evaluation, or random:NUMBER.")],
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", metavar="FILE", help="A .py, .onnx or .safetensors file; repeat for several."),
    ] = None,
    score: Annotated[bool, typer.Option("--score/--no-score", help="Evaluate again and compare.")] = True,
) -> None:
    """Evaluate an architecture of a run again, compare, and write its torch source and its ONNX model."""
    from einsyn.search.run import Run
    from einsyn.search.winner import MODEL, SOURCE, WEIGHTS, do_again, record

    for path in output or []:
        if path.suffix not in (SOURCE, MODEL, WEIGHTS):
            said = f"`{path}` is neither a .py nor an .onnx nor a .safetensors file"
            raise UsageError(Diagnostic("U013", said, hint="-o net.py, -o net.onnx or -o net.safetensors"))
    with Run.open_(run) as opened:
        evaluation = opened.find(id_)
        if score:
            opened.prepare()
        again = do_again(opened, evaluation, output or [], score=score)
        now = dict(zip(opened.plan.names, again.values, strict=True)) if again.values is not None else None
        found: dict[str, Any] = {
            **record(opened, evaluation),
            "again": now,
            "same": again.same,
            "test": again.test,
            "files": [str(path) for path in output or []],
            "lineage": [each.id for each in opened.lineage(evaluation)][1:],
        }
        lines = [f"{evaluation.id}: {evaluation.arch}", f"stored: {values_shown(found['values'], evaluation.message)}"]
        if score:
            lines.append(f"now:    {values_shown(now, again.message)}")
        if again.test is not None:
            lines.append(f"on the test part: {again.test:.6g}")
        lines += [f"wrote {path}" for path in output or []]
        OUTPUT.result(found, "\n".join(lines))
        if again.same is False:
            said = f"evaluation {evaluation.id} gives other values than are stored"
            hint = "the versions that it was begun with are in the run: einsyn export RUN --facts"
            raise RunError(Diagnostic("Q009", said, hint=hint))
