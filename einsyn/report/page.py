"""A report on a run: one HTML page that needs nothing but itself. The same run gives the same bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.drawing import architecture, boxes, page
from einsyn.drawing.boxes import Edge, Node, Outlet
from einsyn.drawing.svg import escaped, shortened
from einsyn.report import figures
from einsyn.report.facts import Facts
from einsyn.report.operators import LEAST, occurrences
from einsyn.report.reproduce import RECIPE, reproduction
from einsyn.search.halving import halves
from einsyn.search.store import BASELINE, SEARCH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.search.run import Run

_LISTED: Final = 60

# Shows the drawing of an architecture beside the figure while the pointer is on its point; a click leads to it.
_SCRIPT: Final = """
for (const plot of document.querySelectorAll('[data-beside] .js-plotly-plot')) {
  const panel = plot.parentElement.parentElement.querySelector('.panel');
  const found = event => document.getElementById('arch-' + event.points[0].customdata);
  plot.on('plotly_hover', event => {
    const shown = found(event);
    if (!shown) return;
    const picture = shown.querySelector('.graph svg').cloneNode(true), title = document.createElement('p');
    title.textContent = shown.querySelector('summary').textContent;
    panel.replaceChildren(title, picture);
  });
  plot.on('plotly_click', event => {
    const shown = found(event);
    if (shown) { shown.open = true; shown.scrollIntoView(); }
  });
}
"""
_STYLE: Final = """
[data-beside] { display: flex; gap: 16px; }
[data-beside] > .plot { flex: 1 1 62%; min-width: 0; }
[data-beside] > .panel { flex: 1 1 38%; max-height: 440px; overflow: auto; border: 1px solid #e1e4e8; padding: 8px; }
.panel svg { max-width: 100%; height: auto; display: block; margin: auto; }
.facts td:first-child { color: #666; }
"""


def report(run: Run) -> str:
    """The page about a run, finished or not.

    Raises:
        BackendError: B001 plotly is not installed.
    """
    library = figures.library()
    facts = Facts(run)
    title = f"{run.space.title or run.space.name}: {run.plan.strategy}, seed {run.plan.seed}"
    body = [f"<style>{_STYLE}</style>", f"<h1>{escaped(title)}</h1>"]
    for section in (
        _summary, _confirmed, _course, _front, _architectures, _lineage, _operators, _moves, _failures, _reproduce,
    ):  # fmt: skip
        body += section(facts)
    return page.page(title, body, scripts=(library,), late=(figures.SCRIPT, _SCRIPT))


def _paragraph(text: str) -> str:
    return f"<p>{escaped(text)}</p>"


def _summary(facts: Facts) -> Iterator[str]:
    run = facts.run
    yield _paragraph(_state(facts))
    rows: list[tuple[object, ...]] = []
    halved = halves(run.objectives) is not None
    for arm, evaluations in facts.arms.items():
        done = [each for each in evaluations if each.values is not None]
        best = [facts.course(arm, k)[-1][1] if done else None for k in range(len(facts.names))]
        repeated = sum(each.seconds is None for each in evaluations)
        name = run.plan.strategy if arm == SEARCH else "random baseline"
        failed = sum(each.failed for each in evaluations)
        stopped = [len(evaluations) - len(done) - failed] if halved else []
        rows.append((name, len(evaluations), len(done), *stopped, failed, repeated, *best))
    middle = ["with a value", *(["stopped early"] if halved else []), "failed", "repeated"]
    head = ["", "evaluations", *middle, *(f"best {name}" for name in facts.names)]
    yield from page.table(head, rows)
    if facts.best is None:
        yield _paragraph("No evaluation has a value yet; below is what there is.")
    elif BASELINE in facts.arms and (sentence := _against_random(facts)):
        yield _paragraph(sentence)


def _confirmed(facts: Facts) -> Iterator[str]:
    if not facts.confirmed[SEARCH]:
        return
    yield "<h2>The best, confirmed</h2>"
    yield _paragraph(
        "The best of many trainings is the best partly by chance. Those here were trained "
        f"{facts.run.plan.repeats} times more, with other seeds, and judged by other examples where the data allow it. "
        "The best mean wins."
    )
    rows = [
        (each.evaluation.id, *(each.evaluation.values or (None,)), each.mean, each.failed, *_ends(each.values),
         shortened(each.evaluation.arch, 160))
        for ranked in facts.confirmed.values()
        for each in ranked
    ]  # fmt: skip
    head = ["id", facts.names[0], "mean of the others", "failed", "least", "most", "architecture"]
    yield from page.table(head, rows, ["architecture"])


def _ends(values: Sequence[float]) -> tuple[float | None, float | None]:
    return min(values, default=None), max(values, default=None)


def _state(facts: Facts) -> str:
    run, done = facts.run, len(facts.arms[SEARCH])
    directions = [f"{name} ({'more' if o.maximise else 'less'} is better)" for name, o in _objectives(facts)]
    budget = run.budget
    if budget is None:
        state = f"{done:,} evaluations, bounded by time"
    elif done < budget:
        state = f"unfinished, or ended early: {done:,} of {budget:,} evaluations"
    else:
        state = f"{done:,} evaluations"
    needs = ", ".join(f"{name}{comparison}{bound:g}" for name, comparison, bound in run.plan.requirements)
    return f"Objectives: {', '.join(directions)}. " + (f"Required: {needs}. " if needs else "") + f"{state}."


def _objectives(facts: Facts) -> list[tuple[str, Any]]:
    return list(zip(facts.names, facts.run.objectives, strict=True))


def _against_random(facts: Facts) -> str | None:
    """When the search was first better than all of the baseline."""
    random, mine = facts.course(BASELINE, 0), facts.course(SEARCH, 0)
    if not random or not mine:
        return None
    better, target = facts.run.objectives[0].score, random[-1][1]
    first = next((count for count, value in mine if better(value) > better(target)), None)
    if first is None:
        return "The search found nothing better than random search with the same budget."
    return f"The search was better than the whole baseline from evaluation {first:,} on."


def _course(facts: Facts) -> Iterator[str]:
    yield "<h2>Score against evaluations</h2>"
    if facts.best is None:
        yield _paragraph("There are no scores yet.")
        return
    for objective in range(len(facts.names)):
        yield from figures.drawn(f"course-{objective}", figures.course(facts, objective))


def _front(facts: Facts) -> Iterator[str]:
    if facts.best is None:
        return
    several = len(facts.names) > 1
    yield f"<h2>{'Pareto front' if several else 'Score against parameters'}</h2>"
    said = "What nothing beats in every objective is marked."
    if not several:
        said = "Marked is what has the best score for its parameters."
    yield _paragraph(f"{said} Points tell their architecture; filled ones are drawn below.")
    for k in range(1, len(facts.names)) if several else (None,):
        yield '<div data-beside="">'
        yield '<div class="plot">'
        yield from figures.drawn(f"front-{0 if k is None else k}", figures.front(facts, k))
        yield '</div><div class="panel"><p class="muted">'
        yield "Point at a filled mark to see the graph here; a click leads to it.</p></div>"
        yield "</div>"


def _architectures(facts: Facts) -> Iterator[str]:
    yield "<h2>The best architectures</h2>"
    if not facts.front:
        yield _paragraph("There are none yet.")
        return
    costs = [name for name in ("params", "macs") if name not in facts.names]
    head = ["id", *facts.names, *costs, "move", "architecture"]
    rows = [
        (e.id, *(e.values or ()), *(getattr(e, name) for name in costs), e.move, shortened(e.arch, 160))
        for e in facts.front[:_LISTED]
    ]
    yield from page.table(head, rows, ["architecture"])
    if len(facts.front) > _LISTED:
        yield _paragraph(f"... and {len(facts.front) - _LISTED:,} more that nothing beats.")
    for number, each in enumerate(facts.shown):
        found = facts.run.space.parse(each.arch)
        values = ", ".join(f"{n} {v:.6g}" for n, v in zip(facts.names, each.values or (), strict=True))
        opened = " open" if number == 0 else ""
        yield f'<details id="arch-{escaped(each.id)}"{opened}><summary>{escaped(f"{each.id}: {values}")}</summary>'
        yield from architecture.described(found)
        yield from architecture.views(found)
        yield "</details>"


def _lineage(facts: Facts) -> Iterator[str]:
    yield "<h2>Where the best comes from</h2>"
    if facts.best is None:
        yield _paragraph("There is no best one yet.")
        return
    older = f" {facts.older:,} older ancestors are left out." if facts.older else ""
    count = len(facts.lineage)
    yield _paragraph(f"{facts.best.id} and its ancestors, the oldest first: {count:,} evaluations.{older}")
    if count > 1:
        yield "<details open><summary>drawing</summary>"
        yield from page.drawing(_descent(facts), "lineage")
        yield "</details>"
    empty = [None] * len(facts.names)
    rows = [
        (e.id, e.move, " ".join(map(str, e.parents)), e.status, *(e.values or empty), shortened(e.arch, 160))
        for e in reversed(facts.lineage)
    ]
    head = ["id", "move", "parents", "status", *facts.names, "architecture"]
    yield "<details><summary>table</summary>"
    yield from page.table(head, rows, ["architecture"])
    yield "</details>"


def _descent(facts: Facts) -> Any:
    """The best and its ancestors as boxes, the oldest above."""
    members = sorted(facts.lineage, key=lambda each: each.number)
    numbers = {each.number: i for i, each in enumerate(members)}
    nodes: list[Node] = []
    edges: list[Edge] = []
    for each in members:
        parents = [numbers[parent] for parent in dict.fromkeys(each.parents) if parent in numbers]
        edges += [Edge(parent, 0, len(nodes), i) for i, parent in enumerate(parents)]
        value = each.status if each.values is None else f"{each.values[0]:.6g}"
        kind = "chosen" if facts.best is not None and each.number == facts.best.number else ""
        told = f"{each.arch}\n{each.params:,} params"
        nodes.append(Node(f"{each.id}: {value}", each.move, told, kind, len(parents), (Outlet("", "", ""),)))
    return boxes.picture(nodes, edges)


def _operators(facts: Facts) -> Iterator[str]:
    yield "<h2>What the best are made of</h2>"
    found = occurrences(facts)
    if found is None:
        yield _paragraph(f"At least {LEAST} different architectures with a value are needed to say something.")
        return
    yield _paragraph(
        f"How often something occurs in an architecture, on average: in all {found.looked_at:,} different "
        f"architectures of search and baseline that were looked at, and in the {found.best:,} with the best "
        f"{facts.names[0]}. With few architectures differences are chance."
    )
    yield from figures.drawn("operators", figures.operators(found))
    rows = [(r.kind, r.name, r.share, r.best_share, r.mean, r.best_mean) for r in found.rows[: 5 * _LISTED]]
    head = ["kind", "name", "share of all", "share of best", "mean of all", "mean of best"]
    yield "<details><summary>table</summary>"
    yield from page.table(head, rows, ["name"])
    yield "</details>"


def _moves(facts: Facts) -> Iterator[str]:
    yield "<h2>Moves</h2>"
    moves = facts.moves()
    if not moves:
        yield _paragraph("Nothing was proposed yet.")
        return
    yield _paragraph(
        "Proposals of the search by the move that made them: how many were known already, gave a value, were better "
        "than all their parents, and were accepted, which is to say that a later proposal was made from them."
    )
    head = ["move", "proposed", "repeated", "with a value", "better than parents", "accepted"]
    yield from page.table(head, moves)
    said: Any = facts.run.store.facts().get("report", {})
    tried: dict[str, dict[str, int]] = said.get("moves", {})
    if tried:
        yield _paragraph("What the strategy itself counted, rejections without evaluation included:")
        columns = list(dict.fromkeys(name for counts in tried.values() for name in counts))
        yield from page.table(["move", *columns], [(m, *(c.get(n) for n in columns)) for m, c in tried.items()])


def _failures(facts: Facts) -> Iterator[str]:
    yield "<h2>Failures</h2>"
    failures = facts.failures()
    if not failures:
        yield _paragraph("None.")
        return
    rows = [(f.arm, f.kind, f.evaluations, " ".join(f.ids), shortened(f.message, 400)) for f in failures]
    yield from page.table(["arm", "kind", "count", "such as", "what was said about the first"], rows)


def _reproduce(facts: Facts) -> Iterator[str]:
    run = facts.run
    found = reproduction(run)
    yield "<h2>How to do it again</h2>"
    if found.recipe is not None:
        yield _paragraph(f"With {RECIPE}:")
        yield f"<pre>{'<br>'.join(escaped(line) for line in found.recipe.splitlines())}</pre>"
    yield f"<pre>{'<br>'.join(escaped(command) for command in found.commands)}</pre>"
    for doubt in found.doubts:
        yield _paragraph(f"Note: {doubt}.")
    versions: dict[str, str] = run.store.facts().get("versions", {})
    rows = [("seed", str(run.plan.seed)), ("space", run.space.grammar.digest), *sorted(versions.items())]
    yield '<div class="facts">'
    yield from page.table(["begun with", ""], rows)
    yield "</div>"
    yield _paragraph("One evaluation again, with its network as files:")
    id_ = "ID" if facts.best is None else facts.best.id
    yield f"<pre>{escaped(f'einsyn replay {run.folder} {id_} -o net.py -o net.onnx')}</pre>"
