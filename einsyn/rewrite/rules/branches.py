"""Rules that make one wide layer of equal layers side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ops.convolution import Conv
from einsyn.ops.elementwise import Elementwise
from einsyn.ops.linear import Linear
from einsyn.ops.normalisation import BatchNorm
from einsyn.ops.parts import Concat, Group, Split
from einsyn.ops.routing import Permute
from einsyn.rewrite.pattern import applied, beside, joined
from einsyn.rewrite.rule import Rule
from einsyn.rewrite.weights import Agreed, Stacked, Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.ops.op import Op
    from einsyn.rewrite.draft import Draft, Node
    from einsyn.rewrite.pattern import Match
    from einsyn.rewrite.rule import Builder


def _stacked(draft: Draft, nodes: Sequence[Node]) -> dict[str, Weights]:
    """The weights of several operations one after the other along the first axis; what has no axis they count alike."""
    found: dict[str, Weights] = {}
    signature = nodes[0].signature
    for name, declared in (*signature.params.items(), *signature.buffers.items()):
        parts = tuple([draft.weight(node, name) for node in nodes])
        found[name] = Stacked(parts) if declared.shape else Agreed(parts)
    return found


def _axis(node: Node, draft: Draft) -> int:
    """The axis along which an operation works, counted from 0."""
    op = node.op
    assert isinstance(op, Linear | Concat | Group | Split)
    return draft.types[node.inputs[0]].axis(op.axis)


# Linear layers of one tensor.


def _alike(first: Node, other: Node, draft: Draft) -> bool:
    a, b = first.op, other.op
    return (
        isinstance(a, Linear)
        and isinstance(b, Linear)
        and a.bias == b.bias
        and _axis(first, draft) == _axis(other, draft)
        and draft.alone(other)
    )


def _joined_layers(match: Match) -> bool:
    draft, layers = match.draft, match.nodes(Linear)
    return (
        len(layers) > 1
        and len(set(match.values("x"))) == 1
        and _axis(match.node, draft) == _axis(layers[0], draft)
        and all(_alike(layers[0], layer, draft) for layer in layers)
    )


def _one_layer(layers: Sequence[Node], x: int, match: Match, builder: Builder) -> int:
    op = layers[0].op
    assert isinstance(op, Linear)
    width = sum(layer.op.width for layer in layers if isinstance(layer.op, Linear))
    wide = Linear.configure(width, op.bias, op.axis)
    return builder.add(wide, x, weights=_stacked(match.draft, layers))[0]


def _without_join(match: Match, builder: Builder) -> None:
    builder.replace(match.node.outputs[0], _one_layer(match.nodes(Linear), match.value("x"), match, builder))


def _siblings(match: Match) -> list[Node]:
    """The linear layers of the same tensor that can become one with the one that was found, which comes first."""
    draft, first = match.draft, match.node
    if not draft.alone(first):
        return []
    users = [user for user in draft.users(match.value("x")) if user.index >= first.index and draft.needed(user)]
    return sorted([user for user in users if _alike(first, user, draft)], key=lambda node: node.index)


def _has_siblings(match: Match) -> bool:
    return len(_siblings(match)) > 1


def _one_for_all(match: Match, builder: Builder) -> None:
    layers = _siblings(match)
    op = match.node.op
    assert isinstance(op, Linear)
    wide = _one_layer(layers, match.value("x"), match, builder)
    widths = [layer.op.width for layer in layers if isinstance(layer.op, Linear)]
    parts = builder.add(Split.configure(widths, op.axis), wide)
    builder.replace_all([layer.outputs[0] for layer in layers], parts)


# Linear layers on an axis before the last.


def _maps_before_last(match: Match) -> bool:
    x = match.draft.types[match.value("x")]
    return x.rank > 1 and _axis(match.node, match.draft) == x.rank - 2


def _turned(match: Match, builder: Builder) -> None:
    node, draft = match.node, match.draft
    op = node.op
    assert isinstance(op, Linear)
    rank = draft.types[match.value("x")].rank
    turn = Permute.configure(*range(1, rank - 1), rank, rank - 1)
    weights = {name: draft.weight(node, name) for name in node.signature.params}
    (x,) = builder.add(turn, match.value("x"))
    (mapped,) = builder.add(Linear.configure(op.width, op.bias), x, weights=weights)
    builder.replace_all(node.outputs, builder.add(turn, mapped))


# Branches on groups of channels.


def _channels(node: Node, draft: Draft) -> bool:
    return draft.types[node.inputs[0]].axes[_axis(node, draft)] == "c"


def _level(match: Match, values: Sequence[int]) -> list[Node] | None:
    """The operations that give the ends of equal branches, if they are equal and work on each channel group alone."""
    draft = match.draft
    nodes: list[Node] = []
    for value in values:
        node = draft.maker(value)
        if node is None or not draft.used_once(value):
            return None
        nodes.append(node)
    op = nodes[0].op
    if not isinstance(op, Conv | BatchNorm | Elementwise) or any(node.op != op for node in nodes):
        return None
    if any(draft.types[n.inputs[0]] != draft.types[nodes[0].inputs[0]] for n in nodes):
        return None
    return nodes if nodes[0].owner is None or all(draft.alone(node) for node in nodes) else None


def _branches(match: Match) -> tuple[Node, list[list[Node]]] | None:
    """What parts the channels, and the levels of equal operations from there to the concatenation."""
    draft, values = match.draft, list(match.node.inputs)
    levels: list[list[Node]] = []
    if len(values) < 2 or not _channels(match.node, draft):
        return None
    while True:
        source = draft.maker(values[0])
        if source is not None and isinstance(source.op, Group) and list(source.outputs) == values:
            return (source, levels[::-1]) if levels and _channels(source, draft) else None
        level = _level(match, values)
        if level is None:
            return None
        levels.append(level)
        values = [node.inputs[0] for node in level]


def _has_branches(match: Match) -> bool:
    return _branches(match) is not None


def _grouped(op: Op, count: int) -> Op:
    """An operation on one group of channels, for so many."""
    if not isinstance(op, Conv):
        return op
    values = dict(zip(op.attributes, op.key, strict=True))
    return type(op).configure(**{**values, "channels": op.channels * count, "groups": op.groups * count})


def _one_branch(match: Match, builder: Builder) -> None:
    found = _branches(match)
    assert found is not None
    source, levels = found
    value = source.inputs[0]
    for level in levels:
        weights = _stacked(match.draft, level) if level[0].owner is not None else None
        (value,) = builder.add(_grouped(level[0].op, len(level)), value, weights=weights)
    builder.replace(match.node.outputs[0], value)


_IMAGE: Final = "f32[B, c:4, h:6, w:6]"
_SIGNAL: Final = "f32[B, c:4, l:12]"
_SEQUENCE: Final = "f32[B, s:6, d:8]"

BRANCHES: Final = (
    Rule(
        "concat-linear",
        "Linear layers of one tensor, put together along the axis that they map, are one.",
        joined(Concat, applied(Linear, "x")),
        _joined_layers,
        _without_join,
        "exact",
        (
            (_SEQUENCE, "concat(-1)(linear(3)(x), linear(5)(x), linear(3)(x))"),
            (_IMAGE, 'concat("c")(linear(3, axis="c")(x), linear(5, axis="c")(x))'),
        ),
    ),
    Rule(
        "grouped",
        "Equal branches on equal groups of channels are one, its convolutions in as many groups.",
        joined(Concat, "x"),
        _has_branches,
        _one_branch,
        "exact",
        (
            (_IMAGE, 'concat("c")(*[conv(3, 3)(y) for y in group(2, "c")(x)])'),
            (_IMAGE, 'concat("c")(*[relu(batch_norm(conv(4, 3, 2, bias=false)(y))) for y in group(4, "c")(x)])'),
            (_IMAGE, 'concat("c")(*[conv(4, 3, groups=2)(tanh(y)) for y in group(2, "c")(x)])'),
            (_SIGNAL, 'concat("c")(*[conv(2, 5, 2)(y) for y in group(4, "c")(x)])'),
        ),
    ),
)

# After all others: what they look for are the layers themselves.
LAYERS: Final = (
    Rule(
        "turned-linear",
        "A linear layer on the axis before the last is one on the last, between two transpositions.",
        applied(Linear, "x"),
        _maps_before_last,
        _turned,
        "exact",
        (
            (_SEQUENCE, 'linear(6, axis="s")(gelu(linear(3, axis="s")(x)))'),
            (_IMAGE, 'linear(3, false, "h")(x)'),
        ),
    ),
    Rule(
        "linears",
        "Linear layers of one tensor are parts of one wide layer.",
        beside(Linear, "x"),
        _has_siblings,
        _one_for_all,
        "exact",
        (
            (_SEQUENCE, "attention(2)(linear(4)(x), linear(4)(x), linear(6)(x))"),
            (_IMAGE, 'multiply(linear(3, false, "c")(x), tanh(linear(3, false, "c")(x)))'),
        ),
    ),
)
