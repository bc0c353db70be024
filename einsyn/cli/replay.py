"""`einsyn replay`: do an evaluation of a run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from einsyn.cli.outcome import values_shown
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

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
    from einsyn.search.winner import MODEL, SOURCE, WEIGHTS, confirm_again, do_again, record, same_again

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
        repeated = confirm_again(opened, evaluation) if score else []
        compared = [each for each in (again.same, *(same_again(*pair) for pair in repeated)) if each is not None]
        same = all(compared) if compared else None
        found: dict[str, Any] = {
            **record(opened, evaluation),
            "again": now,
            "confirmed_again": [None if result.values is None else result.values[0] for _, result in repeated],
            "same": same,
            "test": again.test,
            "files": [str(path) for path in output or []],
            "lineage": [each.id for each in opened.lineage(evaluation)][1:],
        }
        lines = [f"{evaluation.id}: {evaluation.arch}", f"stored: {values_shown(found['values'], evaluation.message)}"]
        if score:
            lines.append(f"now:    {values_shown(now, again.message)}")
        if repeated:
            lines.append(f"confirmed by: {_listed([stored.value for stored, _ in repeated])}")
            lines.append(f"now:          {_listed(found['confirmed_again'])}")
        if again.test is not None:
            lines.append(f"on the test part: {again.test:.6g}")
        lines += [f"wrote {path}" for path in output or []]
        OUTPUT.result(found, "\n".join(lines))
        if same is False:
            said = f"evaluation {evaluation.id} gives other values than are stored"
            hint = "the versions that it was begun with are in the run: einsyn export RUN --facts"
            raise RunError(Diagnostic("Q009", said, hint=hint))


def _listed(values: Sequence[float | None]) -> str:
    return ", ".join("failed" if value is None else f"{value:.6g}" for value in values)
