"""Moments that normalisations divide by: of groups of channels, and of whole batches with running averages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Final

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.op import Op, Param
from einsyn.ops.reduction import Var, reduce
from einsyn.ops.rules import equal_parts, needs_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.lowering import OnnxContext, TorchContext

IMAGE = TensorType("f32", ("c", "h", "w"), (4, 6, 5))
OPEN_IMAGE = TensorType("f32", ("c", "h", "w"), (4, "H", "W"))
SIGNAL = TensorType("f32", ("c", "l"), (6, 7))

BATCH_MEAN: Final = '''\
def batch_mean(
    x: torch.Tensor,
    dims: tuple[int, ...],
    running: torch.Tensor,
    momentum: float,
    training: bool,
) -> torch.Tensor:
    """The mean over dims while training, when `running` moves towards it; `running` afterwards."""
    if not training:
        return running
    mean = x.mean(dims, keepdim=True)[0]
    running.lerp_(mean.detach().to(running.dtype), momentum)
    return mean
'''
BATCH_VAR: Final = '''\
def batch_var(
    x: torch.Tensor,
    dims: tuple[int, ...],
    running: torch.Tensor,
    momentum: float,
    training: bool,
) -> torch.Tensor:
    """The variance over dims while training, when `running` moves towards the unbiased one; `running` afterwards."""
    if not training:
        return running
    variance = x.var(dims, correction=0, keepdim=True)[0]
    count = x.numel() // x.shape[1]
    unbiased = variance.detach() * count / (count - (count > 1))
    running.lerp_(unbiased.to(running.dtype), momentum)
    return variance
'''


class GroupMoment(Op, ABC):
    """A moment of each group of channels over its channels and places, given to every channel of the group."""

    groups: int = attr.integer(ge=1, doc="equal parts of the channels")

    method: ClassVar[str]

    def infer(self, *types: TensorType) -> TensorType:
        """One number for each channel; spatial sizes may be open before."""
        (x,) = types
        spatial = needs_image(self, x)
        equal_parts(self, "channels", x.size("c"), self.groups)
        return TensorType(x.dtype, x.axes, (x.size("c"), *(1 for _ in spatial)))

    def torch(self, ctx: TorchContext) -> str:
        """The moment of each group, repeated for its channels."""
        (x,) = ctx.types
        each = x.size("c") // self.groups
        dims = ", ".join(str(i) for i in range(2, x.rank + 2))
        parted = f"torch.unflatten({ctx.inputs[0]}, 1, ({self.groups}, {each}))"
        moment = f"{parted}.{self.method.format(dims=dims)}"
        return f"{moment}.repeat_interleave({each}, 1)[:, :{', None' * (x.rank - 1)}]"

    def onnx(self, ctx: OnnxContext) -> str:
        """The moment of each row of `[B, groups, rest]`, expanded to the channels of the group."""
        (x,) = ctx.types
        channels = x.size("c")
        rows = ctx.node("Reshape", [ctx.inputs[0], ctx.integers([0, self.groups, -1])])
        each = ctx.node("Expand", [self.moment(ctx, rows), ctx.integers([1, 1, channels // self.groups])])
        return ctx.node("Reshape", [each, ctx.integers([0, channels, *(1 for _ in x.axes[1:])])])

    @abstractmethod
    def moment(self, ctx: OnnxContext, rows: str) -> str:
        """Emit the moment of the last of three axes, which stays with size 1."""

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, one group and one for each channel, open sizes."""
        yield cls.configure(2), (IMAGE,)
        yield cls.configure(1), (OPEN_IMAGE,)
        yield cls.configure(4), (IMAGE,)
        yield cls.configure(3), (SIGNAL,)


class GroupMean(GroupMoment, name="group_mean"):
    """The mean of each group of channels over its channels and places, for every channel of the group.

    Shapes: `c h w -> c 1 1` and `c l -> c 1`, which broadcast against the input; spatial sizes may be open before.
    MACs: 0. Errors: T003 open number of channels, T011 no image, T016 channels do not divide into groups.
    Source: Wu & He, ECCV 2018 (arXiv:1803.08494); torch.mean; ONNX ReduceMean.
    """

    method = "mean(({dims}))"

    def moment(self, ctx: OnnxContext, rows: str) -> str:
        """A ReduceMean."""
        return reduce(ctx, "ReduceMean", rows, [2], True)


class GroupVar(GroupMoment, name="group_var"):
    """The population variance of each group of channels over its channels and places, for every channel of the group.

    Shapes: `c h w -> c 1 1` and `c l -> c 1`, which broadcast against the input; spatial sizes may be open before.
    MACs: 0. Errors: T003 open number of channels, T011 no image, T016 channels do not divide into groups.
    Source: Liu et al., NeurIPS 2020 (EvoNorm-S0, arXiv:2004.02967); torch.var with correction 0; ONNX ReduceMean.
    """

    method = "var(({dims}), correction=0)"

    def moment(self, ctx: OnnxContext, rows: str) -> str:
        """The mean of squared differences from the mean."""
        return Var.of(ctx, rows, [2], True)


class BatchMoment(Op):
    """A moment of each channel over the batch and all places; a running average of it once training ends."""

    momentum: float = attr.real(0.1, ge=0, le=1, doc="weight of the newest batch in the running average")

    init: ClassVar[str]

    def infer(self, *types: TensorType) -> TensorType:
        """One number for each channel, without a batch axis; spatial sizes may be open before."""
        (x,) = types
        spatial = needs_image(self, x)
        return TensorType(x.dtype, x.axes, (x.size("c"), *(1 for _ in spatial)), batched=False)

    def buffers(self, *types: TensorType) -> Mapping[str, Param]:
        """The running average."""
        (x,) = types
        return {"running": Param((x.size("c"), *(1 for _ in x.axes[1:])), self.init)}

    def torch(self, ctx: TorchContext) -> str:
        """A call of the function."""
        dims = (0, *range(2, ctx.types[0].rank + 1))
        return f"{self.name}({ctx.inputs[0]}, {dims}, {ctx.parameter('running')}, {self.momentum!r}, self.training)"

    def onnx(self, ctx: OnnxContext) -> tuple[str, ...]:
        """The running average."""
        return (ctx.weight("running"),)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both ranks, another momentum, open sizes."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(0.01), (OPEN_IMAGE,)
        yield cls.configure(), (SIGNAL,)


class BatchMean(BatchMoment, name="batch_mean"):
    """The mean of each channel over the batch and all places: what `batch_norm` subtracts.

    While training it is that of the batch, afterwards a running average, which starts at 0.
    Shapes: `c h w -> c 1 1` and `c l -> c 1`, without a batch axis; spatial sizes may be open before.
    Buffers: `running`, one number for each channel. MACs: 0. Errors: T003 open number of channels, T011 no image.
    Source: Ioffe & Szegedy, ICML 2015; torch.mean; an ONNX initializer.
    """

    functions: ClassVar[Mapping[str, str]] = {"batch_mean": BATCH_MEAN}
    init = "zeros"


class BatchVar(BatchMoment, name="batch_var"):
    """The population variance of each channel over the batch and all places: what `batch_norm` divides by.

    While training it is that of the batch; afterwards a running average, which starts at 1 and collects, as torch's
    batch normalisation does, the unbiased variance.
    Shapes: `c h w -> c 1 1` and `c l -> c 1`, without a batch axis; spatial sizes may be open before.
    Buffers: `running`, one number for each channel. MACs: 0. Errors: T003 open number of channels, T011 no image.
    Source: Ioffe & Szegedy, ICML 2015; torch.var; an ONNX initializer.
    """

    functions: ClassVar[Mapping[str, str]] = {"batch_var": BATCH_VAR}
    init = "ones"
