"""The canonical form: what is equal has one, and what has one is equal, as torch computes it."""

from __future__ import annotations

import random
from collections import defaultdict
from itertools import combinations, islice

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_graphs import Builder
from small_spaces import SEQUENCE, net, small_space

import einsyn
from einsyn import Architecture
from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import TorchSource, write_source
from einsyn.canonical import canonical_form, canonical_hash
from einsyn.derivation.choosers import TreeChooser
from einsyn.elaborate.limits import NO_LIMITS
from einsyn.ir.graph import Graph
from einsyn.ir.parse_type import parse_type
from einsyn.ops import OPS

# Bodies of a net that must all have one canonical form, and that no two of these lists share.
EQUAL = [
    ["x", "identity(x)", "x + zero(x)", "clone(2)(x)[1]", "add(x)", "permute(1, 2)(x)", "x * 1.0"],
    ["zero(x)", "zero(relu(x))", "relu(zero(x))", "zero(x) + tanh(zero(x))", "x * zero(x)"],
    ["relu(x) + tanh(x)", "tanh(x) + relu(x)", "add(tanh(x), zero(x), relu(x))", "seq(identity, relu)(x) + tanh(x)"],
    [
        "relu(x) + tanh(x) + sigmoid(x)", "sigmoid(x) + (tanh(x) + relu(x))", "add(relu(x), add(sigmoid(x), tanh(x)))",
        "add(sigmoid(x), relu(x), tanh(x))",
    ],
    ["relu(x) * tanh(x)", "multiply(tanh(x), relu(x))"],
    [
        "linear(8)(x)", "linear(8)(identity(x))", "linear(8, axis=\"d\")(x)", "linear(8, axis=2)(x)",
        "zero(tanh(x)) + linear(8)(x)", "linear(8, bias=false)(zero(x)) + linear(8)(x)",
    ],
    # Two weight sets, or one that is used twice.
    ["linear(8)(x) + linear(8)(x)", "linear(8)(x) + identity(linear(8)(x))"],
    ["g(x) + g(x)"],
    # Terms of a sum inside of a product, and the product's own factors.
    [
        "(linear(8)(x) + linear(8)(x)) * linear(8)(x)", "linear(8)(x) * (linear(8)(x) + linear(8)(x))",
        "linear(8)(x) * (linear(8)(x) + zero(x) + linear(8)(x))",
    ],
    ["(linear(8)(x) + linear(8)(x)) + linear(8)(x)", "linear(8)(x) + (linear(8)(x) + linear(8)(x))"],
    ["relu(g(x)) + tanh(g(x))", "tanh(g(x)) + relu(g(x))"],
    ["relu(linear(8)(x)) + tanh(linear(8)(x))", "tanh(linear(8)(x)) + relu(linear(8)(x))"],
    ["linear(8)(linear(8)(x))", "seq(linear(8), identity, linear(8))(x)", "seq(seq(linear(8)), linear(8))(x)"],
    ["g(g(x))"],
    ["g(linear(8)(g(x)))"],
    ["linear(8)(g(g(x)))"],
    ["g(g(linear(8)(x)))"],
    ["layer_norm(zero(x))"],
    ["concat(2)(x, relu(x))"],
    ["concat(2)(relu(x), x)"],
    ["softmax(axis=1)(x)", "softmax(axis=\"s\")(x)"],
    ["softmax(x)", "softmax(axis=-1)(x)"],
    ["x - relu(x)", "(x - zero(x)) - relu(x)", "x - (relu(x) - zero(x))"],
    ["relu(x) - x"],
    ["maximum(x, tanh(x))", "maximum(tanh(x), x)"],
    ["minimum(x, tanh(x))", "minimum(tanh(x), x)"],
    ["zero(x) - x"],
    ["dot_product(x, permute(2, 1)(x))"],
    ["group(2, \"d\")(x)[0]", "group(2, -1)(x)[0]"],
    ["group(2, \"d\")(x)[1]"],
]  # fmt: skip


def body(expression: str) -> Architecture:
    return net(f"define net()(x) {{ g = shared(linear(8)) return {expression} }}")


def test_equal_networks_have_one_form_and_others_another() -> None:
    hashes = [{canonical_hash(body(e)) for e in group} for group in EQUAL]
    assert all(len(found) <= 1 for found in hashes)
    found = [h for group in hashes for h in group]
    assert len(set(found)) == len(found)
    assert all(len(h) == 16 and int(h, 16) >= 0 for h in found)


def test_the_property_and_the_function_agree() -> None:
    architecture = einsyn.load("einspace").ref("resnet18_no_maxpool")
    assert architecture.canonical == canonical_hash(architecture) == canonical_hash(architecture.graph)


@pytest.mark.parametrize("name", ["nasbench201", "hierarchical_nasbench201", "einspace", "rnncell", "lm"])
def test_an_elaboration_has_the_form_of_its_graph(name: str) -> None:
    """What is applied again is played from a tape there, and written out here."""
    space = einsyn.load(name, profile="test")
    for architecture in space.sample(25, seed=1, max_ops=2000):
        elaboration = space.elaborate(TreeChooser(architecture.derivation), NO_LIMITS)
        assert canonical_form(elaboration) == canonical_form(elaboration.graph())


@pytest.mark.parametrize("expression", ["g(relu(g(x))) + x", "linear(8)(x) + clone(2)(linear(8)(x))[1] + zero(x)"])
def test_a_repeated_elaboration_has_the_form_of_its_graph(expression: str) -> None:
    lines = f"define h()(x) {{ g = shared(linear(8)) return {expression} }}\ndefine net()(x) = repeat(4, seq(h, h))(x)"
    architecture = net(lines)
    elaboration = architecture.space.elaborate(TreeChooser(architecture.derivation), NO_LIMITS)
    assert canonical_form(elaboration) == canonical_form(elaboration.graph())


# Soundness: one form, one function.

CELLS = (
    SEQUENCE
    + """
start: e e e w -> cell
e: "0" -> zero | "i" -> identity | "t" -> tanh | "n" -> layer_norm | "l" -> dense | "u" -> plain
w: "s" -> sums | "p" -> products | "c" -> chains | "g" -> shares
//@ define dense()(x) = linear(8)(x)
//@ define plain()(x) = linear(8, bias=false)(x)
//@ define sums(a, b, c)(x) { n = a(x) return b(x) + c(n) + n }
//@ define products(a, b, c)(x) = a(x) * b(c(x))
//@ define chains(a, b, c)(x) = c(b(a(x)))
//@ define shares(a, b, c)(x) { g = shared(a) return g(b(x)) + g(c(x)) }
//@ define cell(a, b, c, w)(x) = w(a, b, c)(x)
"""
)


def filled(graph: Graph, seed: int) -> tuple[torch.nn.Module, TorchSource]:
    """A module in double precision with random weights and statistics."""
    source = write_source(graph, title="net")
    module = build_module(source, seed=0).double().eval()
    generator = torch.Generator().manual_seed(seed)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand(tensor.shape, generator=generator, dtype=torch.float64) + 0.2)
    return module, source


def assert_equal_functions(a: Graph, b: Graph) -> None:
    """Both compute the same once the weight sets that the forms name alike are alike."""
    (first, first_source), (second, second_source) = filled(a, 1), filled(b, 2)
    there = {number: owner for owner, number in canonical_form(a).weights.items()}
    state, other = first.state_dict(), second.state_dict()
    for owner, number in canonical_form(b).weights.items():
        for (o, name), key in second_source.keys.items():
            if o == owner:
                other[key].copy_(state[first_source.keys[there[number], name]])
    generator = torch.Generator().manual_seed(3)
    inputs = [torch.randn((2, *a.types[v].concrete()), generator=generator, dtype=torch.float64) for _, v in a.inputs]
    with torch.no_grad():
        torch.testing.assert_close(first(*inputs), second(*inputs))


def classes(architectures: list[Architecture]) -> list[list[Architecture]]:
    found: dict[str, list[Architecture]] = defaultdict(list)
    for architecture in architectures:
        found[architecture.canonical].append(architecture)
    return list(found.values())


def test_one_form_means_one_function() -> None:
    space = small_space(CELLS)
    found = classes(list(space.enumerate()))
    shared = [group for group in found if len(group) > 1]
    assert sum(map(len, found)) == 6**3 * 4
    assert len(shared) > 60
    rng = random.Random(0)
    for group in shared:
        pairs = list(combinations(group, 2))
        for a, b in rng.sample(pairs, min(3, len(pairs))):
            assert_equal_functions(a.graph, b.graph)


def test_one_form_means_one_function_for_published_cells() -> None:
    space = einsyn.load("nasbench201", profile="test")
    found = classes(list(islice(space.enumerate(), 0, None, 23)))
    shared = [group for group in found if len(group) > 1]
    assert len(shared) > 30
    for group in shared[:4]:
        assert_equal_functions(group[0].graph, group[-1].graph)


# No weights: functions can be compared by what they compute, and no law but those of the form holds among these.
PURE = (
    SEQUENCE
    + """
start: e e e w -> cell
e: "0" -> zero | "i" -> identity | "t" -> tanh | "s" -> silu
w: "a" -> sums | "p" -> products | "m" -> mixed
//@ define sums(a, b, c)(x) = a(x) + (b(x) + c(tanh(x)))
//@ define products(a, b, c)(x) = c(x) * a(b(x) * tanh(x))
//@ define mixed(a, b, c)(x) = a(x) * exp(x + b(c(x)))
//@ define cell(a, b, c, w)(x) = w(a, b, c)(x)
"""
)


def test_without_weights_forms_are_functions() -> None:
    space = small_space(PURE)
    x = torch.randn(1, 6, 8, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    by_form: dict[str, set[tuple[float, ...]]] = defaultdict(set)
    for architecture in space.enumerate():
        y = architecture.module().double()(x).flatten()[:8]
        by_form[architecture.canonical].add(tuple(round(float(v), 9) + 0.0 for v in y))
    assert all(len(values) == 1 for values in by_form.values())
    values = [next(iter(v)) for v in by_form.values()]
    assert len(set(values)) == len(values)


# Isomorphic graphs: order of execution, of operands and of weight sets does not matter.


@st.composite
def graphs(draw: st.DrawFn) -> list[tuple[str, tuple[int, ...], int | None]]:
    """Random steps: an operation, what it is applied to, and a weight set."""
    steps: list[tuple[str, tuple[int, ...], int | None]] = []
    for i in range(draw(st.integers(1, 14))):
        name = draw(st.sampled_from(["tanh", "linear", "linear", "add", "multiply", "identity", "zero"]))
        count = draw(st.integers(2, 3)) if name in ("add", "multiply") else 1
        inputs = tuple(draw(st.integers(0, i)) for _ in range(count))
        steps.append((name, inputs, draw(st.integers(0, 3)) if name == "linear" else None))
    return steps


def written(steps: list[tuple[str, tuple[int, ...], int | None]], rng: random.Random | None) -> Graph:
    """A graph of the steps; with a generator in another order, with other numbers, and sums nested otherwise."""
    builder = Builder(x=parse_type("s:3,d:4"))
    config = {"linear": OPS["linear"].configure(4)}
    values = {0: 0}
    order = list(range(len(steps)))
    owners = list(range(4))
    if rng is not None:
        rng.shuffle(owners)
        waiting, order = order, []
        while waiting:
            ready = [i for i in waiting if all(v == 0 or v - 1 in order for v in steps[i][1])]
            order.append(rng.choice(ready))
            waiting.remove(order[-1])
    for i in order:
        name, inputs, owner = steps[i]
        op = config.get(name) or OPS[name].configure()
        operands = [values[v] for v in inputs]
        if rng is not None and name in ("add", "multiply"):
            rng.shuffle(operands)
            if len(operands) == 3 and rng.random() < 0.5:
                operands[:2] = builder.apply(op, *operands[:2])
        (values[i + 1],) = builder.apply(op, *operands, owner=None if owner is None else owners[owner])
        if rng is not None and rng.random() < 0.2:
            values[i + 1] = builder.apply(OPS["clone"].configure(2), values[i + 1])[1]
    return builder.graph(values[len(steps)])


@settings(max_examples=300, deadline=None, derandomize=True)
@given(graphs(), st.integers(0, 1000))
def test_isomorphic_graphs_have_one_form(steps: list[tuple[str, tuple[int, ...], int | None]], seed: int) -> None:
    assert canonical_hash(written(steps, random.Random(seed))) == canonical_hash(written(steps, None))


@settings(max_examples=60, deadline=None, derandomize=True)
@given(graphs(), st.integers(0, 1000))
def test_weights_of_isomorphic_graphs_are_matched(
    steps: list[tuple[str, tuple[int, ...], int | None]], seed: int
) -> None:
    assert_equal_functions(written(steps, random.Random(seed)), written(steps, None))


@pytest.mark.parametrize("width", [8, 40])
def test_many_equal_branches(width: int) -> None:
    """Branches that cannot be told apart do not confuse the numbering."""

    def fan(order: list[int]) -> Graph:
        builder = Builder(x=parse_type("d:4"))
        linear, tanh, add = OPS["linear"].configure(4), OPS["tanh"].configure(), OPS["add"].configure()
        first = {i: builder.apply(linear, 0)[0] for i in order}
        second = {i: builder.apply(linear, builder.apply(tanh, first[i])[0])[0] for i in reversed(order)}
        return builder.graph(*builder.apply(add, *[second[i] for i in order]))

    numbers = list(range(width))
    mixed = random.Random(1).sample(numbers, width)
    assert canonical_hash(fan(numbers)) == canonical_hash(fan(mixed))
    assert_equal_functions(fan(numbers), fan(mixed))


def test_a_sum_that_grows_along_the_network() -> None:
    """Every sum holds all earlier ones: written out, their terms would be millions."""

    def residual(blocks: int, *, left: bool) -> Graph:
        builder = Builder(x=parse_type("d:4"))
        linear, add = OPS["linear"].configure(4), OPS["add"].configure()
        x = 0
        for _ in range(blocks):
            (y,) = builder.apply(linear, x)
            (x,) = builder.apply(add, *((x, y) if left else (y, x)))
        return builder.graph(x)

    assert canonical_hash(residual(5_000, left=True)) == canonical_hash(residual(5_000, left=False))
    assert canonical_hash(residual(4_999, left=True)) != canonical_hash(residual(5_000, left=False))


def test_loops_are_equal_where_their_steps_are() -> None:
    head = "//@ input x f32[B, s:6, d:8]\n"
    step = "define step(f)(h, x) { y = f(h + x) return y, y }\n"

    def hash_of(function: str) -> str:
        return canonical_hash(net(f'{step} define net()(x) = scan("s", step({function}))(mean("s")(x), x)', head))

    assert hash_of("linear(8)") == hash_of("seq(linear(8))")
    assert len({hash_of("linear(8)"), hash_of("linear(8, false)"), hash_of("tanh")}) == 3
