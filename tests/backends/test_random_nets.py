"""Random graphs of operations whose type rules accept each other: torch and onnxruntime must agree."""

from __future__ import annotations

from itertools import product

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_graphs import Builder, shape

from einsyn.backends.onnx_model import build_onnx
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.backends.verify import check_onnx, random_inputs, verify
from einsyn.ir.graph import Graph
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.parse_type import parse_type
from einsyn.ir.text import print_graph
from einsyn.ir.verify import verify_graph
from einsyn.ops import OPS, Op

STARTS = ["c:3,h:8,w:8", "c:4,h:6,w:9", "c:2,l:24", "s:6,d:8", "s:T,d:8", "f32[B, s:4*3, d:4]", "d:12", "s:8,d:8"]
# Small, and without functions that turn rounding into large differences.
POOL: list[Op] = [
    *(OPS[name].configure() for name in ("identity", "zero", "relu", "leaky_relu", "gelu", "silu", "tanh", "sigmoid")),
    *(
        OPS[name].configure()
        for name in ("relu6", "hard_swish", "abs", "negate", "softmax", "layer_norm", "batch_norm")
    ),
    *(OPS[name].configure() for name in ("positional_encoding", "col2im", "as_sequence", "as_image1d", "as_image2d")),
    *(OPS["linear"].configure(n) for n in (4, 8)),
    OPS["linear"].configure(6, axis=1, bias=False),
    OPS["conv"].configure(4, 3),
    OPS["conv"].configure(6, 3, 2, bias=False),
    OPS["conv"].configure(4, 1, groups=2),
    OPS["max_pool"].configure(2),
    OPS["max_pool"].configure(3, 2, 1),
    OPS["avg_pool"].configure(3, 1, 1, False),
    OPS["softmax"].configure(1),
    *(OPS["clone"].configure(n) for n in (2, 4)),
    *(OPS["group"].configure(n, axis) for n in (2, 4) for axis in (1, 2, 3)),
    *(OPS["permute"].configure(*order) for order in ((2, 1), (1, 3, 2), (2, 1, 3), (2, 3, 1), (3, 1, 2), (3, 2, 1))),
    *(OPS["im2col"].configure(*w) for w in ((1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (4, 4, 0))),
    *(OPS["mean"].configure(axes, keep) for axes in ("s", "c", ("h", "w"), -1) for keep in (False, True)),
    OPS["max"].configure(1, True),
    OPS["var"].configure(-1, True),
    OPS["affine"].configure(0.5, -1.0),
    OPS["at_least"].configure(0.1),
    *(OPS[name].configure() for name in ("add", "multiply", "plus", "minus", "times", "maximum")),
    *(OPS["concat"].configure(axis) for axis in (1, 2, 3)),
    *(OPS[name].configure() for name in ("dot_product", "scaled_dot_product")),
    OPS["attention"].configure(2),
    OPS["attention"].configure(causal=True),
]
LARGEST = 2000


def arities(op: Op) -> tuple[int, ...]:
    return (op.arity,) if op.arity is not None else (2, 3)


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """A graph of up to ten operations; each takes recent values that its type rule accepts."""
    builder = Builder(x=parse_type(draw(st.sampled_from(STARTS))))
    for _ in range(draw(st.integers(1, 10))):
        recent = range(max(0, len(builder.types) - 4), len(builder.types))
        fitting: list[tuple[Op, tuple[int, ...]]] = []
        for op in POOL:
            for values in (v for n in arities(op) for v in product(recent, repeat=n)):
                if values[-1] != recent[-1]:
                    continue
                try:
                    signature = op.signature(tuple(builder.types[v] for v in values))
                except Mismatch:
                    continue
                if all(0 < t.elements <= LARGEST for t in signature.outputs):
                    fitting.append((op, values))
                    break
        op, values = draw(st.sampled_from(fitting))
        builder.apply(op, *values)
    last = len(builder.types) - 1
    unused = set(range(last + 1)) - {v for o in builder.operations for v in o.inputs}
    return builder.graph(*sorted(unused | {last}))


@settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(graphs())
def test_random_graphs_agree(graph: Graph) -> None:
    verify_graph(graph)
    assert parse_graph(print_graph(graph)) == graph
    source = write_source(graph)
    module = build_module(source)
    assert sum(p.numel() for p in module.parameters()) == graph.params
    model = build_onnx(graph, module.state_dict(), source.keys)
    check_onnx(model)
    import torch

    (x,) = random_inputs(model, 3).values()
    computed = module.eval()(torch.from_numpy(x))
    outputs = computed if isinstance(computed, tuple) else (computed,)
    open_size = x.shape[1] if "T" in graph.types[0].sizes else None
    for tensor, value in zip(outputs, graph.outputs, strict=True):
        t = graph.types[value]
        expected = [3, *(open_size if n == "T" else n for n in t.sizes)]
        assert list(tensor.shape) == expected
        assert len(shape(t)) == tensor.dim()
    outcome = verify(module, model)
    assert outcome.verified or outcome.unstable, outcome
