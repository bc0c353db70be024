"""Functions of each element alone that are no activation functions by themselves."""

from __future__ import annotations

from math import pi
from typing import TYPE_CHECKING

from einsyn.ops.elementwise import Elementwise
from einsyn.ops.laws import Law

if TYPE_CHECKING:
    from einsyn.ops.lowering import OnnxContext


class Sqrt(Elementwise, name="sqrt"):
    """Square root, not a number below 0. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.sqrt; ONNX Sqrt."""

    laws = Law.NEVER_NEGATIVE
    at_zero = True
    source = "torch.sqrt({x})"
    node = "Sqrt"


class Exp(Elementwise, name="exp"):
    """`e ** x`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.exp; ONNX Exp."""

    laws = Law.NEVER_NEGATIVE
    source = "torch.exp({x})"
    node = "Exp"


class Log(Elementwise, name="log"):
    """Natural logarithm. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.log; ONNX Log."""

    source = "torch.log({x})"
    node = "Log"


class Abs(Elementwise, name="abs"):
    """Absolute value. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.abs; ONNX Abs."""

    laws = Law.HOMOGENEOUS | Law.NEVER_NEGATIVE | Law.FIXES_POSITIVE
    at_zero = True
    source = "torch.abs({x})"
    node = "Abs"


class Square(Elementwise, name="square"):
    """`x * x`. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.square; ONNX Mul."""

    laws = Law.NEVER_NEGATIVE
    at_zero = True
    source = "torch.square({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """The product with itself."""
        return ctx.node("Mul", [ctx.inputs[0], ctx.inputs[0]])


class Sin(Elementwise, name="sin"):
    """Sine. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.sin; ONNX Sin."""

    at_zero = True
    source = "torch.sin({x})"
    node = "Sin"


class Cos(Elementwise, name="cos"):
    """Cosine. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.cos; ONNX Cos."""

    source = "torch.cos({x})"
    node = "Cos"


class Sinh(Elementwise, name="sinh"):
    """Hyperbolic sine. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.sinh; ONNX Sinh."""

    at_zero = True
    source = "torch.sinh({x})"
    node = "Sinh"


class Cosh(Elementwise, name="cosh"):
    """Hyperbolic cosine. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.cosh; ONNX Cosh."""

    source = "torch.cosh({x})"
    node = "Cosh"


class Asinh(Elementwise, name="asinh"):
    """Inverse hyperbolic sine. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.asinh; ONNX Asinh."""

    at_zero = True
    source = "torch.asinh({x})"
    node = "Asinh"


class Atan(Elementwise, name="atan"):
    """Inverse tangent. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.atan; ONNX Atan."""

    at_zero = True
    source = "torch.atan({x})"
    node = "Atan"


class Erf(Elementwise, name="erf"):
    """The error function. Shapes: `... -> ...`. MACs: 0. Errors: T010. Source: torch.erf; ONNX Erf."""

    at_zero = True
    source = "torch.erf({x})"
    node = "Erf"


class Sinc(Elementwise, name="sinc"):
    """`sin(pi x) / (pi x)`, 1 at 0. Shapes: `... -> ...`. MACs: 0. Errors: T010.

    Source: an unary function of activation search (Ramachandran et al. 2017, arXiv:1710.05941), there without pi;
    torch.sinc; ONNX Sin and Div.
    """

    source = "torch.sinc({x})"

    def onnx(self, ctx: OnnxContext) -> str:
        """Sine over angle, and 1 where the angle is 0."""
        (x,), like = ctx.inputs, ctx.types[0]
        angle = ctx.node("Mul", [x, ctx.scalar(pi, like)])
        one = ctx.scalar(1.0, like)
        at_zero = ctx.node("Equal", [angle, ctx.scalar(0.0, like)])
        divisor = ctx.node("Where", [at_zero, one, angle])
        return ctx.node("Where", [at_zero, one, ctx.node("Div", [ctx.node("Sin", [angle]), divisor])])
