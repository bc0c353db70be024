"""`einsyn explain`: why a text is not an architecture of a space, or what it is made of."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import typer

from einsyn.cli import options as opt
from einsyn.cli.check import summary
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.analysis.explain import Explanation

_WIDTH: Final = 100


def explain(
    space: opt.SpaceArgument,
    arch: opt.ArchArgument,
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
    """Say why a text is not in a space and what is nearest to it, or which choices make it. Status 1 if it is not."""
    from einsyn.analysis.explain import explain

    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    placed, text = opt.placed_text(space, arch, input_, set_, profile, bounds)
    found = explain(placed, text, **bounds)
    OUTPUT.result(_record(found), "\n".join(_for_people(found, placed.name)))
    if found.diagnostic is not None:
        raise typer.Exit(1)


def _record(found: Explanation) -> dict[str, Any]:
    near = found.nearest
    return {
        "arch": found.text,
        "in_space": found.architecture is not None,
        "sentence": found.is_sentence,
        "log_prob": math.fsum([p.count * p.log_prob for p in found.parts])
        if found.place or found.architecture
        else None,
        "diagnostic": found.diagnostic.as_json() if found.diagnostic is not None else None,
        "nearest": near.text if near is not None else None,
        "distance": near.distance if near is not None else None,
        "edits": [edit._asdict() for edit in near.edits] if near is not None else [],
        "place": list(found.place) if found.place is not None else None,
        "repairs": [{"old": r.old, "new": r.new, "arch": r.text} for r in found.repairs],
        "parts": [
            {"symbol": p.symbol, "choice": p.choice, "place": str(p.span), "count": p.count, "log_prob": p.log_prob}
            for p in found.parts
        ],
    }


def _for_people(found: Explanation, name: str) -> Iterator[str]:
    if found.architecture is not None:
        yield f"an architecture of {name}"
        yield summary(found.architecture)
        yield ""
        yield f"{'count':>6} {'log_prob':>10} {'in all':>10}  choice"
        for part in found.parts:
            total = part.count * part.log_prob
            yield f"{part.count:>6} {part.log_prob:>10.4f} {total:>10.4f}  {part.symbol}: {printable(part.choice)}"
            if part.log_prob == -math.inf:
                yield f"{'':30}parses and is never drawn: its probability is 0 ({part.span})"
        return
    assert found.diagnostic is not None
    if found.place is None:  # no sentence
        yield f"not a sentence of {name}"
        yield found.diagnostic.render()
        near = found.nearest
        if near is None:
            yield "nearest: none was found in reasonable time"
            return
        changes = "change" if near.distance == 1 else "changes"
        yield f"nearest, {near.distance} {changes} away: {near.text}"
        for edit in near.edits:
            yield f"  {printable(str(edit))} at {edit.position + 1}"
        return
    yield f"a sentence of {name}, and not an architecture"
    yield from _excerpt(found.text, found.place)
    yield found.diagnostic.render()
    for repair in found.repairs:
        yield f"would do: `{printable(repair.new)}` for `{printable(repair.old)}`"


def _excerpt(text: str, place: tuple[int, int]) -> Iterator[str]:
    """The part of the text where the fault shows, marked."""
    start = max(0, place[0] - _WIDTH // 2)
    shown = printable(text[start : start + _WIDTH])
    yield f"   {shown}"
    yield f"   {' ' * (place[0] - start)}{'^' * max(1, min(place[1], start + _WIDTH) - place[0])}"
