"""What acts while a network is trained and is the identity afterwards, and in ONNX."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.laws import Law, each_axis
from einsyn.ops.op import Op
from einsyn.ops.rules import needs_batch, needs_float, needs_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 6, 5))
OPEN_SEQUENCE = TensorType("f32", ("s", "d"), ("T", 8))


# `shape` is the batch and ones: tracers do not tell how many axes a tensor has.
DROP_PATH: Final = '''
def drop_path(
    x: torch.Tensor,
    shape: tuple[int, ...],
    p: float,
    training: bool,
) -> torch.Tensor:
    """Each example zero with probability p while training, the others scaled."""
    if not training:
        return x
    return x * nn.functional.dropout(x.new_ones(shape), p)
'''

DROP_BLOCK: Final = '''
def drop_block(x: torch.Tensor, p: float, size: int, training: bool) -> torch.Tensor:
    """Squares of each channel zero while training, each centred on a place with probability p."""
    if not training:
        return x
    centres = (torch.rand_like(x) < p).to(x.dtype)
    kept = 1 - nn.functional.max_pool2d(centres, size, 1, size // 2)
    return x * kept * (kept.numel() / kept.sum().clamp(min=1))
'''


class TrainOnly(Op):
    """Random noise on its input while training; otherwise, and with `p=0`, the input itself."""

    aliases = True
    repeatable = False
    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN | Law.FIXES_ALL
    p: float = attr.real(0.5, ge=0, le=1, doc="the probability of being dropped")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        needs_batch(self, x)
        return x

    def passes(self, *types: TensorType) -> tuple[int, ...] | None:
        return None if self.p else (0,)

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """No node."""
        return (ctx.inputs[0],)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """An image, a sequence, a probability, none."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(0.1), (OPEN_SEQUENCE,)
        yield cls.configure(0.0), (IMAGE,)


class Dropout(TrainOnly, name="dropout"):
    """Each element zero with probability p and divided by `1 - p` else, while training; the identity afterwards.

    Shapes: `... -> ...`. MACs: 0. Errors: T010 integers, T012 no batch axis.
    Source: Srivastava et al., JMLR 2014; torch.nn.functional.dropout; no ONNX node.
    """

    def torch(self, ctx: TorchContext) -> str:
        """A call of `dropout` that knows whether the module is being trained."""
        return f"nn.functional.dropout({ctx.inputs[0]}, {self.p!r}, self.training)"


class DropPath(TrainOnly, name="drop_path"):
    """Each example zero with probability p and divided by `1 - p` else, while training: stochastic depth.

    Put before the sum of a residual branch. Shapes: `... -> ...`. MACs: 0. Errors: T010 integers, T012 no batch axis.
    Source: Huang et al., ECCV 2016 (arXiv:1603.09382); torch.nn.functional.dropout of ones; no ONNX node.
    """

    functions: ClassVar[Mapping[str, str]] = {"drop_path": DROP_PATH}

    def torch(self, ctx: TorchContext) -> str:
        """A product with one dropped number for each example."""
        (x,) = ctx.inputs
        shape = f"({x}.shape[0]{', 1' * ctx.types[0].rank})"
        return f"drop_path({x}, {shape}, {self.p!r}, self.training)"


class DropBlock(TrainOnly, name="drop_block"):
    """Squares of `size` places of each channel zero while training, the rest scaled to keep the sum of the mask.

    A square is dropped around a place with probability `p / size ** 2`, so that each place goes with about p.
    Shapes: images `c h w`. MACs: 0. Errors: T011 no image of two axes, T012 no batch axis, T013 an even size.
    Source: Ghiasi et al., NeurIPS 2018 (arXiv:1810.12890), centres anywhere; torch max_pool2d of a random mask; no
    ONNX node.
    """

    functions: ClassVar[Mapping[str, str]] = {"drop_block": DROP_BLOCK}
    p: float = attr.real(0.1, ge=0, le=1, doc="the part of the places that is dropped")
    size: int = attr.integer(7, ge=1, doc="the side of a square, odd")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        if len(needs_image(self, x)) != 2:
            raise Mismatch("T011", f"`drop_block` needs an image with axes c, h, w, not {x}")
        if self.size % 2 == 0:
            raise Mismatch("T013", f"`drop_block` needs an odd size, not {self.size}")
        return x

    def torch(self, ctx: TorchContext) -> str:
        """A mask from a maximum over random centres."""
        return f"drop_block({ctx.inputs[0]}, {self.p / self.size**2!r}, {self.size}, self.training)"

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Two sizes and probabilities."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(0.5, 3), (IMAGE,)
