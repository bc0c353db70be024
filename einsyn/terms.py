"""Networks as terms over inputs, zeros and operations: what the canonical form is a description of.

What only hands tensors on is left out, and so are zeros that change nothing and operations that nothing needs. Equal
terms with equal weight sets are one node; of a sum, a product or a maximum neither order nor nesting matters.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final

from einsyn.elaborate.tape import Replay
from einsyn.elaborate.values import Tensor

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from einsyn.elaborate.tape import Event, Tape
    from einsyn.ir.graph import Graph
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op, Signature

# Sums are kept modulo this.
MODULUS: Final = 1 << 256
# Refinement is arithmetic modulo this prime.
PRIME: Final = (1 << 61) - 1
_KINDS: Final = 1 << 14


def digest(*parts: str | int) -> bytes:
    """256 bits of a list of strings and numbers."""
    return blake2b(repr(parts).encode(), digest_size=32).digest()


def number_of(label: bytes) -> int:
    """A label as a number modulo `PRIME`."""
    return int.from_bytes(label) % PRIME


class Kind:
    """What an operation does with inputs of some types, as far as terms are concerned.

    Args:
        op: the operation.
        types: of its inputs.

    Attributes:
        label: what it is, apart from its inputs and weights; equal labels are the same.
        passed: for each output the input that it is, where it only hands inputs on.
        join: the operation that joins its inputs, if order and nesting do not matter.
        keeps: for each input, whether the result has its shape, so that it can be that input where the others are void.
        outputs: how many.
        zeros: for each output, the label of a zero in its place.
        number: of the label.
        simple: whether it is no join, passes nothing on, has one output, and is zero only where an input is.
    """

    __slots__ = ("_op", "_without", "join", "keeps", "label", "number", "outputs", "passed", "simple", "zeros")

    def __init__(self, op: Op, types: tuple[TensorType, ...]) -> None:
        given = [_shape(t) for t in types]
        made = [_shape(t) for t in op.signature(types).outputs]
        self.passed = op.passes(*types)
        self.join = op.joins
        self.outputs = len(made)
        self.keeps = tuple([shape == made[0] for shape in given])
        self.zeros = tuple([digest("zero", shape) for shape in made])
        self._op = op
        self._without = op.is_zero((False,) * len(types))
        self.simple = self.passed is None and self.join is None and not self._without and self.outputs == 1
        self.label = self._name(op, types, given, made) if self.join is None else digest("join", self.join, made[0])
        self.number = number_of(self.label)

    @staticmethod
    def _name(op: Op, types: tuple[TensorType, ...], given: list[str], made: list[str]) -> bytes:
        attributes = [
            repr(attribute.meaning(value, types[0]) if types else value)
            for attribute, value in zip(op.attributes.values(), op.key, strict=True)
        ]
        regions = [line for region in op.regions for line in _region(region)]
        return digest(op.name, *attributes, len(types), *given, *made, *regions)

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        """Whether all outputs are zero where those inputs are that `zeros` marks."""
        return self._op.is_zero(zeros) if True in zeros else self._without

    def remains(self, zeros: tuple[bool, ...]) -> int | None:
        """The input that is the result where those inputs are zero that `zeros` marks."""
        left = self._op.remains(zeros) if True in zeros else None
        return left if left is not None and self.keeps[left] else None


_kept_kind = lru_cache(_KINDS)(Kind)


def kind_of(op: Op, types: tuple[TensorType, ...]) -> Kind:
    """The kind of an operation that is applied to these types; kept where it owns no graphs."""
    return Kind(op, types) if op.regions else _kept_kind(op, types)


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


# A term: its label and the number of that, the numbers of its parts, and its weight set. A tuple, as there are many.
Node = tuple[bytes, int, tuple[int, ...], "int | None"]


class Terms:
    """What a network computes, as terms.

    Attributes:
        nodes: inputs, zeros, operations, joins, and further results of operations, each after its parts.
        joins: for each node the operation that joins its parts, if order and nesting do not matter. Parts of a join may
            be joins themselves.
        inputs: the types of the network's inputs.
        outputs: the nodes that the network gives.
    """

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.joins: list[str | None] = []
        self.inputs: list[str] = []
        self.outputs: list[int] = []
        self._zeros: set[int] = set()
        self._totals: dict[int, int] = {}  # of joins: the sum of the marks of their terms, nested ones included
        self._known: dict[object, int] = {}

    def input(self, t: TensorType) -> int:
        """The next input of the network."""
        self.inputs.append(str(t))
        return self._node(digest("input", len(self.inputs)), ())

    def apply(self, kind: Kind, parts: tuple[int, ...], owner: int | None) -> Sequence[int]:
        """What an operation gives that is applied to nodes."""
        if kind.passed is not None:
            return [parts[source] for source in kind.passed]
        zeros = self._zeros
        if zeros.isdisjoint(parts):
            if kind.simple:
                key = kind.label, parts, owner
                node = self._known.get(key)
                if node is None:
                    node = self._known[key] = len(self.nodes)
                    self.nodes.append((kind.label, kind.number, parts, owner))
                    self.joins.append(None)
                return (node,)
            if kind.join is not None and len(parts) > 1:
                return (self._join(kind, parts),)
        void = tuple([n in zeros for n in parts])
        if kind.is_zero(void):
            made = [self._node(label, ()) for label in kind.zeros]
            zeros.update(made)
            return made
        if kind.join is not None:
            left = [i for i, n in enumerate(parts) if not (kind.join == "sum" and n in zeros)]
            if len(left) == 1 and kind.keeps[left[0]]:
                return (parts[left[0]],)
            return (self._join(kind, tuple([parts[i] for i in left])),)
        kept = kind.remains(void)
        if kept is not None:
            return (parts[kept],)
        node = self._node(kind.label, parts, owner)
        return [node, *[self._node(digest("result", k), (node,)) for k in range(1, kind.outputs)]]

    def chain(self, steps: Iterable[tuple[Kind, Any, Any, int | None]], node: int, owners: int) -> int:
        """What simple operations give, each applied to what the one before it gave.

        Args:
            steps: kinds first, weight sets last.
            node: what the first is applied to.
            owners: what is added to the weight sets.
        """
        known, nodes, joins, is_zero = self._known, self.nodes, self.joins, node in self._zeros
        for kind, _, _, owner in steps:
            if owner is not None:
                owner += owners
            if is_zero:
                (node,) = self.apply(kind, (node,), owner)
                is_zero = node in self._zeros
                continue
            parts = (node,)
            key = kind.label, parts, owner
            found = known.get(key)
            if found is None:
                found = known[key] = len(nodes)
                nodes.append((kind.label, kind.number, parts, owner))
                joins.append(None)
            node = found
        return node

    def live(self) -> list[int]:
        """The nodes that the outputs depend on, in order."""
        needed = bytearray(len(self.nodes))
        for number in self.outputs:
            needed[number] = True
        for number in range(len(needed) - 1, -1, -1):
            if needed[number]:
                for part in self.nodes[number][2]:
                    needed[part] = True
        return [number for number, is_needed in enumerate(needed) if is_needed]

    def _join(self, kind: Kind, parts: tuple[int, ...]) -> int:
        join, joins, totals = kind.join, self.joins, self._totals
        total = 0
        for n in parts:
            total += totals[n] if joins[n] == join else mark(n)
        total %= MODULUS
        key = kind.label, total
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(joins)
            self.nodes.append((kind.label, kind.number, parts, None))
            joins.append(join)
            totals[found] = total
        return found

    def _node(self, label: bytes, parts: tuple[int, ...], owner: int | None = None) -> int:
        key = label, parts, owner
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = len(self.nodes)
            self.nodes.append((label, number_of(label), parts, owner))
            self.joins.append(None)
        return found


def mark(number: int) -> int:
    """The number with this number of a fixed sequence of numbers of 256 bits that look random."""
    while len(_MARKS) <= number:
        _MARKS.append(int.from_bytes(digest("mark", len(_MARKS))))
    return _MARKS[number]


_MARKS: Final[list[int]] = []


# Terms of what was elaborated.


def terms_of_graph(graph: Graph) -> Terms:
    """The terms of a graph."""
    terms = Terms()
    nodes = {value: terms.input(graph.types[value]) for _, value in graph.inputs}
    for o in graph.operations:
        kind = kind_of(o.op, tuple([graph.types[v] for v in o.inputs]))
        nodes.update(zip(o.outputs, terms.apply(kind, tuple([nodes[v] for v in o.inputs]), o.owner), strict=True))
    terms.outputs = [nodes[v] for v in graph.outputs]
    return terms


def terms_of_trace(inputs: Sequence[Tensor], records: Iterable[Event], outputs: Sequence[Tensor]) -> Terms:
    """The terms of what an elaboration emitted; those of the graph that could be built of it, without building it.

    Args:
        inputs: of the network.
        records: with or without replays.
        outputs: of the network.
    """
    terms = Terms()
    nodes: dict[int, int] = {t.index: terms.input(t.type) for t in inputs}
    owners = 0  # what is added to the weight sets of the records at hand
    rest: Iterator[_Step] = _steps(records)
    above: list[tuple[Replay, dict[int, int], int, Iterator[_Step]]] = []
    steps: tuple[_Step, ...]
    while True:
        for kind, used, made, owner in rest:
            if kind is not None:
                parts = tuple([nodes[i] for i in used])
                found = terms.apply(kind, parts, None if owner is None else owner + owners)
                if len(made) == 1:
                    nodes[made[0]] = found[0]
                else:
                    nodes.update(zip(made, found, strict=True))
                continue
            replay: Replay = used
            tape = replay.tape
            if tape.terms is None:
                steps = tuple(_steps(tape.records))
                tape.terms = steps, _is_chain(tape, steps)
            steps, is_chain = tape.terms
            shift = owners + replay.owners - tape.start.owners
            if is_chain:
                end = terms.chain(steps, nodes[replay.args[0].index], shift)
                nodes[tape.result.index - tape.start.values + replay.values] = end
                continue
            above.append((replay, nodes, owners, rest))
            nodes = {t.index: nodes[arg.index] for t, arg in zip(tape.inputs, replay.args, strict=True)}
            owners = shift
            rest = iter(steps)
            break
        else:
            if not above:
                break
            replay, outer, owners, rest = above.pop()
            first = replay.tape.start.values
            result = replay.tape.result
            for t in (result,) if isinstance(result, Tensor) else result:
                if t.index >= first:
                    outer[t.index - first + replay.values] = nodes[t.index]
            nodes = outer
    terms.outputs = [nodes[t.index] for t in outputs]
    return terms


def _is_chain(tape: Tape, steps: Sequence[_Step]) -> bool:
    """Whether simple operations follow one another, from the tape's input to its result."""
    if len(tape.inputs) != 1 or not steps:
        return False
    before = tape.inputs[0].index
    for kind, used, made, _ in steps:
        if kind is None or not kind.simple or used != (before,):
            return False
        before = made[0]
    return isinstance(tape.result, Tensor) and tape.result.index == before


# The kind of an operation, the tensors that it is applied to and those that it gives, its weight set; or a replay.
_Step = tuple["Kind | Any", Any, tuple[int, ...], "int | None"]


def _steps(records: Iterable[Event]) -> Iterator[_Step]:
    for record in records:
        if isinstance(record, Replay):
            yield None, record, (), None
        elif isinstance(record, tuple):
            op, signature, used, made, owner, _, _ = record
            # An operation has one signature for the same types, so that it need not be looked up by these.
            known = _BY_SIGNATURE.get(id(signature))
            if known is None or known[0] is not signature:
                if len(_BY_SIGNATURE) > _KINDS:
                    _BY_SIGNATURE.clear()
                known = _BY_SIGNATURE[id(signature)] = signature, kind_of(op, tuple([t.type for t in used]))
            kind = known[1]
            yield kind, tuple([t.index for t in used]), tuple([t.index for t in made]), owner


_BY_SIGNATURE: Final[dict[int, tuple[Signature, Kind]]] = {}
