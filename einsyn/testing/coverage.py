"""What a fuzzing run has exercised: operations, pairs of them, attributes, kinds of tensor, ranks and shapes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from einsyn.testing.culprit import pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.ir.graph import Graph

# Different shapes that are remembered; beyond that they are only counted as many.
_SHAPES = 10_000


class Coverage:
    """Counts over the networks that ran."""

    def __init__(self) -> None:
        self.ops: Counter[str] = Counter()
        self.pairs: Counter[str] = Counter()
        self.attributes: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.ranks: Counter[str] = Counter()
        self.shapes: set[str] = set()
        # Networks since the last one with a new pair.
        self.stale = 0

    def add(self, graph: Graph) -> None:
        """Count one network."""
        for operation in graph.operations:
            op = operation.op
            self.ops[op.name] += 1
            for key, value in zip(op.attributes, op.key, strict=True):
                self.attributes[f"{op.name} {key}={op.attributes[key].show(value)}"] += 1
            for value in operation.inputs:
                t = graph.types[value]
                self.kinds[f"{op.name} {t.kind or ','.join(t.axes)}"] += 1
                self.ranks[f"{op.name} {t.rank + t.batched}"] += 1
                if len(self.shapes) < _SHAPES:
                    self.shapes.add(str(t.shape))
        found = pairs_of(graph)
        self.stale = 0 if any(pair not in self.pairs for pair in found) else self.stale + 1
        self.pairs.update(found)

    def new_pairs(self, graph: Graph) -> int:
        """How many pairs of operations a network has that were not met before."""
        return sum(1 for pair in pairs_of(graph) if pair not in self.pairs)

    def record(self) -> dict[str, Any]:
        """Everything, as JSON."""
        counters = {name: dict(sorted(getattr(self, name).items())) for name in _COUNTERS}
        return {**counters, "shapes": sorted(self.shapes), "stale": self.stale}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Coverage:
        """What `record` returned."""
        made = cls()
        for name in _COUNTERS:
            getattr(made, name).update(record[name])
        made.shapes.update(record["shapes"])
        made.stale = record["stale"]
        return made

    def summary(self) -> dict[str, Any]:
        """Numbers of different things, and which operations and how many pairs are left, of those that types allow."""
        from einsyn.ops import OPS
        from einsyn.testing.closure import close

        allowed = {f"{a} > {b}" for a, b in close().pairs} | set(self.pairs)
        return {
            "ops": len(self.ops),
            "ops_registered": len(OPS),
            "ops_missing": sorted(set(OPS) - set(self.ops)),
            "pairs": len(self.pairs),
            "pairs_allowed": len(allowed),
            "pair_coverage": round(len(self.pairs) / len(allowed), 4),
            "attributes": len(self.attributes),
            "kinds": len(self.kinds),
            "ranks": len(self.ranks),
            "shapes": len(self.shapes),
        }


_COUNTERS = ("ops", "pairs", "attributes", "kinds", "ranks")


def pairs_of(graph: Graph) -> set[str]:
    """`a > b` for every operation b that takes a result of an a."""
    return {f"{a.op.name} > {b.op.name}" for a, b in pairs(graph)}
