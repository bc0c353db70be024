"""Rules for networks that will only be evaluated: what training needed is folded into other weights or goes.

They change parameters and hold in eval mode: an ONNX model has batch normalisations folded, the others are applied
where they are asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ops.arithmetic import Add
from einsyn.ops.convolution import Conv, ConvTranspose, StandardisedConv
from einsyn.ops.linear import Linear
from einsyn.ops.normalisation import BatchNorm
from einsyn.ops.regularisation import TrainOnly
from einsyn.ops.rules import per_axis
from einsyn.rewrite.pattern import applied, joined
from einsyn.rewrite.rule import Rule
from einsyn.rewrite.weights import Computed, Weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op
    from einsyn.rewrite.draft import Draft, Node
    from einsyn.rewrite.pattern import Match
    from einsyn.rewrite.rule import Builder


def _always(match: Match) -> bool:
    return True


def _hand_on(match: Match, builder: Builder) -> None:
    builder.replace(match.node.outputs[0], match.value("x"))


# Batch normalisation with running statistics is a scale and a shift of each channel.


def _scale_and_shift(draft: Draft, node: Node) -> tuple[Weights, Weights]:
    """`y = scale * x + shift` for each channel."""
    op = node.op
    assert isinstance(op, BatchNorm)
    mean, var = (draft.weight(node, name) for name in ("running_mean", "running_var"))
    learned = [draft.weight(node, name) for name in ("weight", "bias")] if op.affine else []

    def scale(var: torch.Tensor, *learned: torch.Tensor) -> torch.Tensor:
        factor = (var + op.eps).rsqrt()
        return factor * learned[0] if learned else factor

    def shift(mean: torch.Tensor, var: torch.Tensor, *learned: torch.Tensor) -> torch.Tensor:
        moved = -mean * scale(var, *learned)
        return moved + learned[1] if learned else moved

    return Computed((var, *learned), scale, var.shape), Computed((mean, var, *learned), shift, var.shape)


def _is_conv(node: Node, draft: Draft) -> bool:
    # Subclasses do something to their kernels first.
    return type(node.op) is Conv and draft.alone(node)


# In 16 bits a kernel that was scaled rounds to another one.
_EXACT_ENOUGH: Final = ("f32", "f64")


def _normalised_layer(match: Match) -> bool:
    """Whether what is normalised is a layer whose outputs are the channels, with weights of its own."""
    draft, layer = match.draft, _normalised(match)
    x, y = draft.types[layer.inputs[0]], draft.types[layer.outputs[0]]
    if x.dtype not in _EXACT_ENOUGH or not draft.alone(layer):
        return False
    if isinstance(layer.op, Linear):
        return y.axis(layer.op.axis) == y.axis("c")
    return type(layer.op) in (Conv, ConvTranspose)


def _normalised(match: Match) -> Node:
    layer = match.draft.maker(match.node.inputs[0])
    assert layer is not None  # as the pattern says
    return layer


def _changed(cls: type[Op], op: Op, **changed: object) -> Op:
    """An operation of a class with the attributes that another one has as well, but for some."""
    values = {name: value for name, value in zip(op.attributes, op.key, strict=True) if name in cls.attributes}
    return cls.configure(**{**values, **changed})


def _with_bias(op: Conv, **changed: object) -> Conv:
    made = _changed(Conv, op, **{"bias": True, **changed})
    assert isinstance(made, Conv)
    return made


def _fold(match: Match, builder: Builder) -> None:
    draft, layer = match.draft, _normalised(match)
    scale, shift = _scale_and_shift(draft, match.node)
    kernels = draft.weight(layer, "weight")
    # Kernels that are transposed have the channels of a group in their second dimension.
    groups = layer.op.groups if isinstance(layer.op, ConvTranspose) else 0

    def scaled(kernels: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ones = [1] * (kernels.dim() - 2)
        if not groups:
            return kernels * scale.view(-1, 1, *ones)
        each = kernels.shape[0] // groups
        return kernels * scale.view(groups, -1, *ones).repeat_interleave(each, 0)

    def shifted(scale: torch.Tensor, shift: torch.Tensor, *bias: torch.Tensor) -> torch.Tensor:
        return shift + scale * bias[0] if bias else shift

    bias = (draft.weight(layer, "bias"),) if "bias" in layer.signature.params else ()
    weights: dict[str, Weights] = {
        "weight": Computed((kernels, scale), scaled, kernels.shape),
        "bias": Computed((scale, shift, *bias), shifted, shift.shape),
    }
    op = _changed(type(layer.op), layer.op, bias=True)
    builder.replace_all(match.node.outputs, builder.add(op, match.value("x"), weights=weights))


# Kernels that are standardised whenever they are used, once and for all.


def _standardised(match: Match) -> bool:
    return match.draft.types[match.value("x")].dtype in _EXACT_ENOUGH and match.draft.alone(match.node)


def _as_plain(match: Match, builder: Builder) -> None:
    draft, node = match.draft, match.node
    op = node.op
    assert isinstance(op, StandardisedConv)
    kernels = draft.weight(node, "weight")

    def standardised(kernels: torch.Tensor) -> torch.Tensor:
        dims = tuple(range(1, kernels.dim()))
        centred = kernels - kernels.mean(dims, keepdim=True)
        return centred / (centred.square().mean(dims, keepdim=True) + op.eps).sqrt()

    weights: dict[str, Weights] = {"weight": Computed((kernels,), standardised, kernels.shape)}
    if op.bias:
        weights["bias"] = draft.weight(node, "bias")
    builder.replace_all(node.outputs, builder.add(_changed(Conv, op), match.value("x"), weights=weights))


# Sums of convolutions of one tensor, and of the tensor normalised: RepVGG.


def _windows(op: Conv, t: TensorType) -> list[tuple[int, int]] | None:
    """Kernel size and padding on each axis, None where the padding is no number of zeros on each side."""
    rank = t.rank - 1
    kernel = per_axis(op, "kernel", op.kernel, rank)
    dilation = per_axis(op, "dilation", op.dilation, rank)
    if op.padding_mode != "zeros" or set(dilation) != {1}:
        return None
    same = tuple((k - 1) // 2 for k in kernel)
    padding = same if isinstance(op.padding, str) else per_axis(op, "padding", op.padding, rank)
    return list(zip(kernel, padding, strict=True))


def _mergeable(draft: Draft, node: Node) -> bool:
    return _is_conv(node, draft) and draft.used_once(node.outputs[0])


def _makers(match: Match) -> list[Node | None]:
    return [match.draft.maker(value) for value in match.node.inputs]


def _centred(large: Node, small: Node, draft: Draft) -> bool:
    """Whether the windows of two convolutions of one tensor have the same centres and the first are not smaller."""
    a, b = large.op, small.op
    assert isinstance(a, Conv)
    assert isinstance(b, Conv)
    t = draft.types[large.inputs[0]]
    if (a.channels, a.groups) != (b.channels, b.groups) or large.inputs != small.inputs:
        return False
    strides = [per_axis(op, "stride", op.stride, t.rank - 1) for op in (a, b)]
    outer, inner = _windows(a, t), _windows(b, t)
    if strides[0] != strides[1] or outer is None or inner is None:
        return False
    return all(k >= m and k - m == 2 * (p - q) for (k, p), (m, q) in zip(outer, inner, strict=True))


def _pair(match: Match) -> tuple[Node, Node] | None:
    """Two convolutions in a sum of which the first can take in the second."""
    nodes = [node for node in _makers(match) if node is not None and _mergeable(match.draft, node)]
    for large in nodes:
        for small in nodes:
            if large is not small and _centred(large, small, match.draft):
                return large, small
    return None


def _has_pair(match: Match) -> bool:
    return _pair(match) is not None


def _merged(draft: Draft, large: Node, small: Node) -> dict[str, Weights]:
    kernels, inner = draft.weight(large, "weight"), draft.weight(small, "weight")
    around = [(k - m) // 2 for k, m in zip(kernels.shape[2:], inner.shape[2:], strict=True)]

    def total(kernels: torch.Tensor, inner: torch.Tensor) -> torch.Tensor:
        import torch

        sides = [side for n in reversed(around) for side in (n, n)]
        return kernels + torch.nn.functional.pad(inner, sides)

    def added(first: torch.Tensor, *rest: torch.Tensor) -> torch.Tensor:
        return sum(rest, start=first)

    biases = tuple(draft.weight(node, "bias") for node in (large, small) if "bias" in node.signature.params)
    weights: dict[str, Weights] = {"weight": Computed((kernels, inner), total, kernels.shape)}
    if biases:
        weights["bias"] = Computed(biases, added, biases[0].shape)
    return weights


def _sum(match: Match, builder: Builder, new: int, gone: Sequence[int]) -> None:
    rest = [value for value in match.node.inputs if value not in gone]
    total = builder.add(Add.configure(), new, *rest)[0] if rest else new
    builder.replace(match.node.outputs[0], total)


def _merge(match: Match, builder: Builder) -> None:
    found = _pair(match)
    assert found is not None
    large, small = found
    assert isinstance(large.op, Conv)
    weights = _merged(match.draft, large, small)
    op = _with_bias(large.op, bias="bias" in weights)
    (new,) = builder.add(op, large.inputs[0], weights=weights)
    _sum(match, builder, new, (large.outputs[0], small.outputs[0]))


def _normalised_input(match: Match) -> tuple[Node, Node] | None:
    """A batch normalisation in a sum, and a convolution of the same tensor that can take it in."""
    draft = match.draft
    nodes = [node for node in _makers(match) if node is not None and draft.used_once(node.outputs[0])]
    for conv in nodes:
        if not _is_conv(conv, draft):
            continue
        assert isinstance(conv.op, Conv)
        t = draft.types[conv.inputs[0]]
        windows = _windows(conv.op, t)
        if windows is None or any(k != 2 * p + 1 for k, p in windows):
            continue
        if set(per_axis(conv.op, "stride", conv.op.stride, t.rank - 1)) != {1} or conv.op.channels != t.size("c"):
            continue
        for node in nodes:
            if isinstance(node.op, BatchNorm) and node.inputs == conv.inputs and draft.alone(node):
                return node, conv
    return None


def _has_normalised_input(match: Match) -> bool:
    return _normalised_input(match) is not None


def _as_convolution(match: Match, builder: Builder) -> None:
    """The scale as a convolution with kernel 1, in the groups of the other one, which takes it in next."""
    found = _normalised_input(match)
    assert found is not None
    norm, conv = found
    assert isinstance(conv.op, Conv)
    draft = match.draft
    channels, groups = conv.op.channels, conv.op.groups
    scale, shift = _scale_and_shift(draft, norm)
    rank = draft.types[conv.inputs[0]].rank - 1
    sizes = (channels, channels // groups, *[1] * rank)

    def diagonal(scale: torch.Tensor) -> torch.Tensor:
        import torch

        kernels = torch.zeros(sizes, dtype=scale.dtype)
        rows = torch.arange(channels)
        kernels.view(channels, -1)[rows, rows % sizes[1]] = scale
        return kernels

    op = Conv.configure(channels, 1, 1, 0, groups=groups)
    weights: dict[str, Weights] = {"weight": Computed((scale,), diagonal, sizes), "bias": shift}
    (new,) = builder.add(op, conv.inputs[0], weights=weights)
    _sum(match, builder, new, norm.outputs)


_IMAGE: Final = "f32[B, c:4, h:6, w:6]"
_SIGNAL: Final = "f32[B, c:4, l:12]"

TRAINING: Final = (
    Rule(
        "train-only",
        "What acts only while a network is trained goes.",
        applied(TrainOnly, "x"),
        _always,
        _hand_on,
        "deploy",
        ((_IMAGE, "conv(4, 3)(dropout(0.5)(x))"), (_IMAGE, "add(drop_path(0.2)(relu(x)), x)")),
    ),
)

NORMS: Final = (
    Rule(
        "fold-batch-norm",
        "A batch normalisation after a convolution scales and shifts its kernels.",
        applied(BatchNorm, applied(Conv, "x")),
        _normalised_layer,
        _fold,
        "fold",
        (
            (_IMAGE, "relu(batch_norm(conv(6, 3, bias=false)(x)))"),
            (_IMAGE, "batch_norm(affine=false)(conv(8, 3, 2, groups=4)(x))"),
            (_SIGNAL, "batch_norm(1e-3)(conv(6, 5, 2)(x))"),
        ),
    ),
    Rule(
        "fold-batch-norm-transposed",
        "A batch normalisation after a transposed convolution scales and shifts its kernels.",
        applied(BatchNorm, applied(ConvTranspose, "x")),
        _normalised_layer,
        _fold,
        "fold",
        (
            (_IMAGE, "relu(batch_norm(conv_transpose(6, 2, 2, bias=false)(x)))"),
            (_IMAGE, "batch_norm(conv_transpose(6, 3, 2, 1, 1, groups=2)(x))"),
            (_SIGNAL, "batch_norm(affine=false)(conv_transpose(8, 4, 2, groups=4)(x))"),
        ),
    ),
    Rule(
        "fold-batch-norm-linear",
        "A batch normalisation after a linear layer of the channels scales and shifts its rows.",
        applied(BatchNorm, applied(Linear, "x")),
        _normalised_layer,
        _fold,
        "fold",
        (
            (_IMAGE, 'relu(batch_norm(linear(6, axis="c")(x)))'),
            (_SIGNAL, 'batch_norm(affine=false)(linear(6, false, "c")(x))'),
        ),
    ),
)

FOLDING: Final = (
    *NORMS,
    Rule(
        "fold-standardisation",
        "A convolution whose kernels are standardised is one whose kernels are so already.",
        applied(StandardisedConv, "x"),
        _standardised,
        _as_plain,
        "deploy",
        (
            (_IMAGE, "relu(std_conv(6, 3, 2, groups=2)(x))"),
            (_IMAGE, 'std_conv(6, 3, bias=false, padding_mode="reflect", eps=1e-3)(x)'),
            (_SIGNAL, "batch_norm(std_conv(6, 5)(x))"),
        ),
    ),
    Rule(
        "fold-normalised-input",
        "A normalised tensor added to a convolution of the same tensor is a convolution with kernel 1.",
        joined(Add, "x"),
        _has_normalised_input,
        _as_convolution,
        "deploy",
        (
            (_IMAGE, "relu(add(conv(4, 3)(x), batch_norm(x)))"),
            (_IMAGE, "add(conv(4, 3, groups=2)(x), batch_norm(affine=false)(x), relu(x))"),
            (_SIGNAL, "add(batch_norm(x), conv(4, 1, bias=false)(x))"),
        ),
    ),
    Rule(
        "fold-convolutions",
        "A sum of convolutions of one tensor with the same centres is one convolution.",
        joined(Add, "x"),
        _has_pair,
        _merge,
        "deploy",
        (
            (_IMAGE, "relu(add(conv(6, 3, 2)(x), conv(6, 1, 2)(x)))"),
            (_IMAGE, "add(conv(4, 5, groups=2, bias=false)(x), conv(4, 3, groups=2, bias=false)(x), x)"),
            (_SIGNAL, "add(conv(4, 1, bias=false)(x), conv(4, 3)(x))"),
        ),
    ),
)
