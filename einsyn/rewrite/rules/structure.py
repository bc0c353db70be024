"""Rules that take out what only hands tensors on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ops.arithmetic import Add
from einsyn.ops.elementwise import Elementwise
from einsyn.ops.op import Op
from einsyn.ops.parts import Concat, Group, Split
from einsyn.ops.rearrange import Rearrange
from einsyn.ops.routing import Permute, Rename
from einsyn.rewrite.pattern import applied, beside, joined
from einsyn.rewrite.rule import Rule
from einsyn.rewrite.rules.rearranged import composed, is_undone

if TYPE_CHECKING:
    from einsyn.ir.types import TensorType
    from einsyn.rewrite.draft import Node
    from einsyn.rewrite.pattern import Match
    from einsyn.rewrite.rule import Builder


def always(match: Match) -> bool:
    """A guard for rules whose pattern says it all."""
    return True


# Operations that hand their operands on.


def _may_hand_on(cls: type[Op]) -> bool:
    return cls.passes is not Op.passes


def _hands_on(match: Match) -> bool:
    return _passed(match) is not None


def _passed(match: Match) -> tuple[int, ...] | None:
    types = match.draft.types
    return match.node.op.passes(*[types[value] for value in match.node.inputs])


def _hand_on(match: Match, builder: Builder) -> None:
    sources = _passed(match) or ()
    builder.replace_all(match.node.outputs, [match.node.inputs[source] for source in sources])


# Rearrangements one after the other.


def _compose(match: Match, builder: Builder) -> None:
    outer, inner = match.node.op, match.below(Permute).op
    assert isinstance(outer, Permute)
    assert isinstance(inner, Permute)
    order = [inner.order[position - 1] for position in outer.order]
    builder.replace_all(match.node.outputs, builder.add(Permute.configure(*order), match.value("x")))


def _renamed_back(match: Match, builder: Builder) -> None:
    builder.replace(match.node.outputs[0], match.value("x"))


def _rearranged(match: Match) -> tuple[Rearrange, Rearrange, TensorType]:
    """Both rearrangements, and the type of what the first one takes."""
    first, second = match.below(Rearrange).op, match.node.op
    assert isinstance(first, Rearrange)
    assert isinstance(second, Rearrange)
    return first, second, match.draft.types[match.value("x")]


def _one_rearrangement(match: Match) -> bool:
    both = _rearranged(match)
    return is_undone(*both) or composed(*both) is not None


def _rearrange_once(match: Match, builder: Builder) -> None:
    both = _rearranged(match)
    if is_undone(*both):
        builder.replace(match.node.outputs[0], match.value("x"))
        return
    made = composed(*both)
    assert made is not None
    builder.replace_all(match.node.outputs, builder.add(made, match.value("x")))


def _to_hoist(match: Match) -> bool:
    """Whether what is rearranged is a function of each element of what was rearranged before."""
    draft = match.draft
    value = match.value("x")
    while True:
        node = draft.maker(value)
        if node is None or not draft.used_once(value):
            return False
        if isinstance(node.op, Permute):
            return True
        if not isinstance(node.op, Elementwise):
            return False
        (value,) = node.inputs


def _hoist(match: Match, builder: Builder) -> None:
    inner = match.below(Elementwise)
    (moved,) = builder.add(match.node.op, match.value("x"))
    builder.replace_all(match.node.outputs, builder.add(inner.op, moved))


# Parts that are put together, and the reverse.


def _part_axis(node: Node, match: Match) -> int:
    assert isinstance(node.op, Group | Split | Concat)
    return match.draft.types[node.inputs[0]].axis(node.op.axis)


def _all_parts(match: Match, cls: type[Op]) -> bool:
    """Whether what is joined are all results of one operation, in order, along the axis on which it parts."""
    parts = match.nodes(cls)
    source = parts[0]
    return (
        all(part is source for part in parts)
        and match.node.inputs == source.outputs
        and _part_axis(source, match) == _part_axis(match.node, match)
    )


def _groups(match: Match) -> bool:
    return _all_parts(match, Group)


def _splits(match: Match) -> bool:
    return _all_parts(match, Split)


def _whole(match: Match, builder: Builder) -> None:
    builder.replace(match.node.outputs[0], match.value("x"))


def _parted_as_joined(match: Match) -> bool:
    """Whether the parts are what was joined."""
    draft, node = match.draft, match.node
    concat = draft.maker(node.inputs[0])
    assert concat is not None
    if _part_axis(concat, match) != _part_axis(node, match):
        return False
    # Types say the sizes; with them equal, so are the places.
    return [draft.types[v] for v in concat.inputs] == [draft.types[v] for v in node.outputs]


def _parts(match: Match, builder: Builder) -> None:
    concat = match.draft.maker(match.node.inputs[0])
    assert concat is not None
    builder.replace_all(match.node.outputs, concat.inputs)


# The same of the same.


def _may_repeat(cls: type[Op]) -> bool:
    return cls.repeatable


def _earlier(match: Match) -> Node | None:
    """An operation that comes before and does the same to the same."""
    draft, node = match.draft, match.node
    if node.owner is not None:
        return None
    for user in draft.users(node.inputs[0]):
        if user.index < node.index and user.op == node.op and user.inputs == node.inputs and user.owner is None:
            return user
    return None


def _is_repeated(match: Match) -> bool:
    return _earlier(match) is not None


def _once(match: Match, builder: Builder) -> None:
    earlier = _earlier(match)
    assert earlier is not None
    builder.replace_all(match.node.outputs, earlier.outputs)


# Sums with zeros.


def _has_zero(match: Match) -> bool:
    zeros = [match.draft.is_zero(value) for value in match.node.inputs]
    return any(zeros) and not all(zeros)


def _without_zeros(match: Match, builder: Builder) -> None:
    left = [value for value in match.node.inputs if not match.draft.is_zero(value)]
    total = left[0] if len(left) == 1 else builder.add(Add.configure(), *left)[0]
    builder.replace(match.node.outputs[0], total)


_SEQUENCE: Final = "f32[B, s:6, d:8]"
_IMAGE: Final = "f32[B, c:4, h:6, w:6]"

RULES: Final = (
    Rule(
        "hand-on",
        "What only hands its operands on (identities, clones, a permutation that moves nothing) is taken out.",
        applied(Op, "x"),
        _hands_on,
        _hand_on,
        "exact",
        (
            (_SEQUENCE, "identity(relu(x))"),
            (_IMAGE, "add(*clone(3)(x))"),
            (_IMAGE, "relu(permute(1, 2, 3)(x))"),
            (_SEQUENCE, "relu(concat(-1)(linear(5)(x)))"),
        ),
        _may_hand_on,
    ),
    Rule(
        "permute-twice",
        "Two permutations are one.",
        applied(Permute, applied(Permute, "x")),
        always,
        _compose,
        "exact",
        ((_IMAGE, "permute(2, 3, 1)(permute(2, 1, 3)(x))"), (_SEQUENCE, "relu(permute(2, 1)(permute(2, 1)(x)))")),
    ),
    Rule(
        "permute-early",
        "A permutation after functions of each element comes before them, where it meets another one.",
        applied(Permute, applied(Elementwise, "x")),
        _to_hoist,
        _hoist,
        "exact",
        (
            (_SEQUENCE, "permute(2, 1)(relu(permute(2, 1)(linear(3)(x))))"),
            (_IMAGE, "linear(3)(permute(2, 3, 1)(gelu(tanh(permute(3, 1, 2)(x)))))"),
        ),
    ),
    Rule(
        "rename-back",
        "Axes that get other names and then their own again keep them.",
        applied(Rename, applied(Rename, "x")),
        always,
        _renamed_back,
        "exact",
        ((_SEQUENCE, "relu(as_sequence(as_image1d(x)))"),),
    ),
    Rule(
        "rearrange-twice",
        "Two rearrangements of axes are one, or none where the second takes back what the first did.",
        applied(Rearrange, applied(Rearrange, "x")),
        _one_rearrangement,
        _rearrange_once,
        "exact",
        (
            (_SEQUENCE, 'relu(rearrange("a s d -> s:(a s) d")(rearrange("(a s) d -> a s d", a=3)(tanh(x))))'),
            (_IMAGE, 'rearrange("n s d -> d:d l:s n")(rearrange("c (y i) w -> n:y s:(i w) d:c", y=2)(x))'),
            (_IMAGE, 'relu(rearrange("a b c -> b:b c:c a:a")(rearrange("c h w -> a:w b:c c:h")(tanh(x))))'),
            (_SEQUENCE, 'rearrange("(e f g h) -> e g f h", e=3, f=2, g=4)(rearrange("(a b) d -> a:(b a d)", a=2)(x))'),
        ),
    ),
    Rule(
        "concat-groups",
        "All equal parts of a tensor, put together again in order, are the tensor.",
        joined(Concat, applied(Group, "x")),
        _groups,
        _whole,
        "exact",
        ((_SEQUENCE, "relu(concat(-1)(*group(4, -1)(linear(8)(x))))"),),
    ),
    Rule(
        "concat-splits",
        "All parts of a tensor, put together again in order, are the tensor.",
        joined(Concat, applied(Split, "x")),
        _splits,
        _whole,
        "exact",
        ((_IMAGE, 'relu(concat("c")(*split([1, 3], "c")(x)))'),),
    ),
    Rule(
        "group-concat",
        "Parts of a concatenation that are what was concatenated.",
        applied(Group, joined(Concat, "x")),
        _parted_as_joined,
        _parts,
        "exact",
        ((_SEQUENCE, "add(*group(2, -1)(concat(-1)(relu(x), tanh(x))))"),),
    ),
    Rule(
        "split-concat",
        "Parts of a concatenation that are what was concatenated.",
        applied(Split, joined(Concat, "x")),
        _parted_as_joined,
        _parts,
        "exact",
        ((_SEQUENCE, "concat(-1)(*[relu(y) for y in split([3, 5], -1)(concat(-1)(linear(3)(x), linear(5)(x)))])"),),
    ),
    Rule(
        "add-zero",
        "A sum leaves out what is zero whatever the weights are.",
        joined(Add, "x"),
        _has_zero,
        _without_zeros,
        "exact",
        ((_IMAGE, "add(conv(4, 3)(x), zero(x))"), (_IMAGE, "add(x, zero(x), relu(x))")),
    ),
)

# After all others: what they look for is used once.
REPEATED: Final = (
    Rule(
        "repeated",
        "What is computed twice of the same is computed once.",
        beside(Op, "x"),
        _is_repeated,
        _once,
        "exact",
        (
            (_IMAGE, "add(conv(4, 3)(relu(x)), conv(4, 1)(relu(x)))"),
            (_SEQUENCE, "multiply(linear(4)(tanh(relu(x))), linear(4)(tanh(relu(x))))"),
            (_IMAGE, "add(max_pool(3, 1, 1)(x), avg_pool(3, 1, 1)(x), max_pool(3, 1, 1)(x))"),
        ),
        _may_repeat,
    ),
)
