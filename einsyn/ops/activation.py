"""Functions of each element alone, and softmax."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.elementwise import IMAGE, OPEN_SEQUENCE, Elementwise
from einsyn.ops.op import Op
from einsyn.ops.rules import dim, needs_float

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.lowering import OnnxContext, TorchContext

SEQUENCE = TensorType("f32", ("s", "d"), (30, 8), ((("h", 6), ("w", 5)), None))


class Relu(Elementwise, name="relu"):
    """`max(x, 0)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Nair & Hinton, ICML 2010; torch.relu; ONNX Relu.
    """

    source = "torch.relu({x})"
    node = "Relu"


class Relu6(Elementwise, name="relu6"):
    """`min(max(x, 0), 6)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Krizhevsky 2010 (CIFAR convolutional deep belief networks); torch ReLU6; ONNX Clip.
    """

    source = "nn.functional.relu6({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A Clip to 0..6."""
        return ctx.node("Clip", [ctx.inputs[0], ctx.scalar(0.0, ctx.types[0]), ctx.scalar(6.0, ctx.types[0])])


class LeakyRelu(Elementwise, name="leaky_relu"):
    """`x` where it is positive, `slope * x` elsewhere. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Maas, Hannun & Ng, ICML 2013; torch LeakyReLU; ONNX LeakyRelu.
    """

    slope: float = attr.real(0.01, doc="factor of negative inputs")

    def torch(self, ctx: TorchContext) -> str:
        """A call of `leaky_relu`."""
        return f"nn.functional.leaky_relu({ctx.inputs[0]}, {self.slope!r})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A LeakyRelu."""
        return ctx.node("LeakyRelu", ctx.inputs, alpha=self.slope)

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """The default and another slope."""
        yield cls.configure(), (IMAGE,)
        yield cls.configure(0.2), (OPEN_SEQUENCE,)


class Gelu(Elementwise, name="gelu"):
    """`x * Phi(x)` with the normal distribution function, exact form. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Hendrycks & Gimpel 2016 (arXiv:1606.08415); torch GELU; ONNX Gelu (opset 20), Erf before.
    """

    source = "nn.functional.gelu({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """One Gelu where the opset has it, else `0.5 x (1 + erf(x / sqrt 2))`."""
        (x,) = ctx.inputs
        if ctx.opset >= 20:
            return ctx.node("Gelu", [x])
        like = ctx.types[0]
        erf = ctx.node("Erf", [ctx.node("Div", [x, ctx.scalar(2.0**0.5, like)])])
        twice = ctx.node("Mul", [x, ctx.node("Add", [erf, ctx.scalar(1.0, like)])])
        return ctx.node("Mul", [twice, ctx.scalar(0.5, like)])


class Silu(Elementwise, name="silu"):
    """`x * sigmoid(x)`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Elfwing, Uchibe & Doya 2017 (arXiv:1702.03118), "swish"; torch SiLU; ONNX Sigmoid and Mul.
    """

    source = "nn.functional.silu({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """Sigmoid times the input."""
        (x,) = ctx.inputs
        return ctx.node("Mul", [x, ctx.node("Sigmoid", [x])])


class HardSwish(Elementwise, name="hard_swish"):
    """`x * min(max(x + 3, 0), 6) / 6`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Howard et al., ICCV 2019 (MobileNetV3); torch Hardswish; ONNX HardSwish.
    """

    source = "nn.functional.hardswish({x})"
    node = "HardSwish"


class HardSigmoid(Elementwise, name="hard_sigmoid"):
    """`min(max(x + 3, 0), 6) / 6`. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: Howard et al., ICCV 2019 (MobileNetV3); torch Hardsigmoid; ONNX HardSigmoid.
    """

    source = "nn.functional.hardsigmoid({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """A HardSigmoid of slope 1/6, which is not the default of ONNX."""
        return ctx.node("HardSigmoid", ctx.inputs, alpha=1 / 6, beta=0.5)


class Tanh(Elementwise, name="tanh"):
    """Hyperbolic tangent. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.tanh; ONNX Tanh."""

    source = "torch.tanh({x})"
    node = "Tanh"


class Sigmoid(Elementwise, name="sigmoid"):
    """`1 / (1 + exp(-x))`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.sigmoid; ONNX Sigmoid."""

    source = "torch.sigmoid({x})"
    node = "Sigmoid"


class Sqrt(Elementwise, name="sqrt"):
    """Square root, not a number below 0. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.sqrt; ONNX Sqrt."""

    source = "torch.sqrt({x})"
    node = "Sqrt"


class Exp(Elementwise, name="exp"):
    """`e ** x`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.exp; ONNX Exp."""

    source = "torch.exp({x})"
    node = "Exp"


class Log(Elementwise, name="log"):
    """Natural logarithm. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.log; ONNX Log."""

    source = "torch.log({x})"
    node = "Log"


class Abs(Elementwise, name="abs"):
    """Absolute value. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.abs; ONNX Abs."""

    source = "torch.abs({x})"
    node = "Abs"


class Softmax(Op, name="softmax"):
    """`exp(x) / sum(exp(x))` along one axis, the last by default.

    Shapes: `... -> ...`; the axis may have an open size. MACs: 0. Errors: T002, T010.
    Source: Bridle 1989; torch.softmax; ONNX Softmax (opset 13).
    """

    axis: int | str = attr.axis(-1, doc="the axis that sums to 1")

    def infer(self, *types: TensorType) -> TensorType:
        """The type of the input."""
        (x,) = types
        needs_float(self, x)
        x.axis(self.axis)
        return x

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
