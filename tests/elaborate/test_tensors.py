"""Tensors as values: arithmetic, several inputs and outputs, declared outputs."""

from __future__ import annotations

import pytest
from small_spaces import IMAGE, SEQUENCE, net, only, ops, refusal, small_space, wiring

import einsyn

ARITHMETIC = {
    "x + x": ["add"],
    "x + relu(x) + tanh(x)": ["relu", "add", "tanh", "add"],
    "x - x": ["minus"],
    "x * x": ["times"],
    "x / (x * x + 1)": ["times", "affine(shift=1.0)", "divide"],
    "x + 1": ["affine(shift=1.0)"],
    "1 + x": ["affine(shift=1.0)"],
    "x - 1": ["affine(shift=-1.0)"],
    "1 - x": ["affine(scale=-1.0, shift=1.0)"],
    "2 * x": ["affine(scale=2.0)"],
    "x * 0.5": ["affine(scale=0.5)"],
    "x / 4": ["affine(scale=0.25)"],
    "1 / (x * x + 1)": ["times", "affine(shift=1.0)", "reciprocal", "affine"],
    "-x": ["negate"],
    "--x": ["negate", "negate"],
    "maximum(x, relu(x))": ["relu", "maximum"],
    "maximum(0.5, x)": ["at_least(value=0.5)"],
    "minimum(x, 2)": ["at_most(value=2.0)"],
    'x * mean("s", keep=true)(x)': ['mean(axes=["s"], keep=true)', "times"],
    'x - mean(["s", "d"], keep=true)(x)': ['mean(axes=["s", "d"], keep=true)', "minus"],
    "x @ permute(2, 1)(x)": ["permute(2, 1)", "dot_product"],
    "sqrt(x * x)": ["times", "sqrt"],
    "exp(-x)": ["negate", "exp"],
    'max("s")(x)': ['max(axes=["s"])'],
}


@pytest.mark.parametrize("expression", ARITHMETIC)
def test_operators_are_primitives(expression: str) -> None:
    architecture = net(f"define net()(x) = {expression}")
    assert ops(architecture) == ARITHMETIC[expression]
    outcome = architecture.verify()
    assert outcome.verified or outcome.unstable


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(x + 1) * 2 - 3 / 4.0", lambda x: (x + 1) * 2 - 0.75),
        ("1 / (2 - x * 0.1) - x / 5", lambda x: 1 / (2 - x * 0.1) - x / 5),
        ('x - mean("s", keep=true)(x)', lambda x: x - x.mean(1, keepdim=True)),
        ("-x * -2", lambda x: x * 2),
    ],
)
def test_what_the_operators_compute(expression: str, expected: object) -> None:
    import torch

    x = torch.linspace(-1, 1, 2 * 6 * 8).reshape(2, 6, 8)
    module = net(f"define net()(x) = {expression}").module()
    torch.testing.assert_close(module(x), expected(x))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("x + linear(4)(x)", "T020"),
        ("add(x, mean(-1, keep=true)(x))", "T014"),
        ("concat(-1)(x, mean(1, keep=true)(x))", "T014"),
        ("x @ x", "T021"),
        ("x / 0", "V007"),
        ("x ** 2", "V002"),
        ("x % 2", "V002"),
        ('x + "a"', "V002"),
        ("x + relu", "V002"),
        ("not x", "V002"),
        ("if x == x then x else x", "V002"),
        ("x(x)", "V006"),
        ("linear(4, x)", "V006"),
        ("seq(x)", "V006"),
        ("seq(add)(x, linear(4)(x))", "T014"),
        ("group(3, -1)(x)", "T016"),
        ("x[0]", "V002"),
        ("linear(x)", "D042"),
        ("relu(*[x, x])", "T001"),
    ],
)
def test_what_tensors_cannot_do(expression: str, code: str) -> None:
    assert refusal(f'{SEQUENCE}start: "net" -> net\n//@ define net()(x) = {expression}\n').code == code


@pytest.mark.parametrize(
    ("expression", "code"), [("3(x)", "D012"), ("relu(x, x)", "D011"), ("relu(slop=3)(x)", "D013")]
)
def test_what_is_refused_before_anything_runs(expression: str, code: str) -> None:
    with pytest.raises(einsyn.GrammarError, match=code):
        small_space(f'{SEQUENCE}start: "net" -> net\n//@ define net()(x) = {expression}\n')


def test_several_inputs_in_order_and_several_outputs() -> None:
    architecture = only(
        """//@ input image f32[B, c:3, h:8, w:8]
//@ input aux f32[B, d:5]
//@ main both
start: "r" -> relu
//@ define both(body)(image, aux) {
//@   y = linear(4)(mean(["h", "w"])(body(image)))
//@   return y + linear(4)(aux), aux
//@ }
""",
        input={"aux": "d:6", "image": "3x4x4"},
    )
    assert wiring(architecture) == [
        "%2: f32[B, c:3, h:4, w:4] = relu(%0)",
        '%3: f32[B, d:3] = mean(axes=["h", "w"])(%2)',
        "%4: f32[B, d:4] = linear(width=4)(%3) weights 0",
        "%5: f32[B, d:4] = linear(width=4)(%1) weights 1",
        "%6: f32[B, d:4] = add(%4, %5)",
        "output %6, %1",
    ]
    assert architecture.output == [["B", 4], ["B", 6]]
    assert [name for name, _ in architecture.space.inputs] == ["image", "aux"]
    assert architecture.verify().verified


DECLARED = """
start: "l" W -> linear | "g" -> halve
W: "4" | "8"
//@ define halve()(x) = x
"""


@pytest.mark.parametrize(
    ("output", "valid"),
    [
        ("f32[B, s:6, d:8]", ["l8", "g"]),
        ("f32[B, s:6, d:width]", ["l4"]),
        ('f32[B, s:size_of(x, "s"), d:width * 2]', ["l8", "g"]),
        ("f32[B, s:6, d:div(width, 2)]", []),
        ("f32[B, t:6, d:8]", []),
    ],
)
def test_a_declared_output_is_held_against_what_comes_out(output: str, valid: list[str]) -> None:
    space = small_space(f"{SEQUENCE}//@ param width 4\n//@ output {output}\n{DECLARED}")
    assert [a.text for a in space.enumerate()] == valid


def test_an_output_that_differs_says_so() -> None:
    with pytest.raises(einsyn.InfeasibleError) as caught:
        small_space(f"{SEQUENCE}//@ output f32[B, s:6, d:8]\n{DECLARED}").parse("l4")
    found = caught.value.diagnostics[0]
    assert found.code == "T060"
    assert found.message == "the output is f32[B, s:6, d:4], the space declares f32[B, s:6, d:8]"
    assert found.evidence == ("%1: f32[B, s:6, d:4]  /  linear(width=4)",)


def test_kinds_follow_from_axes() -> None:
    architecture = net(
        """define net()(image) {
        y = im2col(4, 4)(image)
        require kind_of(image) == "image2d" and kind_of(y) == "sequence"
        z = col2im(linear(4)(y))
        v = mean(["h", "w"])(z)
        require kind_of(z) == "image2d" and kind_of(v) == "vector" and axes_of(z) == ["c", "h", "w"]
        return v }""",
        IMAGE,
    )
    assert [str(t) for t in architecture.graph.types[1:]] == [
        "f32[B, s:2*2, d:64]",
        "f32[B, s:2*2, d:4]",
        "f32[B, c:4, h:2, w:2]",
        "f32[B, d:4]",
    ]
