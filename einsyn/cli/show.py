"""`einsyn show`: the derivation tree or the graph of an architecture, or what an ONNX file holds."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from einsyn.cli import options as opt
from einsyn.cli.output import OUTPUT
from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError

if TYPE_CHECKING:
    from einsyn.architecture import Architecture


class What(StrEnum):
    """What to show."""

    tree = "tree"
    ir = "ir"
    text = "text"
    source = "source"
    passes = "passes"


def show(
    space: Annotated[str, typer.Argument(metavar="SPACE", help="A space, or an ONNX file written by einsyn.")],
    arch: Annotated[str | None, typer.Argument(metavar="ARCH", help="Text, @FILE, - or ref:NAME.")] = None,
    what: Annotated[What, typer.Option("--as", help="What to show.")] = What.tree,
    pretty: Annotated[
        bool, typer.Option("--pretty", help="Break and indent the text where the grammar allows.")
    ] = False,
    passes: Annotated[
        bool, typer.Option("--passes", help="Show what each rewriting rule changed, as `--as passes`.")
    ] = False,
    input_: opt.InputOption = None,
    set_: opt.SetOption = None,
    profile: opt.ProfileOption = None,
    max_ops: opt.MaxOps = None,
) -> None:
    """Show the derivation tree, the typed graph, its rewriting, the text or the torch source of an architecture."""
    if arch is None:
        if not space.endswith(".onnx"):
            raise UsageError(
                Diagnostic("U012", "which architecture?", hint="einsyn show SPACE ARCH, or einsyn show FILE.onnx")
            )
        from einsyn.backends.recover import recover

        record = recover(space)
        OUTPUT.result(record, "\n".join(f"{key}: {value}" for key, value in record.items()))
        return
    architecture = opt.architecture_of(space, arch, input_, set_, profile, opt.limits(max_ops=max_ops))
    if pretty:
        what = What.text
    elif passes:
        what = What.passes
    if what is What.tree:
        from einsyn.derivation.draw import draw

        shown = draw(architecture.derivation)
    elif what is What.ir:
        from einsyn.ir.text import print_graph

        shown = print_graph(architecture.graph).rstrip("\n")
    elif what is What.passes:
        shown = _passes(architecture)
    elif what is What.source:
        shown = architecture.source().rstrip("\n")
    else:
        from einsyn.derivation.draw import pretty_text

        shown = pretty_text(architecture.derivation, architecture.space.grammar) if pretty else architecture.text
    OUTPUT.result({"arch": architecture.text, what.value: shown}, shown)


def _passes(architecture: Architecture) -> str:
    """What each rule changed, and the graph that is written in the end."""
    from einsyn.ir.text import print_graph
    from einsyn.rewrite import Firing, rewrite
    from einsyn.rewrite.rules import DEFAULT

    trace: list[Firing] = []
    after = rewrite(architecture.graph, DEFAULT, trace)
    return "\n".join([*map(str, trace), "", print_graph(after.graph).rstrip("\n")])
