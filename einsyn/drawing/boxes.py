"""Labelled boxes joined by wires, as a picture: what graphs of operations and lineages of architectures become."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.drawing.layers import Box, Wire, lay_out
from einsyn.drawing.svg import Picture, escaped, shortened, text_width

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TITLE, _NOTE, _LABEL = 12, 10, 10
_LINE: Final = 15
_PADDING: Final = 8
_LONGEST: Final = 44
_MARGIN: Final = 12
# Pixels between inlets or outlets of a box.
_PORT_GAP: Final = 26

STYLE: Final = """
.box rect { fill: #ffffff; stroke: #8892a0; }
.box.weights rect { fill: #dbe9f9; stroke: #4477aa; }
.box.work rect { fill: #e9e2f5; stroke: #7a5fa8; }
.box.view rect { fill: #f2f2f2; stroke: #b5b5b5; }
.box.end rect { fill: #e6f3e4; stroke: #5b9355; }
.box.chosen rect { stroke: #d95f02; stroke-width: 3; }
.box .note { font-size: 10px; fill: #555555; }
.wire { fill: none; stroke: #99a1ad; stroke-width: 1.3; }
.label { font-size: 10px; fill: #333333; paint-order: stroke; stroke: #ffffff; stroke-width: 3px; }
.label .number { fill: #8b93a0; }
.cut { stroke: #99a1ad; stroke-dasharray: 3 2; }
"""


class Outlet(NamedTuple):
    """Where wires leave a box.

    Args:
        number: how others call what leaves here, such as `%4`.
        label: what is said about it on the wire.
        told: what is said about it where somebody asks.
    """

    number: str
    label: str
    told: str


class Node(NamedTuple):
    """A box.

    Args:
        title: its first line.
        note: its second line, may be empty.
        told: what is said where somebody asks.
        kind: names of its classes in `STYLE`: `weights`, `work`, `view`, `end`, `chosen`.
        inlets: how many wires arrive.
        outlets: where wires leave.
        data: `data-` attributes of its element, for a script.
    """

    title: str
    note: str
    told: str
    kind: str
    inlets: int
    outlets: tuple[Outlet, ...]
    data: Mapping[str, str] = {}


class Edge(NamedTuple):
    """From an outlet of a node to an inlet of a later node, each by number."""

    source: int
    outlet: int
    target: int
    inlet: int


def picture(nodes: Sequence[Node], edges: Sequence[Edge]) -> Picture:
    """Nodes from top to bottom with what passes between them; linear in time and size."""
    shapes = [_Shape(node) for node in nodes]
    wires = [
        Wire(e.source, e.target, shapes[e.source].outlets[e.outlet], shapes[e.target].inlets[e.inlet]) for e in edges
    ]
    layout = lay_out([Box(shape.width / 2, shape.right, shape.height) for shape in shapes], wires)
    elements = [f'<path class="wire" d="{_curve(path)}"/>' for path in layout.trunks]
    for edge, path in zip(edges, layout.ends, strict=True):
        if path is not None:
            elements.append(f'<path class="wire" d="{_curve(path)}"/>')
            continue
        # The wire has no room: it is cut, and its end says where it comes from.
        x = layout.places[edge.target][0] + shapes[edge.target].inlets[edge.inlet]
        y = layout.places[edge.target][1] - shapes[edge.target].height / 2
        number = escaped(nodes[edge.source].outlets[edge.outlet].number)
        elements.append(f'<path class="cut" d="M{x:.1f} {y - 16:.1f}V{y:.1f}"/>')
        elements.append(f'<text class="label" x="{x + 3:.1f}" y="{y - 7:.1f}">{number}</text>')
    for node, shape, (x, y) in zip(nodes, shapes, layout.places, strict=True):
        elements += shape.drawn(node, x, y)
    return Picture(
        round(layout.width + 2 * _MARGIN),
        round(layout.height + 2 * _MARGIN + _LINE),
        [f'<g transform="translate({_MARGIN} {_MARGIN})">', *elements, "</g>"],
    )


class _Shape:
    """The measures of a node: where its inlets and outlets are, from its middle, and what is written at these."""

    def __init__(self, node: Node) -> None:
        self.title = shortened(node.title, _LONGEST)
        self.note = shortened(node.note, _LONGEST + 8)
        text = max(text_width(self.title, _TITLE), text_width(self.note, _NOTE))
        labels = [f"{outlet.number} {outlet.label}".strip() for outlet in node.outlets]
        # Equal outlets side by side are told once.
        told = [o.label for o in node.outlets]
        self.once = len(told) > 2 and len(set(told)) == 1
        if self.once:
            labels = [*[""] * (len(told) - 1), f"{node.outlets[0].number}.. each {told[0]}"]
        self.labels = labels
        widths = [text_width(label, _LABEL) for label in labels]
        apart = _PORT_GAP if self.once else max([_PORT_GAP, *[w + 10 for w in widths[:-1]]])
        self.width = max(text + 2 * _PADDING, apart * (len(labels) - 1) + 30, _PORT_GAP * node.inlets, 56)
        self.height = _LINE * (2 if self.note else 1) + _PADDING
        self.outlets = _spread(len(labels), apart)
        self.inlets = _spread(node.inlets, min(_PORT_GAP, 0.8 * self.width / max(1, node.inlets)))
        beyond = max([at + 6 + width for at, width in zip(self.outlets, widths, strict=True)], default=0.0)
        self.right = max(self.width / 2, beyond)

    def drawn(self, node: Node, x: float, y: float) -> list[str]:
        """The elements of the node around a point."""
        left, top = x - self.width / 2, y - self.height / 2
        data = "".join(f' data-{name}="{escaped(value)}"' for name, value in node.data.items())
        found = [
            f'<g class="{" ".join(["box", *node.kind.split()])}"{data}>',
            f"<title>{escaped_lines(node.told)}</title>",
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{self.width:.1f}" height="{self.height}" rx="4"/>',
            f'<text x="{x:.1f}" y="{top + _LINE:.1f}" text-anchor="middle">{escaped(self.title)}</text>',
        ]
        if self.note:
            line = f'<text class="note" x="{x:.1f}" y="{top + 2 * _LINE - 1:.1f}" text-anchor="middle">'
            found.append(f"{line}{escaped(self.note)}</text>")
        found.append("</g>")
        for outlet, at, label in zip(node.outlets, self.outlets, self.labels, strict=True):
            if not label:
                continue
            number, _, rest = label.partition(" ") if outlet.number else ("", "", label)
            shown = f'<tspan class="number">{escaped(number)}</tspan> {escaped(rest)}' if number else escaped(rest)
            place = f'x="{x + at + 4:.1f}" y="{top + self.height + 12:.1f}"'
            found.append(f'<text class="label" {place}><title>{escaped_lines(outlet.told)}</title>{shown}</text>')
        return found


def escaped_lines(text: str) -> str:
    """Several lines of text, each safe."""
    return "&#10;".join(escaped(line) for line in text.split("\n"))


def _spread(count: int, apart: float) -> list[float]:
    """Places around 0, left to right."""
    return [(i - (count - 1) / 2) * apart for i in range(count)]


def _curve(path: Sequence[tuple[float, float]]) -> str:
    """A line through points: straight within layers, bent between them."""
    (x, y), parts = path[0], [f"M{path[0][0]:.1f} {path[0][1]:.1f}"]
    for nx, ny in path[1:]:
        if abs(nx - x) < 0.05:
            parts.append(f"V{ny:.1f}")
        else:
            middle = (y + ny) / 2
            parts.append(f"C{x:.1f} {middle:.1f} {nx:.1f} {middle:.1f} {nx:.1f} {ny:.1f}")
        x, y = nx, ny
    return "".join(parts)
