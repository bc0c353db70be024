"""Weights: fresh at every application, tied where `shared` says so; learned tensors as values."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, net, refusal, small_space, wiring

import einsyn


def owners(definitions: str, **options: str) -> list[int | None]:
    """The weight set of every operation that has one."""
    graph = net(definitions, **options).graph
    return [o.owner for o in graph.operations if o.owner is not None]


@pytest.mark.parametrize(
    ("definitions", "expected", "params"),
    [
        ("define net()(x) { f = linear(8) return f(f(x)) }", [0, 1], 144),
        ("define net()(x) { f = shared(linear(8)) return f(f(x)) }", [0, 0], 72),
        ("define net()(x) = repeat(3, linear(8))(x)", [0, 1, 2], 216),
        ("define net()(x) = repeat(3, shared(linear(8)))(x)", [0, 0, 0], 72),
        ("define net()(x) { f = shared(repeat(2, linear(8))) return f(f(x)) }", [0, 1, 0, 1], 144),
        ("define net()(x) { return shared(linear(8))(shared(linear(8))(x)) }", [0, 1], 144),
        ("define pair(f)(x) = f(f(x))\ndefine net()(x) = pair(shared(linear(8)))(x)", [0, 0], 72),
        ("define once() = shared(linear(8))\ndefine net()(x) = once()(once()(x))", [0, 1], 144),
        ("define once() = shared(linear(8))\ndefine net()(x) { f = once() return f(f(x)) }", [0, 0], 72),
        # Two arrows, each tied to itself.
        (
            "define net()(x) { f = shared(linear(8)) g = shared(linear(8)) return g(f(g(f(x)))) }",
            [0, 1, 0, 1],
            144,
        ),
        # Inside a shared arrow a tied pair stays tied, and all of it is tied again outside.
        (
            "define net()(x) { f = shared(linear(8)) g = shared(seq(f, linear(8), f)) return g(g(x)) }",
            [0, 1, 0, 0, 1, 0],
            144,
        ),
        # A shared arrow that is used alone first, then inside another one.
        ("define net()(x) { f = shared(linear(8)) g = shared(seq(f, tanh)) return g(f(g(x))) }", [0, 0, 0], 72),
        (
            "define net()(x) { f = shared(linear(8)) g = shared(seq(f, linear(8))) return g(g(f(x))) }",
            [0, 0, 1, 0, 1],
            144,
        ),
        # `shared` made anew inside a shared arrow: the outer one ties its applications.
        ("define net()(x) { g = shared(repeat(2, shared(linear(8)))) return g(g(x)) }", [0, 0, 0, 0], 72),
    ],
)
def test_weight_sets(definitions: str, expected: list[int], params: int) -> None:
    assert owners(definitions) == expected
    assert net(definitions).params == params


def test_shared_weights_must_fit_everywhere() -> None:
    text = f'{SEQUENCE}start: "net" -> net\n//@ define net()(x) {{ f = shared(linear(4)) return f(f(x)) }}\n'
    found = refusal(text)
    assert (found.code, found.hint) == ("T050", "share only between tensors of equal width")
    assert "`linear(width=4)`" in found.message


def test_shared_arrows_without_weights_fit_everywhere() -> None:
    architecture = net("define net()(x) { f = shared(seq(relu, mean(-1, keep=true))) return f(linear(3)(f(x))) }")
    assert architecture.params == 6


def test_a_shared_choice() -> None:
    space = small_space(
        f"""{SEQUENCE}
start: "n" f -> net
f: "l" W -> linear | "p" f f -> pair | "r" -> relu
W: "8" | "4"
//@ define pair(f, g)(x) = g(f(x))
//@ define net(f)(x) {{ g = shared(f) return g(g(x)) }}
"""
    )
    assert space.parse("nl8").params == 72
    assert space.parse("npl8l8").params == 144
    assert space.parse("nppl8rl8").params == 144
    assert space.parse("nppl8rl8").macs == 4 * 6 * 64
    assert space.parse("npl4l8").params == 36 + 40
    with pytest.raises(einsyn.InfeasibleError, match="T050"):
        space.parse("nl4")


def test_modules_tie_what_the_graph_ties() -> None:
    import torch

    architecture = net(
        "define net()(x) { f = shared(seq(linear(8), layer_norm)) return f(tanh(f(tanh(linear(8)(x))))) }"
    )
    module = architecture.module(seed=1)
    assert sum(p.numel() for p in module.parameters()) == architecture.params == 72 + 16 + 72
    module(torch.ones(2, 6, 8)).sum().backward()
    assert all(p.grad is not None for p in module.parameters())
    assert architecture.verify(module=module).verified


TIED = """
define net()(ids) {
  table = weight(v=11, d=8, init="normal 0.02")()
  y = positional_encoding(take(table, ids))
  return dot_product(y, permute(2, 1)(table))
}
"""


def test_one_table_for_input_and_output() -> None:
    architecture = net(" ".join(TIED.split()), "//@ input ids i64[B, t:5]\n")
    assert wiring(architecture) == [
        "%1: f32[v:11, d:8] = weight(v=11, d=8)() weights 0",
        "%2: f32[B, s:5, d:8] = take(%1, %0)",
        "%3: f32[B, s:5, d:8] = positional_encoding(%2) weights 1",
        "%4: f32[v:8, d:11] = permute(2, 1)(%1)",
        "%5: f32[B, s:5, d:11] = dot_product(%3, %4)",
        "output %5",
    ]
    assert architecture.params == 11 * 8 + 5 * 8
    assert architecture.verify().verified


def test_a_class_token_is_expanded_over_the_batch() -> None:
    architecture = net(
        'define net()(x) { token = weight(s=1, d=8, init="zeros")() '
        'y = concat("s")(token + 0 * mean("s", keep=true)(x), x) return y }'
    )
    assert architecture.output == [["B", 7, 8]]
    assert architecture.params == 8
    assert architecture.verify().verified


def test_weights_are_fresh_at_every_application() -> None:
    fresh = 'define w() = weight(s=1, d=8, init="ones")\ndefine net()(x) = x * w()() + w()()'
    assert net(fresh).params == 16
    tied = 'define net()(x) { w = weight(s=1, d=8, init="ones")() return x * w + w }'
    assert net(tied).params == 8
    assert net(tied).verify().verified


def test_expand_repeats_an_axis() -> None:
    architecture = net('define net()(x) = expand("s", 3)(mean("s", keep=true)(x))')
    assert architecture.output == [["B", 3, 8]]
    assert architecture.verify().verified


TIED_BY_A_CHOICE = """
start: "n" f -> net
f: "s" g -> tied | "p" g -> pair | "l" -> plain
g: "l" -> plain | "t" -> tanh
//@ define plain()(x) = linear(8)(x)
//@ define tied(g) = seq(shared(g), plain)
//@ define pair(g)(x) { h = shared(g) return h(h(x)) }
//@ define net(f)(x) = f(f(f(f(x))))
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nl", [0, 1, 2, 3]),
        ("nsl", [0, 1, 0, 2, 0, 3, 0, 4]),
        ("nst", [0, 1, 2, 3]),
        ("npl", [0, 0, 1, 1, 2, 2, 3, 3]),
    ],
)
def test_what_a_choice_ties_stays_tied_at_every_application(text: str, expected: list[int]) -> None:
    architecture = small_space(SEQUENCE + TIED_BY_A_CHOICE).parse(text)
    assert [o.owner for o in architecture.graph.operations if o.owner is not None] == expected
    assert architecture.params == 72 * len(set(expected)) == architecture.graph.params
