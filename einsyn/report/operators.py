"""What good architectures are made of: how often productions, values and operations occur in them, and in all."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.derivation.tree import Token
from einsyn.report.facts import thinned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.report.facts import Facts
    from einsyn.search.store import Evaluation

# Architectures that are looked at; of more, evenly spaced ones.
_MOST: Final = 1_000
# Fewer than this have no tenth worth the name.
LEAST: Final = 20

PRODUCTION, VALUE, OPERATION = "production", "value", "operation"


class Occurrence(NamedTuple):
    """How often something occurs.

    Args:
        kind: `production`, `value` of a terminal, or `operation` of the graph.
        name: what it is.
        share: of architectures that have it.
        best_share: the same of the best tenth.
        mean: how often an architecture has it, on average.
        best_mean: the same of the best tenth.
    """

    kind: str
    name: str
    share: float
    best_share: float
    mean: float
    best_mean: float


class Occurrences(NamedTuple):
    """How often everything occurs, what differs most first; and among how many architectures, and best ones."""

    rows: list[Occurrence]
    looked_at: int
    best: int


def occurrences(facts: Facts) -> Occurrences | None:
    """Compare the best tenth with all, of the different architectures of both arms, by the first objective.

    None where fewer than `LEAST` have a value.
    """
    known: dict[str, Evaluation] = {}
    for evaluations in facts.arms.values():
        for evaluation in evaluations:
            if evaluation.values is not None:
                known.setdefault(evaluation.arch, evaluation)
    if len(known) < LEAST:
        return None
    looked_at = thinned(list(known.values()), _MOST)
    looked_at.sort(key=lambda each: facts.score(each) or 0.0, reverse=True)
    counts = [_counts(facts, each.arch) for each in looked_at]
    best = ceil(len(counts) / 10)
    names = dict.fromkeys(name for each in counts for name in each)
    rows = [Occurrence(*name, *_share(counts, name), *_mean(counts, name, best)) for name in sorted(names)]
    rows.sort(key=lambda row: (-abs(row.best_mean - row.mean), row.kind, row.name))
    return Occurrences(rows, len(counts), best)


def _counts(facts: Facts, text: str) -> Counter[tuple[str, str]]:
    architecture = facts.run.space.parse(text)
    found: Counter[tuple[str, str]] = Counter()
    for node in architecture.derivation.nodes():
        if isinstance(node, Token):
            found[VALUE, f"{node.symbol.name} {node.text}"] += 1
        else:
            alias = f" -> {node.production.alias}" if node.production.alias else ""
            found[PRODUCTION, f"{node.production.rule.name}: {node.production.describe()}{alias}"] += 1
    for name, count in architecture.ops.items():
        found[OPERATION, name] = count
    return found


def _share(counts: Sequence[Counter[tuple[str, str]]], name: tuple[str, str]) -> tuple[float, float]:
    best = ceil(len(counts) / 10)
    return sum(name in each for each in counts) / len(counts), sum(name in each for each in counts[:best]) / best


def _mean(counts: Sequence[Counter[tuple[str, str]]], name: tuple[str, str], best: int) -> tuple[float, float]:
    return sum(each[name] for each in counts) / len(counts), sum(each[name] for each in counts[:best]) / best
