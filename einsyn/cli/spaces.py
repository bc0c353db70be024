"""`einsyn spaces`: the shipped search spaces."""

from __future__ import annotations

from einsyn.cli.output import OUTPUT


def spaces() -> None:
    """List the shipped search spaces with their reference architectures."""
    from einsyn.references import References
    from einsyn.shipped import shipped_spaces, title_of

    for name, file in shipped_spaces().items():
        refs = References(file).names
        title = title_of(file)
        OUTPUT.result(
            {"space": name, "file": str(file), "title": title, "refs": list(refs)},
            f"{name:16} {title}\n" + "".join(f"{'':16}   ref:{ref}\n" for ref in refs).rstrip("\n"),
        )
