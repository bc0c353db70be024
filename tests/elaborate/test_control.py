"""Folds, comprehensions, conditions and requirements."""

from __future__ import annotations

import pytest
from small_spaces import IMAGE, SEQUENCE, net, ops, refusal, small_space, wiring

import einsyn

OPERATIONS = {
    "a fold": (
        "define net()(x) { for w in [3, 5, 7] with y = x { y = linear(w)(y) } return y }",
        ["linear(width=3)", "linear(width=5)", "linear(width=7)"],
    ),
    "a fold over nothing": ("define net()(x) { for w in [] with y = x { y = linear(w)(y) } return y }", []),
    "a fold that carries several names": (
        "define net()(x) { for w in 1..4 with y = x, n = 10 { y = linear(n)(y) n = n + w } return linear(n)(y) }",
        ["linear(width=10)", "linear(width=11)", "linear(width=13)", "linear(width=16)"],
    ),
    "a fold whose name changes its kind": (
        "define net()(x) { for f in [relu, tanh] with y = none { y = if y == none then [f] else y + [f] } "
        "return seq(*y)(x) }",
        ["relu", "tanh"],
    ),
    "a fold over pairs": (
        "define net()(x) { for i, w in enumerate([4, 2]) with y = x { y = linear(w + i)(y) } return y }",
        ["linear(width=4)", "linear(width=3)"],
    ),
    "nested folds": (
        "define net()(x) { for a in [2, 3] with y = x { for b in 0..a with y = y { y = linear(10 * a + b)(y) } } "
        "return y }",
        [f"linear(width={w})" for w in (20, 21, 30, 31, 32)],
    ),
    "names of a body do not leave it": (
        "define net()(x) { k = 9 for w in [2, 3] with y = x { k = w y = linear(k)(y) } return linear(k)(y) }",
        ["linear(width=2)", "linear(width=3)", "linear(width=9)"],
    ),
    "the start of a fold is worked out outside": (
        "define net()(x) { n = 2 for w in [1, 1] with n = n + 1, y = x { n = n + w y = linear(n)(y) } return y }",
        ["linear(width=4)", "linear(width=5)"],
    ),
    "carried names stay bound": (
        "define net()(x) { for w in [1, 2] with n = 0 { n = n + w } return linear(n)(x) }",
        ["linear(width=3)"],
    ),
    "a comprehension of tensors": (
        "define net()(x) { ys = [linear(w)(x) for w in [8, 8]] return add(*ys) }",
        ["linear(width=8)", "linear(width=8)", "add"],
    ),
    "a comprehension of arrows": (
        "define net()(x) = seq(*[linear(w) for w in 1..6 if w % 2 == 0])(x)",
        ["linear(width=2)", "linear(width=4)"],
    ),
    "a comprehension hides names": (
        "define net()(x) { w = 5 v = [w for w in 0..3] return linear(w + len(v))(x) }",
        ["linear(width=8)"],
    ),
    "an if over arrows": (
        "define pick(n) = if n > 2 then relu else tanh\ndefine net()(x) = pick(1)(pick(3)(x))",
        ["relu", "tanh"],
    ),
    "only the branch taken is elaborated": (
        "define net()(x) = if size_of(x, -1) == 8 then relu(x) else linear(size_of(x, -1) / 3)(x)",
        ["relu"],
    ),
    "a condition stops at the first answer": (
        "define net()(x) = if true or 1 / 0 == 1 then (if false and 1 / 0 == 1 then x else relu(x)) else x",
        ["relu"],
    ),
    "an if in a list in an if": (
        "define net()(x) = seq(*[if i == 0 then relu else (if i == 1 then tanh else gelu) for i in 0..3])(x)",
        ["relu", "tanh", "gelu"],
    ),
    "a requirement that holds": (
        'define net()(x) { require size_of(x, -1) % 4 == 0, "width" return relu(x) }',
        ["relu"],
    ),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str) -> None:
    definitions, expected = OPERATIONS[name]
    assert ops(net(definitions)) == expected


def test_a_tensor_changes_size_and_kind_in_a_fold() -> None:
    architecture = net(
        """define net()(image) {
        for w in [8, 16] with y = image, skips = [] {
        skips = skips + [y]
        y = conv(w, 3, 2)(y)
        }
        return mean(["h", "w"])(y) }""",
        IMAGE,
    )
    assert wiring(architecture) == [
        "%1: f32[B, c:8, h:4, w:4] = conv(channels=8, kernel=3, stride=2)(%0) weights 0",
        "%2: f32[B, c:16, h:2, w:2] = conv(channels=16, kernel=3, stride=2)(%1) weights 1",
        '%3: f32[B, d:16] = mean(axes=["h", "w"])(%2)',
        "output %3",
    ]


def test_a_dense_block_concatenates_all_that_came_before() -> None:
    architecture = net("define net()(x) { for i in 0..3 with y = x { y = concat(-1)(y, linear(2)(y)) } return y }")
    assert architecture.output == [["B", 6, 14]]
    assert architecture.params == (8 + 1) * 2 + (10 + 1) * 2 + (12 + 1) * 2


LOOPS = """
start: "net" N -> net
N: "1" | "3" | "200"
//@ define net(n)(x) {
//@   for i in 0..n with y = x { y = relu(y) }
//@   return y
//@ }
"""


def test_a_child_decides_how_often_a_fold_runs() -> None:
    space = small_space(SEQUENCE + LOOPS)
    assert [len(space.parse(f"net{n}").graph.operations) for n in (1, 3, 200)] == [1, 3, 200]


def test_a_fold_ends_at_the_limit_of_operations() -> None:
    assert refusal(SEQUENCE + LOOPS + "//@ max_ops 100\n", "net200").code == "L001"


@pytest.mark.parametrize(
    ("definitions", "code"),
    [
        ("define net()(x) = repeat(1000000000, relu)(x)", "L001"),
        ("define net()(x) = repeat(1000000000, seq(identity))(x)", "L001"),
        ("define d(f) = seq(f, f)\n//@ define net()(x) = " + "d(" * 40 + "relu" + ")" * 40 + "(x)", "L001"),
        (
            "define net()(x) { for i in 0..90000 with n = 0 { for j in 0..90000 with n = n { n = n + j } } return x }",
            "L007",
        ),
        ("define e(f)(x) = f(x)\n//@ define net()(x) = repeat(1000000000, repeat(0, relu))(x)", "L007"),
        ("define net()(x) { for i in 0..60 with n = [1] { n = n + n } return x }", "L008"),
        ("define net()(x) { for i in 0..60 with n = 3 { n = n * n } return x }", "V007"),
        ("define net()(x) { for i in 0..40 with n = [] { n = [n, n] } return if n == n then x else x }", "L007"),
        ("define net()(x) { for i in 0..40 with n = [] { n = [n, n] } return linear(len(n))(x) }", "L007"),
        ("define net()(x) { for i in 0..5000 with n = [] { n = [n] } return if n == n then x else x }", "L008"),
        ("define net()(x) { for i in 0..5000 with n = [] { n = [n] } return linear(len(n))(x) }", "L008"),
    ],
)
def test_expansion_bombs_end_in_a_diagnostic(definitions: str, code: str) -> None:
    found = refusal(f'{SEQUENCE}start: "net" -> net\n//@ {definitions}\n')
    assert found.code == code
    if code == "L001":
        assert found.hint == "raise it with `//@ max_ops 10000` in the space"


def test_a_requirement_in_a_body() -> None:
    found = refusal(f'{SEQUENCE}start: "net" -> net\n//@ define net()(x) {{ require 1 == 2, "odd" return x }}\n')
    assert (found.code, found.message) == ("V005", "a requirement does not hold: odd")
    assert found.span is not None
    assert (found.span.line, found.span.column) == (4, 23)
    assert found.span is not None
    found = refusal(f'{SEQUENCE}start: "net" -> net\n//@ define net()(x) {{ require 3 return x }}\n')
    assert (found.code, found.message) == ("V002", "`require` needs a boolean, not an integer")


WIDE = """
start: W -> wide
W: "4" | "8" | "16"
//@ define wide(w)(x) = linear(w)(x)
"""


@pytest.mark.parametrize(
    ("requirement", "texts"),
    [
        ("require params < 100", ["4", "8"]),
        ("require params == (8 + 1) * 16", ["16"]),
        ("require macs <= 6 * 8 * 8", ["4", "8"]),
        ("require params % 72 == 0 and ops == 1", ["8", "16"]),
        ("require size == 1 and depth == 1 and memory > 0", ["4", "8", "16"]),
        ("require memory <= 4 * (6 * 8 + 6 * 8 + 72)", ["4", "8"]),
        ("require params > 40\n//@ require params < 100", ["8"]),
        ("require enough == true", ["4", "8", "16"]),
    ],
)
def test_requirements_of_the_space(requirement: str, texts: list[str]) -> None:
    space = small_space(f"{SEQUENCE}//@ param enough true\n//@ {requirement}\n{WIDE}")
    assert [a.text for a in space.enumerate()] == texts


def test_a_requirement_of_the_space_names_itself() -> None:
    with pytest.raises(einsyn.InfeasibleError) as caught:
        small_space(f'{SEQUENCE}//@ require params < 50, "small nets only"\n{WIDE}').parse("8")
    found = caught.value.diagnostics[0]
    assert (found.code, found.message) == ("V005", "a requirement of the space does not hold: small nets only")
    assert found.span is not None
    assert found.span.line == 3
