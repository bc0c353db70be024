"""A graph while it is rewritten: operations that know who uses their results."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ir.graph import Graph, Operation
from einsyn.rewrite.weights import Same, Slot, WeightMap, Weights, region_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from einsyn.diagnostics import Span
    from einsyn.ir.call import Call
    from einsyn.ir.path import Path
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op, Signature
    from einsyn.rewrite.driver import Rewritten

# Of an operation: its class, that of the operation that gives its first operand (None for an input of the graph), and
# whether that operand is used elsewhere as well. By this rules are told apart before they are tried.
Spot = tuple["type[Op]", "type[Op] | None", bool]
# Every phase.
_ALL: Final = -1


class Node:
    """An operation of a draft.

    Args:
        op: the operation with its attributes.
        inputs: value numbers; they change when what they stand for is replaced.
        outputs: value numbers.
        signature: its types, parameters and costs.
        owner: the weight set, or None.
        path, span, call: where it comes from.
        index: where it stands; what uses its results stands behind.
        alive: whether it is still part of the graph.
        open: the phases whose rules may apply to it, each as a bit: those that were not tried yet, and those that were
            tried before something changed that they looked at.
    """

    __slots__ = ("alive", "call", "index", "inputs", "op", "open", "outputs", "owner", "path", "signature", "span")

    def __init__(
        self,
        op: Op,
        inputs: tuple[int, ...],
        outputs: tuple[int, ...],
        signature: Signature,
        owner: int | None,
        path: Path,
        span: Span | None,
        index: int = 0,
        call: Call | None = None,
    ) -> None:
        self.op = op
        self.inputs = inputs
        self.outputs = outputs
        self.signature = signature
        self.owner = owner
        self.path = path
        self.span = span
        self.index = index
        self.call = call
        self.alive = True
        self.open = _ALL


class Draft:
    """A graph whose operations can be replaced.

    It notes what rules ask of it. What a rule finds out beyond the operation that it is tried at it finds through
    values: who makes and who uses them. So rules that did not apply have to be tried again only after one of the
    values that they asked about is used by others, or what makes or uses it takes other values.

    Args:
        graph: where it starts.
        params: whether operations stay whose parameters would be lost with them.
        buffers: whether operations stay whose buffers would be.
        regions: by identity, what became of the graphs that its operations own.
    """

    def __init__(
        self,
        graph: Graph,
        params: bool = True,
        buffers: bool = True,
        regions: Mapping[int, Rewritten] | None = None,
    ) -> None:
        self._keeps_params = params
        self._keeps_buffers = buffers
        self._graph = graph
        self.types: list[TensorType] = list(graph.types)
        self.outputs: list[int] = list(graph.outputs)
        self.nodes: list[Node] = []
        self._users: list[list[Node]] = [[] for _ in graph.types]
        self._makers: list[Node | None] = [None] * len(graph.types)
        self._returned: set[int] = set(graph.outputs)
        # The values that rules have asked about since the last failure, and for each value what they were tried at.
        self._asked: list[int] = []
        self._askers: dict[int, list[Node]] = {}
        # The values about which something changes.
        self._touched: set[int] = set()
        self._owned: dict[int, int] = {}
        self._weights: dict[Slot, Weights] = {}
        # The weight set that has a weight of the elaborated graph now, where it is another one.
        self._moved: dict[Slot, int] = {}
        self._zero: dict[int, bool] = {}
        for i, o in enumerate(graph.operations):
            node = Node(o.op, o.inputs, o.outputs, o.signature, o.owner, o.path, o.span, i, o.call)
            self.nodes.append(node)
            self._attach(node)
        self._next_owner = max(self._owned, default=-1) + 1
        if regions:
            for node in self.nodes:
                self._enter(node, regions)
        for node in reversed(self.nodes):
            if not self.is_needed(node):
                self._discard(node)
        self.nodes = [node for node in self.nodes if node.alive]

    def _attach(self, node: Node) -> None:
        for value in node.inputs:
            self._users[value].append(node)
        for value in node.outputs:
            self._makers[value] = node
        if node.owner is not None:
            self._owned[node.owner] = self._owned.get(node.owner, 0) + 1

    def _enter(self, node: Node, regions: Mapping[int, Rewritten]) -> None:
        """Let other graphs stand for those that an operation owns."""
        found = [regions[id(region)] for region in node.op.regions]
        if not any(each.fired for each in found):
            return
        node.op = node.op.with_regions(*[each.graph for each in found])
        signature = node.op.signature(tuple([self.types[value] for value in node.inputs]))
        assert signature.outputs == node.signature.outputs, f"`{node.op}` gives other types than before"
        node.signature = signature
        if node.owner is not None:
            for each in found:
                for slot, of in each.weights.items():
                    self._weights[node.owner, region_name(slot)] = of.within(node.owner)

    # What a rule may ask.

    def maker(self, value: int) -> Node | None:
        """The operation that gives a value, None for an input of the graph."""
        self._asked.append(value)
        return self._makers[value]

    def users(self, value: int) -> Sequence[Node]:
        """The operations that use a value, as often as they do."""
        self._asked.append(value)
        return self._users[value]

    def used_once(self, value: int) -> bool:
        """Whether exactly one operation uses a value, once, and it is no output of the graph."""
        self._asked.append(value)
        return len(self._users[value]) == 1 and value not in self._returned

    def alone(self, node: Node) -> bool:
        """Whether no other operation has the node's weights."""
        return node.owner is not None and self._owned[node.owner] == 1

    def is_zero(self, value: int) -> bool:
        """Whether a value is zero whatever the weights and the inputs are."""
        pending = [value]
        while pending:
            last = pending[-1]
            node = self._makers[last]
            if last in self._zero:
                pending.pop()
            elif node is None or not node.op.is_zero((True,) * len(node.inputs)):
                # An input, or what is not even zero where all of its operands are.
                self._zero[last] = False
            else:
                missing = [v for v in node.inputs if v not in self._zero]
                pending += missing
                if not missing:
                    self._zero[last] = node.op.is_zero(tuple([self._zero[v] for v in node.inputs]))
        return self._zero[value]

    def weight(self, node: Node, name: str) -> Weights:
        """Where a parameter or buffer of an operation comes from."""
        assert node.owner is not None, f"`{node.op}` has no weights"
        slot = (node.owner, name)
        known = self._weights.get(slot)
        if known is not None:
            return known
        declared = node.signature.params.get(name) or node.signature.buffers[name]
        return Same(slot, declared.shape)

    def needed(self, node: Node) -> bool:
        """Whether somebody uses what a node gives."""
        self._asked += node.outputs
        return self.is_needed(node)

    def keeps_types(self, replaced: Mapping[int, int]) -> bool:
        """Whether new values have the types of the old ones that they stand for."""
        types = self.types
        for old, new in replaced.items():
            if types[old] is not types[new] and types[old] != types[new]:
                return False
        return True

    def line(self, node: Node) -> str:
        """A node as the text form of a graph writes it, without where it came from."""
        results = ", ".join(f"%{value}: {self.types[value]}" for value in node.outputs)
        weights = "" if node.owner is None else f" weights {node.owner}"
        return f"{results} = {node.op}({', '.join(f'%{value}' for value in node.inputs)}){weights}"

    # What the driver asks.

    def visit(self, node: Node) -> Spot:
        """Rules are tried at a node from here on; what it is and what it stands on."""
        self._asked.clear()
        inputs = node.inputs
        if not inputs:
            return node.op.__class__, None, False
        maker = self._makers[inputs[0]]
        return node.op.__class__, None if maker is None else maker.op.__class__, len(self._users[inputs[0]]) > 1

    def close(self, node: Node, phase: int) -> None:
        """No rule of a phase applies to a node, nor will any before something changes that they asked about."""
        node.open &= ~phase
        for value in self._asked:
            self._askers.setdefault(value, []).append(node)

    def _reopen(self) -> None:
        """Rules are tried again at what uses values about which something changed, and where they asked about these."""
        users, askers = self._users, self._askers
        for value in self._touched:
            for node in users[value]:
                node.open = _ALL
            if value in askers:
                for node in askers.pop(value):
                    node.open = _ALL
        self._touched.clear()

    # How a draft changes.

    def value(self, t: TensorType) -> int:
        """A new value."""
        self.types.append(t)
        self._users.append([])
        self._makers.append(None)
        return len(self.types) - 1

    def own(self, weights: Mapping[str, Weights]) -> int:
        """A new weight set."""
        owner = self._next_owner
        self._next_owner += 1
        for name, of in weights.items():
            self._weights[owner, name] = of
        return owner

    def commit(self, added: Iterable[Node], replaced: Mapping[int, int]) -> list[Node]:
        """Take new nodes into the draft, and new values in place of old ones; what nobody uses any more goes.

        The driver puts the new nodes in their place.

        Returns:
            The nodes that went, in no order.
        """
        gone: list[Node] = []
        for node in added:
            self._attach(node)
            self._touched.update(node.inputs)
            if node.owner is not None:
                for name in (*node.signature.params, *node.signature.buffers):
                    for slot in self._slots(node.owner, name):
                        self._moved[slot] = node.owner
        for old, new in replaced.items():
            self._redirect(old, new)
        for old in replaced:
            maker = self._makers[old]
            if maker is not None:
                gone += self._discard(maker)
        self._reopen()
        return gone

    def _redirect(self, old: int, new: int) -> None:
        users = self._users[old]
        self._users[old] = []
        self._touched.update((old, new))
        for user in dict.fromkeys(users):
            self._touched.update(user.inputs, user.outputs)
            user.inputs = tuple([new if value == old else value for value in user.inputs])
        self._users[new] += users
        if old in self._returned:
            self.outputs = [new if value == old else value for value in self.outputs]
            self._returned.discard(old)
            self._returned.add(new)

    def is_needed(self, node: Node) -> bool:
        """The same for the driver, which asks every time."""
        users, returned = self._users, self._returned
        for value in node.outputs:
            if users[value] or value in returned:
                return True
        return False

    def _discard(self, node: Node) -> list[Node]:
        """Take a node out that nobody uses, and what is used by it alone; weights that would be lost with it stay."""
        gone: list[Node] = []
        pending = [node]
        while pending:
            last = pending.pop()
            if not last.alive or self.is_needed(last) or self._holds(last):
                continue
            last.alive = False
            gone.append(last)
            if last.owner is not None:
                self._owned[last.owner] -= 1
                if self._owned[last.owner] == 1:
                    # Somebody has weights alone now that were shared, which is rare.
                    for each in self.nodes:
                        each.open = _ALL
            self._touched.update(last.inputs)
            for value in last.inputs:
                self._users[value].remove(last)
                maker = self._makers[value]
                if maker is not None:
                    pending.append(maker)
        return gone

    def _holds(self, node: Node) -> bool:
        """Whether weights of the elaborated graph are this node's and nobody else's."""
        owner = node.owner
        if owner is None or self._owned[owner] > 1:
            return False
        names: list[str] = [*node.signature.params] if self._keeps_params else []
        if self._keeps_buffers:
            names += node.signature.buffers
        for name in names:
            for slot in self._slots(owner, name):
                if self._moved.get(slot, slot[0]) == owner:
                    return True
        return False

    def _slots(self, owner: int, name: str) -> Iterable[Slot]:
        """The weights of the elaborated graph that one of a weight set is made of."""
        of = self._weights.get((owner, name))
        return ((owner, name),) if of is None else of.slots()

    def finished(self) -> tuple[Graph, WeightMap]:
        """The graph, its values numbered anew, and where its weights come from."""
        number: dict[int, int] = {}
        types: list[TensorType] = []
        for _, value in self._graph.inputs:
            number[value] = len(types)
            types.append(self.types[value])
        inputs = tuple([(name, number[value]) for name, value in self._graph.inputs])
        operations: list[Operation] = []
        for node in self.nodes:
            used = tuple([number[value] for value in node.inputs])
            for value in node.outputs:
                number[value] = len(types)
                types.append(self.types[value])
            given = tuple([number[value] for value in node.outputs])
            operations.append(
                Operation(node.op, used, given, node.signature, node.owner, node.path, node.span, node.call)
            )
        outputs = tuple([number[value] for value in self.outputs])
        graph = Graph(self._graph.name, inputs, tuple(operations), outputs, tuple(types))
        return graph, WeightMap(graph, self._weights)
