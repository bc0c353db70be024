"""Activation functions: of each element alone, and softmax."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.elementwise import IMAGE, OPEN_SEQUENCE, Elementwise
from einsyn.ops.laws import Law, each_axis
from einsyn.ops.op import Op, Param
from einsyn.ops.rules import dim, needs_batch, needs_float, needs_image

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.ops.laws import Carried
    from einsyn.ops.lowering import OnnxContext, TorchContext

SEQUENCE = TensorType("f32", ("s", "d"), (30, 8), ((("h", 6), ("w", 5)), None))


class Relu(Elementwise, name="relu"):
    """`max(x, 0)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Nair & Hinton, ICML 2010; torch.relu; ONNX Relu.
    """

    laws = Law.HOMOGENEOUS | Law.NEVER_NEGATIVE | Law.FIXES_POSITIVE
    at_zero = True
    source = "torch.relu({x})"
    in_place = "nn.functional.relu({x}, inplace=True)"
    node = "Relu"


class Relu6(Elementwise, name="relu6"):
    """`min(max(x, 0), 6)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Krizhevsky 2010 (CIFAR convolutional deep belief networks); torch ReLU6; ONNX Clip.
    """

    laws = Law.NEVER_NEGATIVE
    at_zero = True
    source = "nn.functional.relu6({x})"
    # Its slope needs the input, which torch would copy while training.
    in_place = "nn.functional.relu6({x}, inplace=not self.training)"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Clip to 0..6."""
        return ctx.node("Clip", [ctx.inputs[0], ctx.scalar(0.0, ctx.types[0]), ctx.scalar(6.0, ctx.types[0])])


class LeakyRelu(Elementwise, name="leaky_relu"):
    """`x` where it is positive, `slope * x` elsewhere. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Maas, Hannun & Ng, ICML 2013; torch LeakyReLU; ONNX LeakyRelu.
    """

    laws = Law.HOMOGENEOUS | Law.KEEPS_SIGN | Law.FIXES_POSITIVE
    at_zero = True
    slope: float = attr.real(0.01, doc="factor of negative inputs")

    def torch(self, ctx: TorchContext) -> str:
        """A call of `leaky_relu`."""
        # With a negative slope the sign of the result does not tell that of the input.
        in_place = ", inplace=True" if self.slope >= 0 and ctx.may_overwrite(0) else ""
        return f"nn.functional.leaky_relu({ctx.inputs[0]}, {self.slope!r}{in_place})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A LeakyRelu."""
        return ctx.node("LeakyRelu", ctx.inputs, alpha=self.slope)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """The default and another slope."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(0.2), (OPEN_SEQUENCE,)


class Gelu(Elementwise, name="gelu"):
    """`x * Phi(x)` with the normal distribution function. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    `approximate="tanh"` is `0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x ** 3)))`.
    Source: Hendrycks & Gimpel 2016 (arXiv:1606.08415); torch GELU; ONNX Gelu (opset 20), Erf or Tanh before.
    """

    laws = Law.KEEPS_SIGN
    at_zero = True
    approximate: str = attr.text("none", one_of=("none", "tanh"), doc="the exact form, or that with a tanh")

    def torch(self, ctx: TorchContext) -> str:
        """A call of `gelu`."""
        more = "" if self.approximate == "none" else f', approximate="{self.approximate}"'
        return f"nn.functional.gelu({ctx.inputs[0]}{more})"

    def onnx(self, ctx: OnnxContext) -> str:
        """One Gelu where the opset has it, else its formula."""
        (x,) = ctx.inputs
        if ctx.opset >= 20:
            return ctx.node("Gelu", [x], approximate=self.approximate)
        like = ctx.types[0]
        if self.approximate == "none":
            curve = ctx.node("Erf", [ctx.node("Div", [x, ctx.scalar(2.0**0.5, like)])])
        else:
            cube = ctx.node("Mul", [ctx.node("Mul", [x, x]), x])
            inner = ctx.node("Add", [x, ctx.node("Mul", [cube, ctx.scalar(0.044715, like)])])
            curve = ctx.node("Tanh", [ctx.node("Mul", [inner, ctx.scalar((2 / pi) ** 0.5, like)])])
        twice = ctx.node("Mul", [x, ctx.node("Add", [curve, ctx.scalar(1.0, like)])])
        return ctx.node("Mul", [twice, ctx.scalar(0.5, like)])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Both forms."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure("tanh"), (OPEN_SEQUENCE,)


class Silu(Elementwise, name="silu"):
    """`x * sigmoid(x)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Elfwing, Uchibe & Doya 2017 (arXiv:1702.03118), "swish"; torch SiLU; ONNX Sigmoid and Mul.
    """

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "nn.functional.silu({x})"
    # As of relu6.
    in_place = "nn.functional.silu({x}, inplace=not self.training)"

    def onnx(self, ctx: OnnxContext) -> str:
        """Sigmoid times the input."""
        (x,) = ctx.inputs
        return ctx.node("Mul", [x, ctx.node("Sigmoid", [x])])


class HardSwish(Elementwise, name="hard_swish"):
    """`x * min(max(x + 3, 0), 6) / 6`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Howard et al., ICCV 2019 (MobileNetV3); torch Hardswish; ONNX HardSwish.
    """

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "nn.functional.hardswish({x})"
    # As of relu6.
    in_place = "nn.functional.hardswish({x}, inplace=not self.training)"
    node = "HardSwish"


class HardSigmoid(Elementwise, name="hard_sigmoid"):
    """`min(max(x + 3, 0), 6) / 6`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Howard et al., ICCV 2019 (MobileNetV3); torch Hardsigmoid; ONNX HardSigmoid.
    """

    laws = Law.NEVER_NEGATIVE
    source = "nn.functional.hardsigmoid({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A HardSigmoid of slope 1/6, which is not the default of ONNX."""
        return ctx.node("HardSigmoid", ctx.inputs, alpha=1 / 6, beta=0.5)


class HardTanh(Elementwise, name="hard_tanh"):
    """`min(max(x, -1), 1)`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch Hardtanh; ONNX Clip."""

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "nn.functional.hardtanh({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Clip to -1..1."""
        return ctx.node("Clip", [ctx.inputs[0], ctx.scalar(-1.0, ctx.types[0]), ctx.scalar(1.0, ctx.types[0])])


class Softplus(Elementwise, name="softplus"):
    """`log(1 + e ** x)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Dugas et al., NIPS 2000; torch Softplus; ONNX Softplus.
    """

    laws = Law.NEVER_NEGATIVE
    source = "nn.functional.softplus({x})"
    node = "Softplus"


class Softsign(Elementwise, name="softsign"):
    """`x / (1 + |x|)`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch Softsign; ONNX Softsign."""

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "nn.functional.softsign({x})"
    node = "Softsign"


class Mish(Elementwise, name="mish"):
    """`x * tanh(log(1 + e ** x))`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Misra, BMVC 2020 (arXiv:1908.08681); torch Mish; ONNX Softplus, Tanh and Mul.
    """

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "nn.functional.mish({x})"
    # As of relu6.
    in_place = "nn.functional.mish({x}, inplace=not self.training)"

    def onnx(self, ctx: OnnxContext) -> str:
        """Softplus and Tanh, times the input."""
        (x,) = ctx.inputs
        return ctx.node("Mul", [x, ctx.node("Tanh", [ctx.node("Softplus", [x])])])


class Selu(Elementwise, name="selu"):
    """`1.0507 x` where x is positive, `1.0507 * 1.6733 (e ** x - 1)` elsewhere. Shapes: `... -> ...`. MACs: 0.

    Errors: T010. Source: Klambauer et al., NeurIPS 2017 (arXiv:1706.02515); torch SELU; ONNX Selu.
    """

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "nn.functional.selu({x})"
    node = "Selu"


class Alpha(Elementwise):
    """A rectifier that goes to `-alpha` far below 0."""

    at_zero = True
    alpha: float = attr.real(1.0, gt=0, doc="where it goes far below 0, negated")

    def torch(self, ctx: TorchContext) -> str:
        """A call of the function of that name."""
        return f"nn.functional.{self.name}({ctx.inputs[0]}, {self.alpha!r})"

    def onnx(self, ctx: OnnxContext) -> str:
        """The node, with its attribute."""
        return ctx.node(self.node, ctx.inputs, alpha=self.alpha)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """The default and another alpha."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(0.5), (OPEN_SEQUENCE,)


class Elu(Alpha, name="elu"):
    """`x` where it is positive, `alpha (e ** x - 1)` elsewhere. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Clevert, Unterthiner & Hochreiter, ICLR 2016 (arXiv:1511.07289); torch ELU; ONNX Elu.
    """

    laws = Law.KEEPS_SIGN | Law.FIXES_POSITIVE
    node = "Elu"


class Celu(Alpha, name="celu"):
    """`x` where it is positive, `alpha (e ** (x / alpha) - 1)` elsewhere. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Barron 2017 (arXiv:1704.07483); torch CELU; ONNX Celu.
    """

    laws = Law.KEEPS_SIGN | Law.FIXES_POSITIVE
    node = "Celu"


class Prelu(Op, name="prelu"):
    """`x` where it is positive, `weight * x` elsewhere, with a learned factor.

    Shapes: `... -> ...`; with `per_channel` `c h w -> c h w` and `c l -> c l`, spatial sizes may be open.
    Parameters: `weight`, one number or one for each channel, 0.25 at first. MACs: 0.
    Errors: T003 open number of channels, T010 integers, T011 no image.
    Source: He et al., ICCV 2015 (arXiv:1502.01852); torch.nn.PReLU; ONNX PRelu.
    """

    laws = Law.HOMOGENEOUS | Law.FIXES_POSITIVE | Law.KEEPS_SIGN
    per_channel: bool = attr.boolean(False, doc="whether each channel has a factor of its own")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        needs_batch(self, x)
        if self.per_channel:
            needs_image(self, x)
            x.size("c")
        return x

    def params(self, *types: TensorType) -> Mapping[str, Param]:
        """The factors."""
        return {"weight": Param((types[0].size("c") if self.per_channel else 1,), "constant 0.25")}

    def carries(self, *types: TensorType) -> Carried:
        return each_axis(types[0].rank)

    def along(self, *types: TensorType) -> Mapping[str, tuple[int, ...]]:
        return {"weight": (0,)} if self.per_channel else {}

    def fixing(self, *types: TensorType) -> Mapping[str, float] | None:
        return {"weight": 1}

    def torch(self, ctx: TorchContext) -> str:
        """A PReLU."""
        count = str(ctx.types[0].size("c")) if self.per_channel else ""
        return f"{ctx.layer(f'nn.PReLU({count})')}({ctx.inputs[0]})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A PRelu, whose factors broadcast."""
        factors = ctx.weight("weight")
        if self.per_channel:
            (x,) = ctx.types
            factors = ctx.node("Reshape", [factors, ctx.integers([x.size("c"), *(1 for _ in x.axes[1:])])])
        return ctx.node("PRelu", [ctx.inputs[0], factors])

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One factor, and one for each channel on both ranks."""
        yield cls.configure(), (OPEN_SEQUENCE,)
        yield cls.configure(per_channel=True), (IMAGE,)
        yield cls.configure(True), (TensorType("f32", ("c", "l"), (3, "L")),)


class Tanh(Elementwise, name="tanh"):
    """Hyperbolic tangent. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.tanh; ONNX Tanh."""

    laws = Law.KEEPS_SIGN
    at_zero = True
    source = "torch.tanh({x})"
    node = "Tanh"


class Sigmoid(Elementwise, name="sigmoid"):
    """`1 / (1 + exp(-x))`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.sigmoid; ONNX Sigmoid."""

    laws = Law.NEVER_NEGATIVE
    source = "torch.sigmoid({x})"
    node = "Sigmoid"


class Softmax(Op, name="softmax"):
    """`exp(x) / sum(exp(x))` along one axis, the last by default.

    Shapes: `... -> ...`; the axis may have an open size. MACs: 0. Errors: T002, T010.
    Source: Bridle 1989; torch.softmax; ONNX Softmax (opset 13).
    """

    laws = Law.NEVER_NEGATIVE
    axis: int | str = attr.axis(-1, doc="the axis that sums to 1")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        x.axis(self.axis)
        return x

    def carries(self, *types: TensorType) -> Carried:
        (x,) = types
        return each_axis(x.rank, without=(x.axis(self.axis),))

    def torch(self, ctx: TorchContext) -> str:
        """The method `softmax`."""
        return f"{ctx.inputs[0]}.softmax({self._dim(ctx.types)})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Softmax."""
        return ctx.node("Softmax", ctx.inputs, axis=self._dim(ctx.types))

    def _dim(self, types: tuple[TensorType, ...]) -> int:
        return dim(types[0], types[0].axis(self.axis))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """By position and by name."""
        yield cls.configure(), (SEQUENCE,)
        yield cls.configure("c"), (IMAGE,)
        yield cls.configure("s"), (OPEN_SEQUENCE,)
