"""`einsyn show`: an architecture as text or drawn, or what a file says of one."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.cli.stated import recovered, stated_by
from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from einsyn.architecture import Architecture
    from einsyn.forms import Rewriting


class What(StrEnum):
    """What to show."""

    tree = "tree"
    ir = "ir"
    text = "text"
    source = "source"
    passes = "passes"


class Format(StrEnum):
    """How to show it."""

    text = "text"
    svg = "svg"
    html = "html"


# Nobody who names such a file wants text in it.
_OTHER_PICTURES = frozenset({"png", "gif", "jpg", "jpeg", "webp", "pdf", "dot"})
# What a drawing shows where nothing else is asked for: both.
_DRAWN = (What.tree, What.ir)


def show(
    space: Annotated[
        str, typer.Argument(metavar="SPACE", help="A space, or an ONNX or safetensors file written by einsyn.")
    ],
    arch: Annotated[str | None, typer.Argument(metavar="ARCH", help="Text, @FILE, - or ref:NAME.")] = None,
    what: Annotated[
        What | None,
        typer.Option(
            "--as",
            metavar="tree|ir|text|source|passes",
            help="What to show. By default tree, in a drawing tree and ir.",
        ),
    ] = None,
    format_: Annotated[
        Format | None,
        typer.Option(
            "--format",
            metavar="text|svg|html",
            help="svg, a static image, or html, a page that folds; by default what FILE ends with, else text.",
        ),
    ] = None,
    output: opt.OutputOption = None,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="Break and indent the text where the grammar allows.")
    ] = False,
    passes: Annotated[
        bool, typer.Option("--passes", help="Show what each rewriting rule changed, as `--as passes`.")
    ] = False,
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
    """Show the derivation tree, the typed graph, its rewriting, the text or the torch source of an architecture.

    With --format svg or html the derivation and the graph are drawn, shapes on the wires. Of a file alone, what it
    states is printed; with --as or a drawing it is read as the architecture that it states.
    """
    form = format_ or _form_of(output)
    if pretty:
        what = What.text
    elif passes:
        what = What.passes
    if form is not Format.text and what not in (None, *_DRAWN):
        said = f"there is no drawing of `{what.value}`"
        raise UsageError(Diagnostic("U030", said, hint="--as tree or --as ir; without --as a drawing shows both"))
    bounds = opt.limits(
        max_params=max_params, max_macs=max_macs, max_memory=max_memory, max_ops=max_ops, max_depth=max_depth,
        max_size=max_size,
    )  # fmt: skip
    rewrite = "exact"
    if arch is not None:
        architecture = opt.architecture_of(space, arch, input_, set_, profile, bounds)
    else:
        stated = stated_by(space)
        if input_ or set_ or profile:
            hint = f"einsyn show {space}, or einsyn show SPACE ARCH with these options"
            raise UsageError(Diagnostic("U000", "a file has its own --input, --set and --profile", hint=hint))
        if form is Format.text and what is None:
            with OUTPUT.to(output):
                OUTPUT.result(stated, "\n".join(f"{key}: {value}" for key, value in stated.items()))
            return
        architecture = recovered(space, stated, bounds)
        rewrite = str(stated.get("form", rewrite))
    if form is not Format.text:
        _draw(architecture, form, what, output)
        return
    with OUTPUT.to(output):
        _show(architecture, what or What.tree, pretty, cast("Rewriting", rewrite))
    if output is not None:
        OUTPUT.message(f"wrote {output}", {"file": str(output)})


def _form_of(output: Path | None) -> Format:
    """The form that a file's ending names. Raises UsageError U030 for pictures that are not drawn."""
    suffix = "" if output is None else output.suffix.lstrip(".").lower()
    if suffix in _OTHER_PICTURES:
        raise UsageError(Diagnostic("U030", f"there is no drawing as .{suffix}", hint="-o net.svg or -o net.html"))
    return Format(suffix) if suffix in (Format.svg, Format.html) else Format.text


def _draw(architecture: Architecture, form: Format, what: What | None, output: Path | None) -> None:
    from einsyn.drawing.architecture import html, svg
    from einsyn.files import replacing

    draw = svg if form is Format.svg else html
    drawn = draw(architecture) if what is None else draw(architecture, ("tree",) if what is What.tree else ("ir",))
    if output is None:
        OUTPUT.result({"arch": architecture.text, form.value: drawn}, drawn.rstrip("\n"))
        return
    with replacing(output) as stream:
        stream.write(drawn)
    OUTPUT.result({"arch": architecture.text, "file": str(output)}, f"wrote {output}")


def _show(architecture: Architecture, what: What, pretty: bool, rewrite: Rewriting) -> None:
    if what is What.tree:
        from einsyn.derivation.draw import draw

        shown = draw(architecture.derivation)
    elif what is What.ir:
        from einsyn.ir.text import print_graph

        shown = print_graph(architecture.graph).rstrip("\n")
    elif what is What.passes:
        shown = _passes(architecture, rewrite)
    elif what is What.source:
        shown = architecture.source(rewrite).rstrip("\n")
    else:
        from einsyn.derivation.draw import pretty_text

        shown = pretty_text(architecture.derivation, architecture.space.grammar) if pretty else architecture.text
    OUTPUT.result({"arch": architecture.text, what.value: shown}, shown)


def _passes(architecture: Architecture, form: Rewriting) -> str:
    """What each rule changed, and the graph that is written in the end."""
    from einsyn.forms import phases_of
    from einsyn.ir.text import print_graph
    from einsyn.rewrite import Firing, rewrite

    trace: list[Firing] = []
    after = rewrite(architecture.graph, phases_of(form), trace)
    return "\n".join([*map(str, trace), "", print_graph(after.graph).rstrip("\n")])
