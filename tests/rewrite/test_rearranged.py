"""Rearrangements one after the other are one, whatever their patterns are."""

from __future__ import annotations

from math import prod

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from small_graphs import Builder
from small_spaces import net

from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.graph import Graph
from einsyn.ir.types import TensorType
from einsyn.ops.rearrange import Rearrange
from einsyn.rewrite import rewrite
from einsyn.rewrite.rules import DEFAULT
from einsyn.testing.space_contract import check_rewritten

SIZES = (1, 2, 3, 4, 6, 12)


@st.composite
def rearrangements(draw: st.DrawFn, x: TensorType) -> Rearrange:
    """A pattern for a type: each axis split into up to three parts, all parts moved and joined anyhow."""
    names = iter("abcdefghijklmnopqrstuvwxyz")
    before: list[str] = []
    sizes: dict[str, int] = {}
    parts: list[str] = []
    for size in x.sizes:
        assert isinstance(size, int)
        cuts = [n for n in (draw(st.sampled_from(SIZES)) for _ in range(draw(st.integers(0, 2))))]
        while cuts and size % prod(cuts):
            cuts.pop()
        own = [next(names) for _ in range(len(cuts) + 1)]
        sizes |= dict(zip(own, cuts, strict=False))
        before.append(f"({' '.join(own)})" if len(own) > 1 else own[0])
        parts += own
    moved = parts if draw(st.booleans()) else draw(st.permutations(parts))
    ends = sorted({*draw(st.lists(st.integers(1, len(moved)), max_size=3)), len(moved)})
    after = [moved[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    text = " ".join(
        f"{axis}:{own[0]}" if len(own) == 1 else f"{axis}:({' '.join(own)})"
        for axis, own in zip("csdl", after, strict=False)
    )
    made = Rearrange.configure(pattern=f"{' '.join(before)} -> {text}", names=tuple(sizes), sizes=tuple(sizes.values()))
    assert isinstance(made, Rearrange)
    return made


@st.composite
def chains(draw: st.DrawFn) -> Graph:
    """Two or three rearrangements of a tensor with or without a batch."""
    axes = ("c", "h", "w")[: draw(st.integers(1, 3))]
    sizes = tuple(draw(st.sampled_from(SIZES)) for _ in axes)
    builder = Builder(x=TensorType("f32", axes, sizes))
    value = 0
    for _ in range(draw(st.integers(2, 3))):
        (value,) = builder.apply(draw(rearrangements(builder.types[value])), value)
    return builder.graph(value)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(chains())
def test_any_two_are_the_one_that_they_become(graph: Graph) -> None:
    """The type, the elements, and so the gradients, of what moves elements and does nothing else."""
    after = rewrite(graph, DEFAULT).graph
    assume(after is not graph)
    assert [after.types[v] for v in after.outputs] == [graph.types[v] for v in graph.outputs]
    (t,) = [graph.types[v] for _, v in graph.inputs]
    x = torch.arange(3 * prod(t.sizes), dtype=torch.float32).reshape(3, *t.sizes)  # type: ignore[arg-type]
    wanted, given = (build_module(write_source(g))(x) for g in (graph, after))
    assert torch.equal(wanted, given)


def test_most_pairs_become_one() -> None:
    """Only parts that cross one another, and what an axis remembers, are in the way."""
    fired: list[bool] = []

    @settings(max_examples=200, deadline=None, derandomize=True, database=None)
    @given(chains())
    def count(graph: Graph) -> None:
        fired.append("rearrange-twice" in rewrite(graph, DEFAULT).fired)

    count()
    assert sum(fired) > 0.3 * len(fired)


TOKENS = "//@ input x f32[B, s:12, d:8]\n"


@pytest.mark.parametrize(
    ("expression", "ops"),
    [
        # What the axis remembers is new, so its type is; nothing is computed.
        (
            'rearrange("a s d -> t:(a s) d")(rearrange("(a s) d -> a s d", a=6)(x))',
            ['rearrange("(a s) d -> t:(a s) d:d", a=6)'],
        ),
        (
            'rearrange("a s d -> s:a d:d e:s")(rearrange("(a s) d -> a s d", a=6)(x))',
            ['rearrange("(s e) d -> s:s d:d e:e", s=6)'],
        ),
        ('rearrange("a b -> s:b d:a")(rearrange("s d -> a:d b:s")(x))', []),
        (
            'rearrange("e n -> s:n d:e")(rearrange("a b n -> e:(a b) n")(rearrange("n (a b) -> a b n", a=2)(x)))',
            ['rearrange("s (a b) -> s:s d:(a b)", a=2)'],
        ),
        # 2 x 6 and 4 x 3 cross one another.
        (
            'rearrange("(a s) d -> a s d", a=4)(rearrange("(a s) d -> t:(s a) d", a=6)(x))',
            ['rearrange("(a s) d -> t:(s a) d", a=6)', 'rearrange("(a s) d -> a s d", a=4)'],
        ),
    ],
)
def test_pairs_and_chains(expression: str, ops: list[str]) -> None:
    architecture = net(f"define net()(x) = {expression}", TOKENS)
    check_rewritten(architecture)
    assert [str(o.op) for o in architecture.rewritten.graph.operations] == ops


def test_what_moves_nothing_is_at_most_one_reshape() -> None:
    for text, calls in (("t:(a b) d", 0), ("a:a b d", 1), ("t:(b a) d", 2), ("b a d", 1)):
        source = net(f'define net()(x) = rearrange("(a b) d -> {text}", a=3)(x)', TOKENS)
        assert source.source().count(".reshape(") == calls, text
        nodes = [node.op_type for node in source.onnx().graph.node]
        assert nodes.count("Reshape") == calls, text
        check_rewritten(source)


def test_an_open_size_may_be_moved() -> None:
    expression = 'rearrange("a b s -> s d:(b a)")(rearrange("s (b a) -> a b s", a=2)(x))'
    architecture = net(f"define net()(x) = {expression}", "//@ input x f32[B, s:T, d:8]\n")
    check_rewritten(architecture)
    assert [str(o.op) for o in architecture.rewritten.graph.operations] == [
        'rearrange("s (b a) -> s:s d:(b a)", b=4)',
    ]
    assert architecture.verify().verified
