"""An architecture drawn: its derivation and its graph, as one SVG image or as one HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from einsyn.drawing import boxes, graph, outline, page
from einsyn.drawing.svg import Picture, document, escaped, moved, shortened, text_width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.architecture import Architecture

Part = Literal["tree", "ir"]
PARTS: Final[tuple[Part, ...]] = ("tree", "ir")

_KEY: Final = (
    ("#dbe9f9", "#4477aa", "with weights"),
    ("#e9e2f5", "#7a5fa8", "MACs without weights"),
    ("#f2f2f2", "#b5b5b5", "no work: a view"),
    ("#ffffff", "#8892a0", "other"),
)
_GAP, _HEAD = 30, 46


def svg(architecture: Architecture, parts: Sequence[Part] = PARTS) -> str:
    """A static image of an architecture, the derivation left of the graph.

    Args:
        architecture: what to draw.
        parts: `tree` for the derivation, `ir` for the graph as elaborated, with shapes on its wires.
    """
    pictures: list[tuple[str, Picture]] = []
    if "tree" in parts:
        pictures.append(("", outline.outline(outline.rows_of(architecture.derivation))))
    if "ir" in parts:
        pictures += graph.drawings(architecture.graph)
    title, costs = _title(architecture), _costs(architecture)
    elements = [
        f'<text x="12" y="20" font-size="14" font-weight="bold">{escaped(title)}</text>',
        f'<text x="12" y="38">{escaped(costs)}</text>',
    ]
    width = max(text_width(title, 14), text_width(costs, 12)) + 24
    x, height = 0.0, 0.0
    for caption, picture in pictures:
        if caption:
            elements.append(f'<text x="{x + 12:g}" y="{_HEAD + 14}">{escaped(caption)}</text>')
        elements += moved(picture, x, _HEAD + (20 if caption else 0))
        x += max(picture.width, text_width(caption, 12) + 24) + _GAP
        height = max(height, picture.height + 20)
    whole = Picture(round(max(width, x - _GAP)), round(_HEAD + height), elements)
    return document(whole, title, style=outline.STYLE + boxes.STYLE)


def html(architecture: Architecture, parts: Sequence[Part] = PARTS) -> str:
    """A page about an architecture: a derivation that folds beside the graph as elaborated and as it is written.

    What the pointer is on in one is marked in the other. The page is one file that fetches nothing.

    Args:
        architecture: what to draw.
        parts: as for `svg`.
    """
    title = _title(architecture)
    return page.page(title, [f"<h1>{escaped(title)}</h1>", *described(architecture), *views(architecture, parts)])


def described(architecture: Architecture) -> list[str]:
    """The text and the costs of an architecture, as HTML."""
    return [f"<p>{escaped(_costs(architecture))}</p>", f"<pre>{escaped(architecture.text)}</pre>"]


def views(architecture: Architecture, parts: Sequence[Part] = PARTS) -> list[str]:
    """The derivation and the graph side by side, as HTML for a `page`."""
    numbers = outline.numbers_of(architecture.derivation)
    found = ['<div class="both">']
    if "tree" in parts:
        rows = outline.rows_of(architecture.derivation)
        found += ['<section class="tree">', "<h3>Derivation</h3>", *page.tree(rows), "</section>"]
    if "ir" in parts:
        found += ['<section class="graph">', "<h3>Graph</h3>", *_key()]
        for caption, picture in graph.drawings(architecture.graph, numbers):
            found += _captioned(caption, picture)
        written = architecture.rewritten
        if written.fired:
            found.append("<details><summary>The graph as it is written to torch and ONNX, after rewriting</summary>")
            for caption, picture in graph.drawings(written.graph, numbers):
                found += _captioned(caption, picture)
            found.append("</details>")
        found.append("</section>")
    return [*found, "</div>"]


def _captioned(caption: str, picture: Picture) -> list[str]:
    shown = [f"<p>{escaped(caption)}</p>"] if caption else []
    return [*shown, *page.drawing(picture, caption or "graph")]


def _key() -> list[str]:
    marks = [f'<span style="background:{fill};border-color:{line}">{said}</span>' for fill, line, said in _KEY]
    return [f'<p class="key">{"".join(marks)}</p>']


def _title(architecture: Architecture) -> str:
    space = architecture.space
    return f"{space.title or space.name}: {shortened(architecture.text, 80)}"


def _costs(architecture: Architecture) -> str:
    outputs = ", ".join("x".join(str(n).replace(" ", "") for n in shape) for shape in architecture.output)
    return (
        f"{architecture.hash}  {architecture.params:,} params  {architecture.macs:,} MACs  "
        f"{architecture.memory:,} bytes  output {outputs}"
    )
