"""Rules that find convolutions in windows, a linear layer and the grid again, as einspace writes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ops.convolution import Conv
from einsyn.ops.elementwise import Elementwise
from einsyn.ops.linear import Linear
from einsyn.ops.routing import Col2im, Im2col
from einsyn.rewrite.pattern import applied
from einsyn.rewrite.rule import Rule
from einsyn.rewrite.weights import Reshaped

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.rewrite.draft import Node
    from einsyn.rewrite.pattern import Match
    from einsyn.rewrite.rule import Builder

# Places as tokens, each with the channels of one place.
_TOKENS: Final = Im2col.configure(1)


def _is_tokens(node: Node) -> bool:
    op = node.op
    assert isinstance(op, Im2col)
    return all(
        value == default or (isinstance(value, tuple) and set(value) == {default})
        for value, default in ((op.kernel, 1), (op.stride, 1), (op.padding, 0))
    )


def _maps_tokens(node: Node, match: Match) -> bool:
    """Whether a linear layer of its own maps the last axis of a sequence."""
    assert isinstance(node.op, Linear)
    t = match.draft.types[node.inputs[0]]
    return match.draft.alone(node) and t.axis(node.op.axis) == t.rank - 1


def _convolve(linear: Node, windows: Node, match: Match, builder: Builder) -> Sequence[int]:
    """The windows and the layer as one convolution: kernels are rows of the matrix, which lists channel by channel."""
    layer, im2col = linear.op, windows.op
    assert isinstance(layer, Linear)
    assert isinstance(im2col, Im2col)
    draft = match.draft
    conv = Conv.configure(layer.width, im2col.kernel, im2col.stride, im2col.padding, bias=layer.bias)
    sizes = conv.params(draft.types[match.value("x")])["weight"].shape
    weights = {name: draft.weight(linear, name) for name in linear.signature.params}
    weights["weight"] = Reshaped(weights["weight"], sizes)
    return builder.add(conv, match.value("x"), weights=weights)


def _mapped_windows(match: Match) -> bool:
    return _maps_tokens(match.node, match) and not _is_tokens(match.below(Im2col))


def _to_convolution(match: Match, builder: Builder) -> None:
    image = _convolve(match.node, match.below(Im2col), match, builder)
    builder.replace_all(match.node.outputs, builder.add(_TOKENS, *image))


def _mapped_places(match: Match) -> bool:
    return _maps_tokens(match.below(Linear), match)


def _to_pointwise(match: Match, builder: Builder) -> None:
    image = _convolve(match.below(Linear), match.below(Im2col), match, builder)
    builder.replace_all(match.node.outputs, image)


def _only_places(match: Match) -> bool:
    return _is_tokens(match.below(Im2col))


def _same_grid(match: Match, builder: Builder) -> None:
    builder.replace(match.node.outputs[0], match.value("x"))


def _any(match: Match) -> bool:
    return True


def _grid_first(match: Match, builder: Builder) -> None:
    (grid,) = builder.add(Col2im.configure(), match.value("x"))
    builder.replace_all(match.node.outputs, builder.add(match.below(Elementwise).op, grid))


_IMAGE: Final = "f32[B, c:4, h:6, w:6]"
_SIGNAL: Final = "f32[B, c:4, l:12]"

RULES: Final = (
    Rule(
        "windows-linear",
        "A linear layer on windows is a convolution, whose places are the tokens.",
        applied(Linear, applied(Im2col, "x")),
        _mapped_windows,
        _to_convolution,
        "exact",
        (
            (_IMAGE, "col2im(linear(5)(im2col(3, 1, 1)(x)))"),
            (_IMAGE, "linear(5, false)(im2col(2, 2)(x))"),
            (_SIGNAL, "col2im(linear(5)(im2col(3, 2, 1)(x)))"),
            (_IMAGE, "relu(col2im(linear(5)(im2col([2, 3], [1, 2], [0, 1])(x))))"),
        ),
    ),
    Rule(
        "places-linear",
        "A linear layer on the channels of places that become an image again is a convolution with kernel 1.",
        applied(Col2im, applied(Linear, applied(Im2col, "x"))),
        _mapped_places,
        _to_pointwise,
        "exact",
        ((_IMAGE, "col2im(linear(5)(im2col(1)(x)))"), (_SIGNAL, "col2im(linear(5, false)(im2col(1)(x)))")),
    ),
    Rule(
        "grid-back",
        "Places as tokens and then as places again are the image.",
        applied(Col2im, applied(Im2col, "x")),
        _only_places,
        _same_grid,
        "exact",
        ((_IMAGE, "relu(col2im(im2col(1)(x)))"), (_SIGNAL, "col2im(im2col(1)(relu(x)))")),
    ),
    Rule(
        "grid-first",
        "What maps each element by itself is done in the image instead of the tokens, where the image comes next.",
        applied(Col2im, applied(Elementwise, "x")),
        _any,
        _grid_first,
        "exact",
        ((_IMAGE, "col2im(relu(linear(5)(im2col(3)(x))))"),),
    ),
)
