"""The primitives. Importing this package registers every built-in operation."""

from einsyn.ops import (
    activation,
    arithmetic,
    attention,
    convolution,
    linear,
    moments,
    normalisation,
    pooling,
    position,
    product,
    reduction,
    routing,
    structure,
    weight,
)
from einsyn.ops.op import OPS, Op, Param, Signature

__all__ = [
    "OPS",
    "Op",
    "Param",
    "Signature",
    "activation",
    "arithmetic",
    "attention",
    "convolution",
    "linear",
    "moments",
    "normalisation",
    "pooling",
    "position",
    "product",
    "reduction",
    "routing",
    "structure",
    "weight",
]
