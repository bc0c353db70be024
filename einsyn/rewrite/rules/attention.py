"""Rules that find attention in matrix products and a softmax, and heads in branches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ops.activation import Softmax
from einsyn.ops.attention import Attention
from einsyn.ops.parts import Concat
from einsyn.ops.product import DotProduct, ScaledDotProduct
from einsyn.ops.routing import Permute
from einsyn.rewrite.pattern import applied, joined
from einsyn.rewrite.rule import Rule

if TYPE_CHECKING:
    from einsyn.rewrite.pattern import Match
    from einsyn.rewrite.rule import Builder


def _over_keys(match: Match) -> bool:
    """Whether the softmax is over the last axis, and keys are transposed in their last two."""
    softmax, keys = match.below(Softmax), match.below(Permute)
    assert isinstance(softmax.op, Softmax)
    assert isinstance(keys.op, Permute)
    scores = match.draft.types[softmax.inputs[0]]
    return scores.axis(softmax.op.axis) == scores.rank - 1 and keys.op.order == (2, 1)


def _attend(match: Match, builder: Builder) -> None:
    operands = (match.value("queries"), match.value("keys"), match.value("values"))
    builder.replace_all(match.node.outputs, builder.add(Attention.configure(), *operands))


def _heads_apart(match: Match) -> bool:
    """Whether what is joined along the width are equal attentions on operands of equal types."""
    concat, heads = match.node.op, match.nodes(Attention)
    assert isinstance(concat, Concat)
    draft, first = match.draft, heads[0]
    assert isinstance(first.op, Attention)
    out = draft.types[match.node.outputs[0]]
    types = [draft.types[value] for value in first.inputs]
    return (
        len(heads) > 1
        and out.axis(concat.axis) == out.rank - 1
        # Heads that share keys would share them differently side by side.
        and first.op.heads == first.op.kv_heads
        and all(h.op == first.op and [draft.types[v] for v in h.inputs] == types for h in heads)
    )


def _side_by_side(match: Match, builder: Builder) -> None:
    heads = match.nodes(Attention)
    one = heads[0].op
    assert isinstance(one, Attention)
    join = Concat.configure(-1)
    operands = [builder.add(join, *match.values(name))[0] for name in ("queries", "keys", "values")]
    count = len(heads) * one.heads
    op = Attention.configure(count, one.causal, count, one.window)
    builder.replace_all(match.node.outputs, builder.add(op, *operands))


_SEQUENCE: Final = "f32[B, s:6, d:8]"
_SCORES: Final = "softmax(scaled_dot_product(linear(4)(x), permute(2, 1)(linear(4)(x))))"
_HEADS: Final = "attention(2)(linear(4)(x), linear(4)(x), linear(6)(x))"

RULES: Final = (
    Rule(
        "attention",
        "A scaled product with transposed keys, a softmax and a product with values are one attention.",
        applied(DotProduct, applied(Softmax, applied(ScaledDotProduct, "queries", applied(Permute, "keys"))), "values"),
        _over_keys,
        _attend,
        "exact",
        ((_SEQUENCE, f"dot_product({_SCORES}, linear(5)(x))"), (_SEQUENCE, f"dot_product({_SCORES}, x)")),
    ),
    Rule(
        "heads",
        "Equal attentions side by side are one with so many more heads.",
        joined(Concat, applied(Attention, "queries", "keys", "values")),
        _heads_apart,
        _side_by_side,
        "exact",
        (
            (_SEQUENCE, f"concat(-1)({_HEADS}, {_HEADS}, {_HEADS})"),
            (_SEQUENCE, "concat(-1)(*[attention(causal=true)(y, relu(y), tanh(y)) for y in group(4, -1)(x)])"),
        ),
    ),
)
