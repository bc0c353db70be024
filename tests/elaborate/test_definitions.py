"""Definitions: arguments, defaults, partial application, scope, files, `main`."""

from __future__ import annotations

import pytest
from small_spaces import IMAGE, SEQUENCE, net, only, ops, small_space, wiring

import einsyn

# Definitions and the operations that they give on s:6, d:8.
OPERATIONS = {
    "a value": ("define w() = 4\ndefine net()(x) = linear(w())(x)", ["linear(width=4)"]),
    "an arrow": ("define f(w) = linear(w)\ndefine net()(x) = f(4)(x)", ["linear(width=4)"]),
    "a list": (
        "define both(w) = [linear(w), relu]\ndefine net()(x) { f, g = both(4) return g(f(x)) }",
        ["linear(width=4)", "relu"],
    ),
    "a macro as value": (
        "define twice(f)(x) = f(f(x))\ndefine apply(m, f) = m(f)\ndefine net()(x) = apply(twice, relu)(x)",
        ["relu", "relu"],
    ),
    "partial application": (
        "define block(a, b, c)(x) = seq(linear(a), linear(b), linear(c))(x)\n"
        "define net()(x) { f = block(1) g = f(2) return g(3)(x) }",
        ["linear(width=1)", "linear(width=2)", "linear(width=3)"],
    ),
    "defaults": (
        "define block(a, b=5, c=a + b)(x) = linear(c)(linear(b)(linear(a)(x)))\ndefine net()(x) = block(2)(x)",
        ["linear(width=2)", "linear(width=5)", "linear(width=7)"],
    ),
    "named arguments": (
        "define block(a, b=5, c=6)(x) = linear(c)(linear(b)(linear(a)(x)))\ndefine net()(x) = block(2, c=9)(x)",
        ["linear(width=2)", "linear(width=5)", "linear(width=9)"],
    ),
    "named primitives": (
        "define net()(x) = linear(4, axis=1, bias=false)(x)",
        ["linear(width=4, bias=false, axis=1)"],
    ),
    "an arrow with defaults only": (
        "define block(a=4, b=5)(x) = linear(b)(linear(a)(x))\ndefine net()(x) = block(b=2)(block()(block(x)))",
        [f"linear(width={w})" for w in (4, 5, 4, 5, 4, 2)],
    ),
    "a primitive in three forms": (
        "define net()(x) = layer_norm(layer_norm()(layer_norm(eps=1e-3)(x)))",
        ["layer_norm(eps=0.001)", "layer_norm", "layer_norm"],
    ),
    "rest parameters": (
        "define chain(first, *rest)(x) = seq(first, *rest)(x)\ndefine net()(x) = chain(relu, tanh, gelu)(x)",
        ["relu", "tanh", "gelu"],
    ),
    "an empty rest": (
        "define f(a, *rest)(x) = linear(a + len(rest))(x)\ndefine net()(x) = f(3)(x)",
        ["linear(width=3)"],
    ),
    "rest tensors": (
        "define join()(x, *others) = add(x, *others)\ndefine net()(x) = join(x, relu(x), tanh(x))",
        ["relu", "tanh", "add"],
    ),
    "spread": (
        "define three(a, b, c)(x) = linear(a + b * c)(x)\ndefine net()(x) { v = [2, 3] return three(1, *v)(x) }",
        ["linear(width=7)"],
    ),
    "spread of tensors": ("define net()(x) { y = clone(3)(x) return add(*y) }", ["clone(n=3)", "add"]),
    "spread of an arrow with one output": ("define net()(x) { y = relu(x) return seq(relu)(*y) }", ["relu", "relu"]),
    "names bound again": (
        "define net()(x) { w = 3 x = linear(w)(x) w = w + 1 x = linear(w)(x) return x }",
        ["linear(width=3)", "linear(width=4)"],
    ),
    "swapped names": (
        "define net()(x) { a, b = [2, 3] a, b = [b, a] return linear(b)(linear(a)(x)) }",
        ["linear(width=3)", "linear(width=2)"],
    ),
    "lists in lists": (
        "define net()(x) { a, b = [[2, 3], 4] c, d = a return linear(c + d + b)(x) }",
        ["linear(width=9)"],
    ),
    "several results": (
        "define split()(x) { return relu(x), tanh(x) }\ndefine net()(x) { a, b = split(x) return a + b }",
        ["relu", "tanh", "add"],
    ),
    "a definition shadows a primitive": ("define relu()(x) = tanh(x)\ndefine net()(x) = relu(x)", ["tanh"]),
    "an argument shadows a definition": (
        "define w() = 3\ndefine f(w)(x) = linear(w)(x)\ndefine net()(x) = f(5)(x)",
        ["linear(width=5)"],
    ),
    "residual": ("define net()(x) = residual(seq(relu, linear(8)))(x)", ["relu", "linear(width=8)", "add"]),
    "repeat": ("define net()(x) = repeat(3, tanh)(x)", ["tanh"] * 3),
    "repeat nothing": ("define net()(x) = seq(relu, repeat(0, tanh))(x)", ["relu"]),
    "nested repeat": ("define net()(x) = repeat(2, seq(relu, repeat(2, tanh)))(x)", ["relu", "tanh", "tanh"] * 2),
    "a comment and odd spacing": ("define net() (x){// a remark\n  return\n relu(\n x ) }", ["relu"]),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str) -> None:
    definitions, expected = OPERATIONS[name]
    assert ops(net(definitions)) == expected


def test_a_body_without_operations_is_the_identity() -> None:
    assert wiring(net("define net()(x) = x")) == ["output %0"]


def test_parameters_are_seen_everywhere_in_the_space() -> None:
    text = SEQUENCE + "//@ param width 4\n//@ param slope 0.5\n"
    definitions = "define net()(x) = leaky_relu(slope)(linear(width)(x))"
    assert ops(net(definitions, text)) == ["linear(width=4)", "leaky_relu(slope=0.5)"]
    changed = net(definitions, text, params={"width": 7, "slope": "0.25"})
    assert ops(changed) == ["linear(width=7)", "leaky_relu(slope=0.25)"]


def test_a_local_hides_a_parameter() -> None:
    text = SEQUENCE + "//@ param width 4\n"
    assert ops(net("define net()(x) { width = 5 return linear(width)(x) }", text)) == ["linear(width=5)"]


STD = """
define pair(w) = [inner(w), inner(w + 1)]
define inner(w) = linear(w)
define block(w)(x) = seq(*pair(w))(x)
"""


def test_a_file_has_its_own_scope() -> None:
    # The space's `inner` is not that of the file, and the file does not see the space's parameter.
    head = SEQUENCE + "//@ use std.ein\n//@ param width 3\n"
    architecture = net("define net()(x) = inner(block(width)(x))\ndefine inner()(x) = relu(x)", head, {"std.ein": STD})
    assert ops(architecture) == ["linear(width=3)", "linear(width=4)", "relu"]
    assert architecture.space.grammar.notes[0].code == "G067"


def test_a_file_does_not_see_parameters_or_the_spaces_definitions() -> None:
    for body, column in (("linear(width)(x)", 28), ("mine(x)", 21)):
        with pytest.raises(einsyn.GrammarError) as caught:
            small_space(
                f"{SEQUENCE}//@ use std.ein\n//@ param width 3\n//@ define mine()(x) = relu(x)\n"
                'start: "net" -> block\n',
                {"std.ein": f"define block()(x) = {body}\n"},
            )
        assert caught.value.code == "D010"
        assert str(caught.value.diagnostics[0].span).endswith(f"std.ein:1:{column}")


def test_files_use_files() -> None:
    files = {"a.ein": "use b.ein\ndefine f(w) = g(w)", "b.ein": "define g(w) = linear(w) // the end"}
    assert ops(net("define net()(x) = g(2)(f(1)(x))", SEQUENCE + "//@ use a.ein\n", files)) == [
        "linear(width=1)",
        "linear(width=2)",
    ]


MAINS = {
    "the name of a macro": ("main classifier", ["relu", "linear(width=3)"]),
    "a macro that is given the rest": ("main headed(5)", ["relu", "linear(width=5)"]),
    "an expression": ("main if classes == 3 then classifier else headed(9)", ["relu", "linear(width=3)"]),
    "a combinator": ("main residual", ["relu", "add"]),
    "an arrow built around": ("main wrapped", ["tanh", "relu"]),
    "nothing": ("param unused 1", ["relu"]),
}


@pytest.mark.parametrize("name", MAINS)
def test_forms_of_main(name: str) -> None:
    line, expected = MAINS[name]
    architecture = only(
        f"""{SEQUENCE}//@ param classes 3
//@ {line}
start: "r" -> relu
//@ define classifier(body)(x) = linear(classes)(body(x))
//@ define headed(n, body)(x) = linear(n)(body(x))
//@ define wrapped(body) = seq(tanh, body)
"""
    )
    assert ops(architecture) == expected


def test_main_may_apply_the_body_more_than_once() -> None:
    architecture = only(
        f"""{SEQUENCE}//@ main twice
start: "l" W -> linear
W: "8"
//@ define twice(body)(x) = body(body(x))
"""
    )
    assert wiring(architecture) == [
        "%1: f32[B, s:6, d:8] = linear(width=8)(%0) weights 0",
        "%2: f32[B, s:6, d:8] = linear(width=8)(%1) weights 1",
        "output %2",
    ]
    assert architecture.params == 2 * 72


def test_a_production_supplies_the_leading_arguments() -> None:
    space = small_space(
        f"""{IMAGE}
//@ main network
start: "net" block block -> pair
block: "basic" -> basic | "deep" "(" N ")" -> deep
N: "2" | "3"
//@ define network(pair)(x) = pair(16)(x)
//@ define pair(a, b, width)(x) = b(width, 2)(a(width, 1)(x))
//@ define basic(width, stride)(x) = conv(width, 3, stride)(x)
//@ define deep(n, width, stride)(x) = conv(width, 3, stride)(repeat(n, conv(width, 1))(x))
"""
    )
    architecture = space.parse("netdeep(2)basic")
    assert ops(architecture) == [
        "conv(channels=16, kernel=1)",
        "conv(channels=16, kernel=1)",
        "conv(channels=16, kernel=3)",
        "conv(channels=16, kernel=3, stride=2)",
    ]
    assert architecture.output == [["B", 16, 4, 4]]


def test_the_first_alternative_tells_what_a_rule_awaits() -> None:
    with pytest.raises(einsyn.GrammarError) as caught:
        small_space(
            f"""{SEQUENCE}
start: f -> net
f: "a" -> one | "b" -> two
//@ define net(f)(x) = f(8)(x)
//@ define one(w)(x) = linear(w)(x)
//@ define two(w, n)(x) = repeat(n, linear(w))(x)
"""
        )
    assert caught.value.code == "D034"
    assert "`one` awaits 1 value and 1 tensor, `two` awaits 2 values and 1 tensor" in str(caught.value)


@pytest.mark.parametrize(
    ("definitions", "said"),
    [
        (
            """//@ define net(f)(x) = f(8)(x)
//@ define one(w)(x) = linear(w)(x)
//@ define two(g)(x) = g(x)
""",
            "`one` awaits an integer as `w`, `two` awaits an arrow as `g`",
        ),
        # Through another definition, by name, and behind what the production gives.
        (
            """//@ define net(f)(x) = f([1, 2])(x)
//@ define one(sizes)(x) = seq([linear(n) for n in sizes])(x)
//@ define two(w)(x) = wide(bias=w)(x)
//@ define wide(bias)(x) = linear(8, bias=bias)(x)
""",
            "`one` awaits a list as `sizes`, `two` awaits true or false as `w`",
        ),
    ],
)
def test_alternatives_await_values_of_one_kind(definitions: str, said: str) -> None:
    with pytest.raises(einsyn.GrammarError) as caught:
        small_space(f'{SEQUENCE}\nstart: f -> net\nf: "a" -> one | "b" -> two\n{definitions}')
    assert caught.value.code == "D034"
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "two",
    [
        # Whole numbers are numbers; nothing is known of what is not used, used in a branch, or bound again.
        "two(w)(x) = x * w",
        "two(w)(x) = leaky_relu(w)(x)",
        "two(w)(x) = x",
        'two(w)(x) = if has_axis(x, "q") then w(x) else x',
        "two(w)(x) { w = relu return w(x) }",
        "two(w)(x) { for i in [] with y = x { y = w(y) } return y }",
    ],
)
def test_kinds_that_may_go_together(two: str) -> None:
    space = small_space(
        f"""{SEQUENCE}
start: f -> net
f: "a" -> one | "b" -> two
//@ define net(f)(x) = f(1)(x)
//@ define one(w)(x) = linear(w)(x)
//@ define {two}
"""
    )
    assert space.parse("b").params == 0
