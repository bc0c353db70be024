"""A derivation tree as an outline: a line for each node, what is below a node is indented below it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.derivation.tree import Derivation, Token
from einsyn.drawing.svg import Picture, escaped, shortened, text_width

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from einsyn.ir.path import Path

_ROW: Final = 19
_SIZE: Final = 12
_MARGIN: Final = 12
_LONGEST: Final = 70
# Pixels of a level, and of all levels: those of a deep tree are narrower.
_INDENT: Final = 18.0
_INDENTS: Final = 480.0

STYLE: Final = """
.row .rule { fill: #777777; }
.row .name { font-weight: bold; fill: #1f3d66; }
.row .body { fill: #666666; }
.row .value { font-weight: bold; fill: #a04a00; }
.branch { fill: none; stroke: #c3c8d0; }
"""


class Row(NamedTuple):
    """A node of a derivation.

    Args:
        depth: of the node, 0 for the root.
        parent: its row, -1 for the root.
        end: the row after the last one below it.
        rule: the rule or terminal that it derives from.
        name: what the alternative denotes, if it says so.
        body: the right-hand side of a production.
        value: the text of a token.
    """

    depth: int
    parent: int
    end: int
    rule: str
    name: str = ""
    body: str = ""
    value: str = ""


def rows_of(tree: Derivation) -> list[Row]:
    """A row for each node, in text order."""
    found: list[Row] = []
    for node, parent, _ in tree.placed():
        depth = 0 if parent < 0 else found[parent].depth + 1
        if isinstance(node, Token):
            found.append(Row(depth, parent, len(found) + 1, node.symbol.name, value=node.text))
        else:
            production = node.production
            name, body = production.alias or "", production.describe()
            found.append(Row(depth, parent, len(found) + 1, production.rule.name, name, body))
    for number in range(len(found) - 1, 0, -1):
        above = found[number].parent
        found[above] = found[above]._replace(end=max(found[above].end, found[number].end))
    return found


def numbers_of(tree: Derivation) -> Callable[[Path], int]:
    """A function from the paths of a tree's nodes to their rows."""
    below: dict[tuple[int, int], int] = {}
    for number, (_, parent, slot) in enumerate(tree.placed()):
        below[parent, slot] = number
    # By identity: paths share what is above them, and a deep one is slow to hash. They are kept, so that each identity
    # stays its own.
    known: dict[int, tuple[Path, int]] = {}

    def number_of(path: Path) -> int:
        above: list[Path] = []
        here: Path | None = path
        while here is not None and id(here) not in known:
            above.append(here)
            here = here.parent
        number = -1 if here is None else known[id(here)][1]
        for each in reversed(above):
            number = 0 if each.parent is None else below[number, each.index]
            known[id(each)] = (each, number)
        return number

    return number_of


def indent(rows: Sequence[Row]) -> float:
    """Pixels of a level."""
    return min(_INDENT, _INDENTS / (1 + max(row.depth for row in rows)))


def outline(rows: Sequence[Row]) -> Picture:
    """The rows as a picture, with lines from each to what is below it."""
    step = indent(rows)
    elements: list[str] = []
    widest = 0.0
    last: dict[int, int] = {}
    for number, row in enumerate(rows):
        last[row.parent] = number
        x, y = _MARGIN + row.depth * step, _MARGIN + number * _ROW
        if row.parent >= 0:
            elements.append(f'<path class="branch" d="M{x - step + 4:.1f} {y + 10}H{x - 1:.1f}"/>')
        elements.append(f'<text class="row" x="{x:.1f}" y="{y + 14}">{_spans(row)}</text>')
        widest = max(widest, x + text_width(_plain(row), _SIZE))
    for parent, child in last.items():
        if parent >= 0:
            x, top = _MARGIN + rows[parent].depth * step + 4, _MARGIN + parent * _ROW + 18
            elements.append(f'<path class="branch" d="M{x:.1f} {top}V{_MARGIN + child * _ROW + 10}"/>')
    return Picture(round(widest + _MARGIN), 2 * _MARGIN + _ROW * len(rows), elements)


def pieces(row: Row) -> list[tuple[str, str]]:
    """The parts of a row with the class of each: the rule, and the value or what the alternative is."""
    if row.value:
        return [("rule", row.rule), ("value", shortened(row.value, _LONGEST))]
    found = [("rule", row.rule)]
    if row.name:
        found.append(("name", row.name))
    found.append(("body", shortened(row.body, _LONGEST)))
    return found


def _plain(row: Row) -> str:
    return " ".join(text for _, text in pieces(row))


def _spans(row: Row) -> str:
    return " ".join(f'<tspan class="{kind}">{escaped(text)}</tspan>' for kind, text in pieces(row))
