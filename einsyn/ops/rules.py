"""Conditions that several type rules share; each raises Mismatch where it does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.sizes import divides, scaled, slid
from einsyn.ir.types import Size, TensorType, merge_factors

if TYPE_CHECKING:
    from einsyn.ops.op import Op

FLOATS: Final = frozenset({"f64", "f32", "f16", "bf16"})
SPATIAL: Final[dict[str | None, tuple[str, ...]]] = {"image2d": ("h", "w"), "image1d": ("l",)}
# What can fill a border, and ONNX's word for it.
BORDERS: Final = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
# Sizes of windows and counts of outputs beyond this are mistakes, and torch could not take them.
LARGEST: Final = 1 << 16


def needs_float(op: Op, *types: TensorType) -> None:
    """T010 unless all tensors hold real numbers, T025 unless of one dtype."""
    first = types[0].dtype
    for t in types:
        if t.dtype not in FLOATS:
            hint = "`take` turns tokens into a sequence" if t.kind == "tokens" else None
            raise Mismatch("T010", f"`{op.name}` needs real numbers, not {t}", hint)
        if t.dtype != first:
            raise Mismatch("T025", f"`{op.name}` needs tensors of one dtype, not {first} and {t.dtype}")


def needs_batch(op: Op, *types: TensorType) -> None:
    """T012 unless all tensors have the batch axis."""
    for t in types:
        if not t.batched:
            raise Mismatch("T012", f"`{op.name}` needs a batch axis, and {t} has none", "add it to a batched tensor")


def needs_image(op: Op, x: TensorType) -> tuple[str, ...]:
    """The spatial axes of a batch of images; T011 for other kinds."""
    spatial = SPATIAL.get(x.kind)
    if spatial is None:
        raise Mismatch(
            "T011",
            lambda: f"`{op.name}` needs an image (axes c, h, w or c, l), not {x}",
            "`col2im` or `as_image1d` makes an image of a sequence" if x.kind == "sequence" else None,
        )
    needs_batch(op, x)
    needs_float(op, x)
    return spatial


def needs_sequences(op: Op, *types: TensorType) -> None:
    """T011 unless all tensors are batches of sequences: their last axes are s and d."""
    for t in types:
        if t.axes[-2:] != ("s", "d"):
            raise Mismatch("T011", f"`{op.name}` needs sequences (axes s, d), not {t}")
    needs_batch(op, *types)
    needs_float(op, *types)


def per_axis(op: Op, attribute: str, value: int | tuple[int, ...], count: int) -> tuple[int, ...]:
    """An attribute as one number for each of `count` spatial axes; T005 for a list of another length."""
    if isinstance(value, int):
        return (value,) * count
    if len(value) != count:
        raise Mismatch(
            "T005",
            f"{attribute} of `{op.name}` lists {len(value)} sizes for an image with {count} spatial axes",
            "one integer serves all axes",
        )
    return value


def slide(
    op: Op,
    x: TensorType,
    axis: str,
    kernel: int,
    stride: int,
    padding: int,
    dilation: int = 1,
) -> int:
    """How many places a window takes along an axis: floor((n + 2 padding - dilation (kernel - 1) - 1) / stride) + 1."""
    size = x.size(axis)
    reach = dilation * (kernel - 1) + 1
    room = size + 2 * padding - reach
    if room < 0:
        spread = f" with dilation {dilation}" if dilation > 1 else ""
        raise Mismatch(
            "T015",
            f"kernel {kernel}{spread} of `{op.name}` does not fit in {axis}:{size} with padding {padding}",
            f"use a kernel of at most {size + 2 * padding}, or pad more",
        )
    return room // stride + 1


def places(op: Op, x: TensorType, axis: str, kernel: int, stride: int, padding: int, dilation: int = 1) -> Size:
    """The same, also for an axis whose size is open."""
    size = x.sizes[x.axis(axis)]
    if isinstance(size, int):
        return slide(op, x, axis, kernel, stride, padding, dilation)
    return slid(size, stride, 2 * padding - dilation * (kernel - 1) - 1 + stride)


def stretched(op: Op, x: TensorType, axis: str, factor: int, offset: int = 0) -> Size:
    """`factor * n + offset` for the size n of an axis; T003 for multiples of an open size that was rounded."""
    found = scaled(x.sizes[x.axis(axis)], factor, offset)
    if found is None:
        raise _rounded(op, x, axis, f"{factor} times")
    return found


def parted(op: Op, x: TensorType, axis: str, count: int) -> Size:
    """The size of each of `count` equal parts of an axis; T016 if it does not divide, T003 if an open one might not."""
    size = x.sizes[x.axis(axis)]
    if isinstance(size, int):
        return equal_parts(op, f"places on axis {axis}", size, count)
    if not divides(size, count):
        raise _rounded(op, x, axis, f"parts of {count} of")
    return slid(size, count, 0)


def _rounded(op: Op, x: TensorType, axis: str, what: str) -> Mismatch:
    """That what an operation makes of an open size would be another thing for some sizes than for others."""
    size = x.sizes[x.axis(axis)]
    hint = "give the input a multiple, for example h:8*H, or a number"
    return Mismatch("T003", f"`{op.name}` cannot take {what} {axis}:{size} whatever its symbol stands for", hint)


def needs_border(op: Op, x: TensorType, axis: str, amount: int, border: str) -> None:
    """T003 for an open axis, T015 unless it is long enough to fill a border; zeros and the edge always do."""
    if border in ("zeros", "replicate"):
        return
    room = x.size(axis) - (border == "reflect")
    if amount > room:
        raise Mismatch(
            "T015",
            f"a {border} border of {amount} for `{op.name}` needs more than {axis}:{x.size(axis)} has",
            f"at most {room} can be filled" if room else None,
        )


def equal_parts(op: Op, what: str, size: int, count: int) -> int:
    """The size of each of `count` equal parts of `size`; T016 if it does not divide."""
    if size % count:
        raise Mismatch(
            "T016",
            f"{size} {what} of `{op.name}` do not divide into {count} groups",
            f"{size} divides by {', '.join(map(str, divisors(size)))}",
        )
    return size // count


def divisors(n: int) -> list[int]:
    """The ten smallest divisors of n up to 64, so that messages stay short."""
    return [d for d in range(1, min(n, 64) + 1) if n % d == 0][:10]


def same_shapes(op: Op, types: tuple[TensorType, ...]) -> TensorType:
    """The type of tensors that must be equal in axes and sizes (T014, T026), factorisations merged."""
    first = types[0]
    needs_float(op, *types)
    same_axes(op, types)
    for t in types[1:]:
        if t is first:
            continue
        if t.batched != first.batched:
            raise Mismatch(
                "T014",
                f"`{op.name}` needs equal shapes; {first} and {t} differ in the batch axis",
                "`+` and `*` broadcast a missing batch axis",
            )
        for axis, a, b in zip(first.axes, first.sizes, t.sizes, strict=True):
            if a != b:
                raise Mismatch(
                    "T014",
                    f"`{op.name}` needs equal shapes; axis {axis} is {a} and {b}",
                    f'`concat("{axis}")` joins tensors that differ in {axis} alone',
                )
    if all([t is first or t.factors == first.factors for t in types]):
        return first
    factors = tuple(merge_factors(types, i) for i in range(first.rank))
    return TensorType(first.dtype, first.axes, first.sizes, factors, first.batched)


def same_axes(op: Op, types: tuple[TensorType, ...]) -> None:
    """T026 unless all tensors have the same axis names."""
    first = types[0]
    for t in types[1:]:
        if t.axes != first.axes:
            raise Mismatch(
                "T026",
                f"`{op.name}` needs equal axes, not {axis_list(first)} and {axis_list(t)}",
                "`as_sequence`, `as_image1d` and `as_vector` rename axes; reductions take keep=true"
                if len(t.axes) != len(first.axes)
                else "`as_sequence`, `as_image1d` and `as_vector` rename axes",
            )


def axis_list(t: TensorType) -> str:
    """The axes as a message shows them."""
    return f"({', '.join(t.axes)})"


def dim(x: TensorType, index: int) -> int:
    """The dimension of the tensor in memory for the axis at 0-based `index`."""
    return index + 1 if x.batched else index


def over_batch(x: str, rank: int, whole: str) -> str:
    """A tensor of `rank` axes without a batch, repeated over the batch of `whole`, as torch source.

    A sum with zeros: torch.fx cannot trace `expand` of a parameter to the size of an input.
    """
    return f"{x} + {whole}.new_zeros({whole}.shape[0]{', 1' * rank}, dtype={x}.dtype)"


def compact(values: tuple[int, ...]) -> str:
    """One number for all spatial axes as source text, or a tuple where they differ."""
    return str(values[0]) if len(set(values)) == 1 else str(values)
