"""HTML pages that need nothing but themselves: no script, font or picture is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.drawing import boxes, outline
from einsyn.drawing.svg import FONT, Picture, element, escaped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# Whatever got into a page, it may fetch nothing and send nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data: blob:"

_STYLE: Final = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; padding: 16px 24px; font: 14px/1.45 system-ui, sans-serif; color: #222; background: #fff; }}
h1 {{ font-size: 20px; margin: 0 0 4px; }}
h2 {{ font-size: 16px; margin: 22px 0 8px; border-bottom: 1px solid #ddd; padding-bottom: 3px; }}
h3 {{ font-size: 14px; margin: 10px 0 4px; }}
pre, code, .mono {{ font-family: {FONT}; font-size: 12px; }}
pre {{ background: #f6f7f9; padding: 8px 10px; white-space: pre-wrap; overflow-wrap: anywhere; margin: 6px 0; }}
p {{ margin: 6px 0; max-width: 75em; }}
table {{ border-collapse: collapse; margin: 6px 0; }}
th, td {{ padding: 2px 12px 2px 0; text-align: left; vertical-align: top; }}
th {{ font-weight: 600; border-bottom: 1px solid #bbb; }}
td.figure, th.figure {{ text-align: right; font-variant-numeric: tabular-nums; }}
td.text {{ font-family: {FONT}; font-size: 12px; overflow-wrap: anywhere; }}
tr:nth-child(even) td {{ background: #fafbfc; }}
details {{ margin: 6px 0; }}
summary {{ cursor: pointer; }}
button {{ font: inherit; font-size: 12px; padding: 1px 8px; cursor: pointer; }}
.muted {{ color: #666; }}
.drawing {{ overflow: auto; border: 1px solid #e1e4e8; padding: 4px; max-height: 90vh; }}
.drawing svg {{ display: block; margin: auto; }}
.drawing.fit svg {{ width: 100%; height: auto; }}
.both {{ display: flex; gap: 20px; align-items: flex-start; }}
.both > section {{ min-width: 0; }}
.both > .tree {{ flex: 0 1 40%; position: sticky; top: 8px; }}
.both > .graph {{ flex: 1 1 60%; }}
@media (max-width: 900px) {{ .both {{ display: block; }} .both > .tree {{ position: static; }} }}
.rows {{ overflow: auto; max-height: 88vh; border: 1px solid #e1e4e8; padding: 6px; font: 12px/1.5 {FONT}; }}
.rows > div {{ white-space: nowrap; cursor: default; border-radius: 3px; }}
.rows > div:hover, .rows > .chosen {{ background: #fdeee2; }}
.rows .rule, .rows .body {{ color: #777; }}
.rows .name {{ font-weight: bold; color: #1f3d66; }}
.rows .value {{ font-weight: bold; color: #a04a00; }}
.rows .fold {{ display: inline-block; width: 16px; cursor: pointer; color: #555; user-select: none; }}
.key span {{ display: inline-block; padding: 0 8px; margin-right: 8px; border: 1px solid; border-radius: 3px; }}
{boxes.STYLE}
"""

# Folds rows, and shows which operations came from a node and the other way round.
_SCRIPT: Final = """
for (const view of document.querySelectorAll('.both')) {
  const rows = [...view.querySelectorAll('.rows > div')];
  const ends = rows.map(row => +row.dataset.end), folded = new Set();
  const boxes = [...view.querySelectorAll('.box[data-node]')];
  const draw = () => {
    let hidden = 0;
    rows.forEach((row, n) => {
      row.hidden = n < hidden;
      const mark = row.firstChild;
      if (mark.dataset.open) mark.textContent = folded.has(n) ? '+' : '-';
      if (folded.has(n)) hidden = Math.max(hidden, ends[n]);
    });
  };
  const choose = (first, end) => {
    for (const box of boxes) box.classList.toggle('chosen', +box.dataset.node >= first && +box.dataset.node < end);
  };
  const mark = n => rows.forEach((row, k) => row.classList.toggle('chosen', k === n));
  rows.forEach((row, n) => {
    row.firstChild.onclick = () => { folded.has(n) ? folded.delete(n) : folded.add(n); draw(); };
    row.onmouseenter = () => choose(n, ends[n]);
    row.onmouseleave = () => choose(0, 0);
  });
  for (const box of boxes) {
    const n = +box.dataset.node;
    box.onmouseenter = () => mark(n);
    box.onmouseleave = () => mark(-1);
    box.onclick = () => rows[n] && rows[n].scrollIntoView({block: 'nearest'});
  }
  const all = fold => {
    folded.clear();
    if (fold) rows.forEach((row, n) => n && ends[n] > n + 1 && folded.add(n));
    draw();
  };
  for (const button of view.querySelectorAll('[data-fold]')) button.onclick = () => all(button.dataset.fold === 'all');
}
// A wide drawing shows first where its graph begins.
for (const frame of document.querySelectorAll('.drawing')) {
  const aim = () => {
    const first = frame.querySelector('.box');
    if (!first || frame.scrollWidth <= frame.clientWidth) return;
    const box = first.getBoundingClientRect(), here = frame.getBoundingClientRect();
    frame.scrollLeft += box.left + box.width / 2 - here.left - here.width / 2;
  };
  aim();
  for (let up = frame.parentElement; up; up = up.parentElement) up.addEventListener('toggle', aim, {once: true});
}
for (const button of document.querySelectorAll('[data-fit]'))
  button.onclick = () => button.parentElement.nextElementSibling.classList.toggle('fit');
"""


def page(title: str, body: Iterable[str], *, scripts: Sequence[str] = (), late: Sequence[str] = ()) -> str:
    """A whole page.

    Args:
        title: of the window.
        body: HTML.
        scripts: JavaScript that is there before the body.
        late: JavaScript that runs after it.
    """
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            '<meta name="viewport" content="width=device-width">',
            f"<title>{escaped(title)}</title>",
            f"<style>{_STYLE}</style>",
            *(f"<script>{script}</script>" for script in scripts),
            "</head>",
            "<body>",
            *body,
            *(f"<script>{script}</script>" for script in (_SCRIPT, *late)),
            "</body>",
            "</html>",
            "",
        ]
    )


def table(head: Sequence[str], rows: Iterable[Sequence[object]], texts: Sequence[str] = ()) -> list[str]:
    """A table; numbers stand to the right.

    Args:
        head: names of columns.
        rows: cells; what is not text is a number, None is left out.
        texts: the columns that hold code.
    """
    found = ["<table>", "<tr>"]
    kinds = ['class="text"' if name in texts else "" for name in head]
    body: list[str] = []
    figures = [False] * len(head)
    for row in rows:
        cells: list[str] = []
        for column, cell in enumerate(row):
            figures[column] = figures[column] or isinstance(cell, int | float)
            kind = 'class="figure"' if isinstance(cell, int | float) else kinds[column]
            cells.append(f"<td {kind}>{escaped(_cell(cell))}</td>".replace("<td >", "<td>"))
        body.append(f"<tr>{''.join(cells)}</tr>")
    for name, figure in zip(head, figures, strict=True):
        found.append(f'<th class="figure">{escaped(name)}</th>' if figure else f"<th>{escaped(name)}</th>")
    return [*found, "</tr>", *body, "</table>"]


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def drawing(picture: Picture, title: str) -> list[str]:
    """A picture in a frame of its own, with a button that makes it fit."""
    return [
        '<div><button data-fit="">fit / full size</button></div>',
        '<div class="drawing">',
        *element(picture, title, background=False),
        "</div>",
    ]


def tree(rows: Sequence[outline.Row]) -> list[str]:
    """A derivation as rows that fold."""
    step = outline.indent(rows)
    found = ['<div><button data-fold="none">unfold all</button> <button data-fold="all">fold all</button></div>']
    found.append('<div class="rows">')
    for number, row in enumerate(rows):
        mark = '<span class="fold" data-open="1">-</span>' if row.end > number + 1 else '<span class="fold"></span>'
        parts = " ".join(f'<span class="{kind}">{escaped(text)}</span>' for kind, text in outline.pieces(row))
        found.append(f'<div data-end="{row.end}" style="padding-left:{row.depth * step:.1f}px">{mark}{parts}</div>')
    return [*found, "</div>"]
