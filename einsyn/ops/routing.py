"""Operations that rearrange elements: permutations, windows to tokens and back, other axis names."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Final

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import AXES_OF_KIND, TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Digit, Law, each_axis
from einsyn.ops.op import Op
from einsyn.ops.rules import LARGEST, axis_list, compact, needs_batch, needs_image, per_axis, slide
from einsyn.ops.windows import patches

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (3, 9, 8))
SIGNAL = TensorType("f32", ("c", "l"), (3, 12))
GRID = TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None))
# The spatial axes that a factorisation names, and the kind of image that they make.
IMAGE_OF_FACTORS: Final[dict[tuple[str, ...], str]] = {("h", "w"): "image2d", ("l",): "image1d"}


class Permute(Op, name="permute"):
    """Sizes in another order: position p of the result has the size at position `order[p]` of the input.

    Names are roles and stay; sizes move with their factorisations. Shapes: `permute(2, 1)`: `s d -> d s`.
    Positions count from 1, without the batch. MACs: 0; the result is a view. Errors: T017 no permutation of the axes.
    Source: einspace (arXiv:2405.20838), routing; torch.permute; ONNX Transpose.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True
    order: tuple[int, ...] = attr.positions(doc="for each axis of the result the position it comes from")

    def infer(self, *types: TensorType) -> TensorType:
        """The input with its sizes moved."""
        (x,) = types
        order = self.order
        positions = range(1, len(x.sizes) + 1)
        if sorted(order) != list(positions):
            raise Mismatch(
                "T017",
                lambda: f"`{self}` does not permute the axes of {x}",
                (lambda: f"it takes each of {', '.join(map(str, positions))} once") if positions else None,
            )
        sizes, factors = x.sizes, x.factors
        return TensorType(
            x.dtype, x.axes, tuple([sizes[p - 1] for p in order]), tuple([factors[p - 1] for p in order]), x.batched
        )

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return (0,) if self.order == tuple(sorted(self.order)) else None

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def _dims(self, x: TensorType) -> list[int]:
        return [0, *self.order] if x.batched else [p - 1 for p in self.order]

    def carries(self, *types: TensorType) -> Carried:
        return tuple([(p - 1,) for p in self.order])

    def torch(self, ctx: TorchContext) -> str:
        """A call of `permute`."""
        return f"{ctx.inputs[0]}.permute({', '.join(map(str, self._dims(ctx.types[0])))})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Transpose."""
        return ctx.node("Transpose", ctx.inputs, perm=self._dims(ctx.types[0]))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Two and three axes, the identity, no batch."""
        yield cls.configure(3, 1, 2), (IMAGE,)
        yield cls.configure(2, 1), (GRID,)
        yield cls.configure(1, 2), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure(2, 1), (TensorType("f32", ("v", "d"), (5, 8), batched=False),)


class Im2col(Op, name="im2col"):
    """Each window of an image as one token; a token lists its elements channel by channel.

    Shapes: `c h w -> s d` with `s = h' * w'`, which is remembered as a product, and `d = c * kernel area`;
    `c l -> s d` likewise. `n' = floor((n + 2 padding - kernel) / stride) + 1`; zeros are padded.
    MACs: 0. Errors: T011 no image, T003 open size, T005 sizes per axis, T015 the window does not fit.
    Source: einspace (arXiv:2405.20838), routing; torch.nn.Unfold; ONNX Gather, or Reshape and Transpose.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    kernel: int | tuple[int, ...] = attr.extent(ge=1, le=LARGEST, doc="size of the window")
    stride: int | tuple[int, ...] = attr.extent(1, ge=1, le=LARGEST, doc="step of the window")
    padding: int | tuple[int, ...] = attr.extent(0, ge=0, le=LARGEST, doc="zeros on each side")

    def infer(self, *types: TensorType) -> TensorType:
        """The tokens."""
        (x,) = types
        spatial = needs_image(self, x)
        windows = self._windows(len(spatial))
        places = tuple([(axis, slide(self, x, axis, *window)) for axis, window in zip(spatial, windows, strict=True)])
        tokens, features = 1, x.size("c")
        for (_, n), (k, _, _) in zip(places, windows, strict=True):
            tokens, features = tokens * n, features * k
        return TensorType(x.dtype, ("s", "d"), (tokens, features), (places, None))

    def _windows(self, count: int) -> list[tuple[int, int, int]]:
        return list(
            zip(
                per_axis(self, "kernel", self.kernel, count),
                per_axis(self, "stride", self.stride, count),
                per_axis(self, "padding", self.padding, count),
                strict=True,
            )
        )

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def folds(self, *types: TensorType) -> Mapping[int, tuple[Digit, ...]]:
        (x,) = types
        area = prod([kernel for kernel, _, _ in self._windows(x.rank - 1)])
        return {1: (Digit(0, x.size("c")), Digit(None, area))}

    def torch(self, ctx: TorchContext) -> str:
        """A call of `unfold`, where a signal is an image of height 1; places alone are a view."""
        (x,) = ctx.inputs
        windows = self._windows(ctx.types[0].rank - 1)
        if set(windows) == {(1, 1, 0)}:
            return f"{x}.flatten(2).transpose(1, 2)"
        if len(windows) == 1:
            x, windows = f"{x}.unsqueeze(2)", [(1, 1, 0), *windows]
        kernel, stride, padding = (tuple(w[i] for w in windows) for i in range(3))
        more = "" if set(padding) == {0} else f", padding={compact(padding)}"
        more += "" if set(stride) == {1} else f", stride={compact(stride)}"
        return f"nn.functional.unfold({x}, {compact(kernel)}{more}).transpose(1, 2)"

    def onnx(self, ctx: OnnxContext) -> str:
        """The windows taken apart without arithmetic."""
        (x,) = ctx.types
        sizes = [x.size(i) for i in range(2, x.rank + 1)]
        return patches(ctx, ctx.inputs[0], x.size("c"), sizes, self._windows(x.rank - 1))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Overlapping, tiled and strided windows, tiles that leave a rest, both ranks."""
        yield cls.configure(3, 1, 1), (IMAGE,)
        yield cls.configure(3, 2, 1), (IMAGE,)
        yield cls.configure(4, 4), (IMAGE,)
        yield cls.configure(1), (IMAGE,)
        yield cls.configure(1, 2), (IMAGE,)
        yield cls.configure(1, 2, 1), (IMAGE,)
        yield cls.configure((2, 3), (1, 2), (0, 1)), (IMAGE,)
        yield cls.configure(8, 8, 0), (IMAGE,)
        yield cls.configure(3, 2, 1), (SIGNAL,)
        yield cls.configure(5, 5), (SIGNAL,)


class Col2im(Op, name="col2im"):
    """The tokens back in the grid that they came from; each token becomes the channels of one place.

    Windows are not added up: it undoes the grid of `im2col`, not its overlaps.
    Shapes: `s d -> d h w` where s remembers that it is `h * w`, `s d -> d l` where it is a line.
    MACs: 0; the result is a view. Errors: T011 no sequence, T012 no batch, T018 s is no product any more.
    Source: einspace (arXiv:2405.20838), routing; torch.Tensor.unflatten; ONNX Transpose and Reshape.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True

    def infer(self, *types: TensorType) -> TensorType:
        """The image."""
        (x,) = types
        if x.kind != "sequence":
            raise Mismatch("T011", lambda: f"`col2im` needs a sequence (axes s, d), not {x}")
        needs_batch(self, x)
        factors = x.factors[0]
        kind = IMAGE_OF_FACTORS.get(tuple(axis for axis, _ in factors)) if factors else None
        if factors is None or kind is None:
            raise Mismatch(
                "T018",
                f"`col2im` needs tokens that come from an image; axis s:{x.sizes[0]} is a plain size",
                "`im2col` makes such tokens; `linear`, `group` and `concat` along s, and a permutation that moves s, "
                "end it",
            )
        sizes = (x.sizes[1], *(n for _, n in factors))
        return TensorType(x.dtype, AXES_OF_KIND[kind], sizes, (x.factors[1], *(None,) * len(factors)))

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def carries(self, *types: TensorType) -> Carried:
        rank = self.infer(*types).rank
        return ((1,), *[(None,)] * (rank - 1))

    def torch(self, ctx: TorchContext) -> str:
        """A transposition, and an axis taken apart."""
        flipped = f"{ctx.inputs[0]}.transpose(1, 2)"
        sizes = ctx.outputs[0].sizes[1:]
        return flipped if len(sizes) == 1 else f"torch.unflatten({flipped}, 2, ({sizes[0]}, {sizes[1]}))"

    def onnx(self, ctx: OnnxContext) -> str:
        """Transpose and Reshape."""
        flipped = ctx.node("Transpose", ctx.inputs, perm=[0, 2, 1])
        sizes = [n for n in ctx.outputs[0].sizes[1:] if isinstance(n, int)]
        return flipped if len(sizes) == 1 else ctx.node("Reshape", [flipped, ctx.integers([0, 0, *sizes])])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """A grid and a line."""
        yield cls.configure(), (GRID,)
        yield cls.configure(), (TensorType("f32", ("s", "d"), (6, "D"), ((("l", 6),), None)),)


class Rename(Op):
    """The same tensor with the axis names of another kind, by position. Subclasses name the kind."""

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN
    aliases = True
    kind: str

    def infer(self, *types: TensorType) -> TensorType:
        """The input with other names; sizes and factorisations stay."""
        (x,) = types
        axes = AXES_OF_KIND[self.kind]
        if len(axes) != x.rank:
            raise Mismatch("T027", f"`{self.name}` needs {len(axes)} axes, and {axis_list(x)} are {x.rank}")
        return TensorType(x.dtype, axes, x.sizes, x.factors, x.batched)

    def is_zero(self, zeros: tuple[bool, ...]) -> bool:
        return zeros[0]

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def torch(self, ctx: TorchContext) -> tuple[str, ...]:
        """The same name."""
        return (ctx.inputs[0],)

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """The same name."""
        return (ctx.inputs[0],)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Axes of other names, with and without batch."""
        axes = ("a", "b", "e")[: len(AXES_OF_KIND[cls.kind])]
        yield cls.configure(), (TensorType("f32", axes, (4, 5, 6)[: len(axes)]),)
        yield cls.configure(), (TensorType("f32", axes, (4, 5, 6)[: len(axes)], batched=False),)


class AsSequence(Rename, name="as_sequence"):
    """Two axes renamed to s, d; no data moves. Shapes: `c l -> s d`. MACs: 0. Errors: T027. Source: einsyn."""

    kind = "sequence"


class AsImage1d(Rename, name="as_image1d"):
    """Two axes renamed to c, l; no data moves. Shapes: `s d -> c l`. MACs: 0. Errors: T027. Source: einsyn."""

    kind = "image1d"


class AsImage2d(Rename, name="as_image2d"):
    """Three axes renamed to c, h, w; no data moves.

    Shapes: `a b e -> c h w`. MACs: 0. Errors: T027. Source: einsyn.
    """

    kind = "image2d"


class AsVector(Rename, name="as_vector"):
    """One axis renamed to d; no data moves. Shapes: `s -> d`. MACs: 0. Errors: T027. Source: einsyn."""

    kind = "vector"
