"""The canonical form of a network: equal for networks that compute the same, whatever their derivations look like.

Two graphs have one canonical form where they differ only in identities and clones, in zeros and what zeros make
void, in the order and the nesting of sums, products and maxima, in the order of execution, in operations that
nothing needs, and in the numbering of weight sets. Equal forms mean equal functions with equal weights
(`CanonicalForm.weights` says which belong together); networks whose forms differ may still be equal by laws that
are not used here (a pooling of a sum is a sum of poolings).

How it works: the graph is reduced to terms over inputs, zeros and operations. A term is described by a digest, a
join of terms by the sum of their digests, which forgets order and nesting. What tells weight sets apart is first
their terms without weights and the places where these are used (Weisfeiler-Lehman refinement), then the order in
which they are met, level by level. The last digests describe terms with numbered weight sets and nothing else, so
equal ones are the same function; the refinement only has to find the same numbers for isomorphic graphs.
Time is linear in the size of the graph but for sorting the weight sets of one level.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.ir.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.ir.graph import Operation
    from einsyn.ir.types import TensorType

_MODULUS: Final = 1 << 256
# Refinement ends where it tells no more weight sets apart; graphs that need more rounds are not found in practice.
_ROUNDS: Final = 8

# A term's node and which of its results is meant.
_Ref = tuple["_Node", int]


class CanonicalForm(NamedTuple):
    """What a network is, up to the laws above.

    Args:
        hash: the first 16 hex digits of a digest of it.
        weights: for each weight set of the graph that its outputs depend on, its number in the canonical form.
    """

    hash: str
    weights: Mapping[int, int]


def canonical_hash(network: Architecture | Graph) -> str:
    """16 hex digits that are equal for networks with one canonical form.

    Args:
        network: an architecture, or a graph.
    """
    return canonical_form(network if isinstance(network, Graph) else network.graph).hash


def canonical_form(graph: Graph) -> CanonicalForm:
    """The canonical form of a graph."""
    nodes, outputs = _terms(graph)
    owners = sorted({n.owner for n in nodes if n.owner is not None})
    # Weights inside a region belong to the operation that owns it; there they keep their numbers.
    colours = dict.fromkeys(owners, 0)
    distinct = 0
    for _ in range(_ROUNDS):
        _describe(nodes, colours)
        contexts = _contexts(nodes, outputs)
        colours = _refined(nodes, contexts, colours)
        if len(set(colours.values())) == distinct:
            break
        distinct = len(set(colours.values()))
    else:
        _describe(nodes, colours)
        contexts = _contexts(nodes, outputs)
    numbers = _numbered(nodes, contexts)
    found = _digest("network", *[str(graph.types[v]) for _, v in graph.inputs], *[n.value(k) for n, k in outputs])
    return CanonicalForm(f"{found:064x}"[:16], numbers)


# Terms.


class _Node:
    """An input, a zero, an operation, or a join of terms whose order does not matter.

    Args:
        label: what it is, apart from its parts and weights.
        parts: what it is made of.
        join: the operation that joins the parts, if order and nesting do not matter.
        owner: its weight set.
    """

    __slots__ = ("digest", "join", "label", "level", "operation", "owner", "parts", "total", "zero")

    digest: int
    total: int  # of a join: the sum of the digests of its terms, nested ones included

    def __init__(
        self,
        label: int,
        parts: tuple[_Ref, ...] = (),
        *,
        join: str | None = None,
        owner: int | None = None,
        operation: bool = False,
        zero: bool = False,
    ) -> None:
        self.label = label
        self.parts = parts
        self.join = join
        self.owner = owner
        self.operation = operation
        self.zero = zero
        # A join is where its highest term is, so that nesting changes no level.
        self.level: int = max([n.level for n, _ in parts], default=0) + operation
        self.digest = self.total = 0

    def value(self, output: int) -> int:
        """The digest of one of its results."""
        return _digest("result", self.digest, output) if output else self.digest

    def describe(self, weights: int | None) -> None:
        """Work out the digest from those of the parts."""
        if self.join is None:
            self.digest = _digest(self.label, weights, *[n.value(k) for n, k in self.parts])
            return
        self.total = (
            sum([n.total if n.join == self.join else _digest("term", n.value(k)) for n, k in self.parts]) % _MODULUS
        )
        self.digest = _digest(self.label, self.total)


def _terms(graph: Graph) -> tuple[list[_Node], list[_Ref]]:
    """The nodes that the outputs depend on, each after its parts, and the outputs. Equal terms are one node."""
    known: dict[int, _Ref] = {}
    made: dict[int, _Node] = {}

    def unique(node: _Node) -> _Node:
        node.describe(node.owner)
        return made.setdefault(node.digest, node)

    for position, (_, value) in enumerate(graph.inputs):
        known[value] = (unique(_Node(_digest("input", position))), 0)
    for operation in graph.operations:
        types = tuple([graph.types[v] for v in operation.inputs])
        parts = tuple([known[v] for v in operation.inputs])
        passed = operation.op.passes(*types)
        if passed is not None:
            for output, source in zip(operation.outputs, passed, strict=True):
                known[output] = parts[source]
        elif operation.op.is_zero(tuple([n.zero for n, _ in parts])):
            for output in operation.outputs:
                known[output] = (unique(_Node(_digest("zero", _shape(graph.types[output])), zero=True)), 0)
        else:
            found = _joined(operation, parts, graph)
            if isinstance(found, _Node):
                found = (unique(found), 0)
            for k, output in enumerate(operation.outputs):
                known[output] = (found[0], found[1] + k)
    outputs = [known[v] for v in graph.outputs]
    return _live(list(made.values()), outputs), outputs


def _joined(operation: Operation, parts: tuple[_Ref, ...], graph: Graph) -> _Node | _Ref:
    """The node of an operation; a join goes without the zeros that change nothing."""
    join = operation.op.joins
    if join is None:
        return _applied(operation, parts, graph)
    shape = _shape(graph.types[operation.outputs[0]])
    left = [(p, v) for p, v in zip(parts, operation.inputs, strict=True) if not (join == "sum" and p[0].zero)]
    if len(left) == 1 and _shape(graph.types[left[0][1]]) == shape:
        return left[0][0]
    return _Node(_digest("join", join, shape), tuple([p for p, _ in left]), join=join)


def _applied(operation: Operation, parts: tuple[_Ref, ...], graph: Graph) -> _Node:
    op = operation.op
    types = [graph.types[v] for v in operation.inputs]
    attributes = [
        repr(attribute.meaning(value, types[0]) if types else value)
        for attribute, value in zip(op.attributes.values(), op.key, strict=True)
    ]
    shapes = [_shape(t) for t in (*types, *[graph.types[v] for v in operation.outputs])]
    regions = [line for region in operation.regions for line in _region(region)]
    label = _digest(op.name, *attributes, len(types), *shapes, *regions)
    return _Node(label, parts, owner=operation.owner, operation=True)


def _shape(t: TensorType) -> str:
    """A type as far as values depend on it: without factorisations."""
    axes = ", ".join([f"{axis}:{size}" for axis, size in zip(t.axes, t.sizes, strict=True)])
    return f"{t.dtype}[{'B; ' if t.batched else ''}{axes}]"


def _region(graph: Graph) -> list[str]:
    """A region as it is written: bodies of loops are compared, not reduced."""
    lines = [f"inputs {[v for _, v in graph.inputs]} outputs {list(graph.outputs)}"]
    for o in graph.operations:
        lines.append(f"{list(o.outputs)} = {o.op}{list(o.inputs)} weights {o.owner}")
        for region in o.regions:
            lines += ["begin", *_region(region), "end"]
    return lines


def _live(nodes: list[_Node], outputs: Sequence[_Ref]) -> list[_Node]:
    """The nodes that the outputs depend on, in the same order."""
    live = {id(n) for n, _ in outputs}
    for node in reversed(nodes):
        if id(node) in live:
            live.update([id(n) for n, _ in node.parts])
    return [n for n in nodes if id(n) in live]


# Digests.


def _digest(*parts: str | int | None) -> int:
    """256 bits of a list of strings and numbers."""
    return int.from_bytes(blake2b(repr(parts).encode(), digest_size=32).digest(), "big")


def _describe(nodes: Sequence[_Node], colours: Mapping[int, int]) -> None:
    """Digests of all nodes, weight sets being told apart by their colours."""
    for node in nodes:
        node.describe(None if node.owner is None else colours[node.owner])


def _contexts(nodes: Sequence[_Node], outputs: Sequence[_Ref]) -> dict[int, int]:
    """For every node, by identity, a digest of all places where its results are used."""
    uses: dict[tuple[int, int], int] = {}

    def used(node: _Node, output: int, place: int) -> None:
        key = id(node), output
        uses[key] = (uses.get(key, 0) + place) % _MODULUS

    results: dict[int, int] = {id(n): 1 for n in nodes}
    for node in nodes:
        for part, k in node.parts:
            results[id(part)] = max(results[id(part)], k + 1)
    for position, (node, k) in enumerate(outputs):
        results[id(node)] = max(results[id(node)], k + 1)
        used(node, k, _digest("output", position))
    found: dict[int, int] = {}
    for node in reversed(nodes):
        places = [uses.get((id(node), k), 0) for k in range(results[id(node)])]
        if node.join is not None:
            # A term of a join is used where the join is, so that nesting changes nothing.
            for part, k in node.parts:
                used(part, k, places[0])
            continue
        found[id(node)] = _digest(node.digest, *places)
        for position, (part, k) in enumerate(node.parts):
            used(part, k, _digest("use", found[id(node)], position))
    return found


def _refined(nodes: Sequence[_Node], contexts: Mapping[int, int], colours: Mapping[int, int]) -> dict[int, int]:
    """Weight sets told apart by where they are applied."""
    totals: dict[int, int] = dict.fromkeys(colours, 0)
    for node in nodes:
        if node.owner is not None:
            totals[node.owner] = (totals[node.owner] + _digest(contexts[id(node)])) % _MODULUS
    return {owner: _digest(colours[owner], total) for owner, total in totals.items()}


def _numbered(nodes: Sequence[_Node], contexts: Mapping[int, int]) -> dict[int, int]:
    """Number the weight sets in an order that isomorphic graphs share, and describe all nodes with the numbers."""
    numbers: dict[int, int] = {}
    levels: dict[int, list[_Node]] = {}
    for node in nodes:
        levels.setdefault(node.level, []).append(node)
    for level in sorted(levels):
        # Joins come after the operations of their level, in an order in which nested ones come first.
        applied = [n for n in levels[level] if n.join is None]
        new = [n for n in applied if n.owner is not None and n.owner not in numbers]
        for node in sorted(new, key=lambda n: (contexts[id(n)], [part.value(k) for part, k in n.parts])):
            assert node.owner is not None
            numbers.setdefault(node.owner, len(numbers))
        for node in applied:
            node.describe(None if node.owner is None else numbers[node.owner])
        for node in levels[level]:
            if node.join is not None:
                node.describe(None)
    return numbers
