"""Interactive figures of a run, as the JSON that plotly draws; plotly itself is put into the page."""

from __future__ import annotations

import json
from html import escape
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic, printable
from einsyn.drawing.svg import shortened
from einsyn.errors import BackendError
from einsyn.report.facts import thinned
from einsyn.search.store import BASELINE, SEARCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.report.facts import Facts
    from einsyn.report.operators import Occurrences
    from einsyn.search.store import Evaluation

Figure = dict[str, Any]

_COLOURS: Final = {SEARCH: "#1f6fb4", BASELINE: "#9a9a9a"}
_BEST: Final = "#d95f02"
# Points of an arm in one figure; of more, evenly spaced ones.
_POINTS: Final = 3_000
_ROWS: Final = 24
# From this factor between values on an axis is logarithmic.
_WIDE: Final = 100
SCRIPT: Final = """
for (const data of document.querySelectorAll('[data-figure]'))
  Plotly.newPlot(data.dataset.figure, JSON.parse(data.textContent));
"""
_CONFIG: Final = {"displaylogo": False, "responsive": True}


def library() -> str:
    """The script of plotly.

    Raises:
        BackendError: B001 plotly is not installed.
    """
    try:
        offline: Any = import_module("plotly.offline")
    except ModuleNotFoundError as error:
        hint = "pip install 'einsyn[search]'; `einsyn export RUN` needs nothing"
        raise BackendError(Diagnostic("B001", "plotly is not installed", hint=hint)) from error
    return str(offline.get_plotlyjs())


def drawn(name: str, figure: Figure) -> list[str]:
    """A figure as HTML; `name` is that of its element. `SCRIPT` draws it when the page is there."""
    # Whatever is in the data, it cannot end the script.
    text = json.dumps({**figure, "config": _CONFIG}, sort_keys=True).replace("<", "\\u003c")
    height = figure["layout"]["height"]
    return [
        f'<div id="{name}" style="height:{height}px"></div>',
        f'<script type="application/json" data-figure="{name}">{text}</script>',
    ]


def course(facts: Facts, objective: int) -> Figure:
    """An objective against evaluations: every evaluation, and the best so far, of the search and at random."""
    traces: list[Any] = []
    for arm, evaluations in facts.arms.items():
        counted = {each.number: count for count, each in enumerate(evaluations, 1)}
        points = thinned([each for each in evaluations if each.values is not None], _POINTS)
        traces.append(
            _points(
                facts, f"{_called(facts, arm)}, each", arm, points,
                [counted[each.number] for each in points], [_value(each, objective) for each in points],
                size=5, opacity=0.5,
            )
        )  # fmt: skip
    for arm in facts.arms:
        steps = facts.course(arm, objective)
        line = {"color": _COLOURS[arm], "shape": "hv", "width": 2}
        traces.append(
            {
                "type": "scatter", "mode": "lines", "name": f"{_called(facts, arm)}, best so far", "line": line,
                "x": [count for count, _ in steps], "y": [value for _, value in steps],
            }
        )  # fmt: skip
    return _scaled({"data": traces, "layout": _layout("evaluations", facts.names[objective], 380)}, "y")


def front(facts: Facts, x: int | None, y: int = 0) -> Figure:
    """One objective against another, or against parameters: all evaluations, and those that nothing beats.

    Args:
        facts: of the run.
        x: the objective on the horizontal axis; None for parameters.
        y: the one on the vertical axis.
    """

    def place(each: Evaluation) -> float:
        return float(each.params) if x is None else _value(each, x)

    traces: list[Any] = []
    for arm, evaluations in reversed(facts.arms.items()):
        points = thinned([each for each in evaluations if each.values is not None], _POINTS)
        traces.append(
            _points(
                facts, _called(facts, arm), arm, points,
                [place(each) for each in points], [_value(each, y) for each in points], size=6, opacity=0.5,
            )
        )  # fmt: skip
    best = sorted(facts.front, key=place)
    chosen = _points(
        facts, "nothing beats", SEARCH, best, [place(each) for each in best], [_value(each, y) for each in best],
        size=10, opacity=1.0,
    )  # fmt: skip
    drawn_ids = {each.id for each in facts.shown}
    symbols = ["circle" if each.id in drawn_ids else "circle-open" for each in best]
    chosen["marker"] |= {"color": _BEST, "symbol": symbols}
    if len(facts.names) <= 2:  # of more objectives two are no front
        chosen |= {"mode": "lines+markers", "line": {"color": _BEST, "width": 1, "dash": "dot"}}
    traces.append(chosen)
    layout = _layout("parameters" if x is None else facts.names[x], facts.names[y], 440)
    return _scaled({"data": traces, "layout": layout})


def operators(found: Occurrences) -> Figure:
    """What occurs more or less often in the best tenth: the largest differences."""
    rows = [row for row in found.rows if row.best_mean != row.mean][:_ROWS][::-1]
    names = [_plain(f"{shortened(row.name, 60)} ({row.kind})") for row in rows]
    traces = [
        {
            "type": "bar", "orientation": "h", "name": name, "y": names, "x": values, "marker": {"color": colour},
            "hovertemplate": "%{x:.3g} in an architecture<extra>%{fullData.name}</extra>",
        }
        for name, values, colour in (
            ("all", [row.mean for row in rows], _COLOURS[BASELINE]),
            ("best tenth", [row.best_mean for row in rows], _BEST),
        )
    ]  # fmt: skip
    layout = _layout("how often in an architecture, on average", "", 120 + 34 * len(rows))
    layout["yaxis"] |= {"automargin": True, "tickfont": {"family": "monospace", "size": 11}}
    return {"data": traces, "layout": layout | {"barmode": "group"}}


def _scaled(figure: Figure, axes: str = "xy") -> Figure:
    """The figure with logarithmic axes where values differ by orders of magnitude."""
    for axis in axes:
        values = [value for trace in figure["data"] for value in trace[axis]]
        if values and min(values) > 0 and max(values) > _WIDE * min(values):
            figure["layout"][f"{axis}axis"] |= {"type": "log", "dtick": 1}
    return figure


def _plain(text: str) -> str:
    """Text that stays text for plotly, which reads a few tags and entities and no quotes."""
    return escape(printable(text), quote=False)


def _called(facts: Facts, arm: str) -> str:
    return facts.run.plan.strategy if arm == SEARCH else "random baseline"


def _value(evaluation: Evaluation, objective: int) -> float:
    assert evaluation.values is not None
    return evaluation.values[objective]


def _points(
    facts: Facts, name: str, arm: str, evaluations: Sequence[Evaluation], x: list[float] | list[int], y: list[float],
    *, size: int, opacity: float,
) -> dict[str, Any]:  # fmt: skip
    return {
        "type": "scatter", "mode": "markers", "name": name, "x": x, "y": y,
        "marker": {"color": _COLOURS[arm], "size": size, "opacity": opacity},
        "customdata": [each.id for each in evaluations], "text": [_told(facts, each) for each in evaluations],
        "hovertemplate": "%{text}<extra></extra>",
    }  # fmt: skip


def _told(facts: Facts, evaluation: Evaluation) -> str:
    """What a point says; plotly reads tags in it."""
    assert evaluation.values is not None
    values = [f"{_plain(n)} {v:.6g}" for n, v in zip(facts.names, evaluation.values, strict=True)]
    lines = [f"<b>{evaluation.id}</b>  {_plain(evaluation.move)}", *values, f"{evaluation.params:,} params"]
    return "<br>".join([*lines, _plain(shortened(evaluation.arch, 80))])


def _layout(x: str, y: str, height: int) -> dict[str, Any]:
    def axis(title: str) -> dict[str, Any]:
        return {"title": {"text": _plain(title)}, "gridcolor": "#e8e8e8", "zeroline": False, "linecolor": "#888"}

    return {
        "xaxis": axis(x), "yaxis": axis(y), "height": height, "hovermode": "closest",
        "margin": {"l": 70, "r": 20, "t": 30, "b": 50}, "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
        "plot_bgcolor": "white", "paper_bgcolor": "white", "font": {"size": 12},
    }  # fmt: skip
