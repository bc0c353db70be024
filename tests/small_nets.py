"""Networks that tests of the backends run."""

from __future__ import annotations

from small_graphs import Builder

from einsyn.ir.graph import Graph
from einsyn.ir.parse_type import parse_type
from einsyn.ir.types import TensorType
from einsyn.ops import OPS


def classifier() -> Graph:
    """Convolution, normalisation, a residual block, patches, attention and a head."""
    builder = Builder(image=parse_type("c:3,h:16,w:16"))
    (x,) = builder.apply(OPS["conv"].configure(8, 3, bias=False), 0)
    (x,) = builder.apply(OPS["batch_norm"].configure(), x)
    a, b = builder.apply(OPS["clone"].configure(2), x)
    (a,) = builder.apply(OPS["relu"].configure(), a)
    (a,) = builder.apply(OPS["conv"].configure(8, 3), a)
    (x,) = builder.apply(OPS["add"].configure(), a, b)
    (x,) = builder.apply(OPS["im2col"].configure(4, 4), x)
    (x,) = builder.apply(OPS["linear"].configure(16), x)
    (x,) = builder.apply(OPS["positional_encoding"].configure(), x)
    (x,) = builder.apply(OPS["layer_norm"].configure(), x)
    (x,) = builder.apply(OPS["attention"].configure(2), x, x, x)
    (x,) = builder.apply(OPS["gelu"].configure(), x)
    (x,) = builder.apply(OPS["mean"].configure(["s"]), x)
    return builder.graph(*builder.apply(OPS["linear"].configure(10), x))


def language_model() -> Graph:
    """Tokens of any number, a table used for input and output, and a class token."""
    builder = Builder(tokens=parse_type("i64[B, t:T]"))
    (table,) = builder.apply(OPS["weight"].configure(v=20, d=8))
    (x,) = builder.apply(OPS["take"].configure(), table, 0)
    (y,) = builder.apply(OPS["linear"].configure(8), x, owner=7)
    (y,) = builder.apply(OPS["linear"].configure(8), y, owner=7)
    (turned,) = builder.apply(OPS["permute"].configure(2, 1), table)
    (logits,) = builder.apply(OPS["dot_product"].configure(), y, turned)
    (pooled,) = builder.apply(OPS["mean"].configure("s"), y)
    return builder.graph(logits, pooled)


def deep(operations: int) -> Graph:
    """A long chain whose outputs stay finite."""
    builder = Builder(x=parse_type("s:4,d:4"))
    steps = [OPS["linear"].configure(4), OPS["tanh"].configure(), OPS["permute"].configure(2, 1)]
    value = 0
    for i in range(operations):
        (value,) = builder.apply(steps[i % len(steps)], value)
    return builder.graph(value)


def branches(count: int) -> Graph:
    """A sum of many branches, each of which is needed until the end."""
    builder = Builder(x=TensorType("f32", ("d",), (4,)))
    values = [builder.apply(OPS["linear"].configure(4), 0)[0] for _ in range(count)]
    return builder.graph(*builder.apply(OPS["add"].configure(), *values))
