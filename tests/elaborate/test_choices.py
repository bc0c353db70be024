"""Choices: when a child is chosen, what it means, and what happens to those that nothing applies."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, ops, small_space, wiring

import einsyn
from einsyn import Chooser, TensorType
from einsyn.derivation.choice import Choice
from einsyn.grammar.model import Production, Rule, Terminal


class First(Chooser):
    """Always the first answer; notes what was asked for, in order."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        self.asked.append(f"{path} {'?' if types is None else ' '.join(str(t) for t in types)}")
        return rule.productions[0] if isinstance(rule, Rule) else 0


OPTIONAL = """
start: "n" act? [width "/" N] -> net
act: "r" -> relu | "t" -> tanh
width: W
W: "4" | "8"
N: "1" | "2"
//@ define net(act, width, n)(x) {
//@   y = if act == none then x else act(x)
//@   return if width == none then y else repeat(n, linear(width))(y)
//@ }
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n", []),
        ("nr", ["relu"]),
        ("n8/1", ["linear(width=8)"]),
        ("nt4/2", ["tanh", "linear(width=4)", "linear(width=4)"]),
    ],
)
def test_an_option_that_is_absent_is_none(text: str, expected: list[str]) -> None:
    space = small_space(SEQUENCE + OPTIONAL)
    assert ops(space.parse(text)) == expected
    assert space.count() == 3 * 5


REPEATED = """
start: "[" layer ~ 0..3 "]" N ~ 2 -> stack
layer: "r" -> relu | "l" N -> linear
N: "4" | "8"
//@ define stack(layers, widths)(x) = seq(*layers, *[linear(w) for w in widths], linear(len(layers) + 1))(x)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]48", ["linear(width=4)", "linear(width=8)", "linear(width=1)"]),
        ("[rl4r]88", ["relu", "linear(width=4)", "relu", "linear(width=8)", "linear(width=8)", "linear(width=4)"]),
    ],
)
def test_a_repetition_is_a_list(text: str, expected: list[str]) -> None:
    assert ops(small_space(SEQUENCE + REPEATED).parse(text)) == expected


SPLICED = """
start: "c" _pair act _two -> net
_pair: W "," W
     | W ",,"  _same
_same: W
_two: "+" act _one | "-" act _one
_one: act
act: "r" -> relu | "t" -> tanh
W: "4" | "8"
//@ define net(a, b, *acts)(x) = seq(linear(a), linear(b), *acts)(x)
"""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("c4,8r+tt", ["linear(width=4)", "linear(width=8)", "relu", "tanh", "tanh"]),
        ("c8,,4t-rt", ["linear(width=8)", "linear(width=4)", "tanh", "relu", "tanh"]),
    ],
)
def test_a_rule_with_an_underscore_gives_its_children_to_the_one_above(text: str, expected: list[str]) -> None:
    assert ops(small_space(SEQUENCE + SPLICED).parse(text)) == expected


DEFERRED = """
start: "n" block act -> net
block: "a" -> one | "b" -> two
act: "l" -> leaky_relu | "m" -> smooth
//@ define net(block, act)(x) = act(0.5)(x) + residual(block(8, n=2))(act(x))
//@ define one(width, n=1)(x) = linear(width)(x)
//@ define two(width, n)(x) = repeat(n, linear(width))(x)
//@ define smooth(slope=0.25)(x) = leaky_relu(slope)(x)
"""


@pytest.mark.parametrize(
    ("text", "slope", "linears"),
    [("nal", "", 1), ("nbl", "", 2), ("nam", "(slope=0.25)", 1), ("nbm", "(slope=0.25)", 2)],
)
def test_choices_configured_with_values(text: str, slope: str, linears: int) -> None:
    architecture = small_space(SEQUENCE + DEFERRED).parse(text)
    middle = ["linear(width=8)"] * linears
    assert ops(architecture) == ["leaky_relu(slope=0.5)", f"leaky_relu{slope}", *middle, "add", "add"]


def test_alternatives_that_await_different_things_are_refused() -> None:
    with pytest.raises(einsyn.GrammarError, match="D034"):
        small_space(
            f"""{SEQUENCE}
start: "n" block -> net
block: "a" -> relu | "b" -> two
//@ define net(block)(x) = block(x)
//@ define two(width, n)(x) = repeat(n, linear(width))(x)
"""
        )


ONCE = """
start: "n" layer -> net
layer: "l" W -> linear | "r" -> relu | "d" W -> double
W: "4" | "8"
//@ define net(f)(x) = concat(1)(f(x), f(linear(3)(x)), f(x))
//@ define double(w)(x) = linear(w)(linear(w)(x))
"""


def test_an_argument_is_chosen_once_and_has_fresh_weights_each_time() -> None:
    space = small_space(SEQUENCE + ONCE)
    architecture = space.parse("nl4")
    assert wiring(architecture) == [
        "%1: f32[B, s:6, d:4] = linear(width=4)(%0) weights 0",
        "%2: f32[B, s:6, d:3] = linear(width=3)(%0) weights 1",
        "%3: f32[B, s:6, d:4] = linear(width=4)(%2) weights 2",
        "%4: f32[B, s:6, d:4] = linear(width=4)(%0) weights 3",
        "%5: f32[B, s:18, d:4] = concat(axis=1)(%1, %3, %4)",
        "output %5",
    ]
    assert architecture.params == 36 + 27 + 16 + 36
    chooser = First()
    assert space.generate(chooser) == architecture
    assert [line.split()[0] for line in chooser.asked] == ["/", "/layer", "/layer/W"]


def test_an_argument_that_does_not_fit_a_later_type_is_infeasible() -> None:
    space = small_space(SEQUENCE + ONCE)
    # relu keeps the width, so the three pieces differ: 8, 3 and 8.
    with pytest.raises(einsyn.InfeasibleError) as caught:
        space.parse("nr")
    assert caught.value.code == "T014"
    assert {a.text for a in space.enumerate()} == {"nl4", "nl8", "nd4", "nd8"}


UNUSED = """
start: "n" f f g W -> net
f: "r" -> relu | "p" f f -> pair
g: "t" -> tanh | "u" W -> linear
W: "4" | "8"
//@ define net(a, b, c, w)(x) = if true then repeat(0, b)(c(x)) else a(x)
//@ define pair(a, b)(x) = a(b(x))
"""


def test_what_is_never_applied_is_chosen_afterwards_in_text_order() -> None:
    chooser = First()
    space = small_space(SEQUENCE + UNUSED)
    architecture = space.generate(chooser)
    assert architecture.text == "nrrt4"
    assert chooser.asked == [
        "/ f32[B, s:6, d:8]",
        "/g f32[B, s:6, d:8]",
        "/f[0] ?",
        "/f[1] ?",
        "/W ?",
    ]
    assert ops(architecture) == ["tanh"]
    whole = space.parse("npprrrpprrru88")
    assert whole.derivation.size == whole.size
    assert whole.depth == whole.derivation.depth
    assert ops(whole) == ["linear(width=8)"]


def test_unused_choices_count_for_size_depth_and_probability() -> None:
    space = small_space(SEQUENCE + UNUSED)
    assert space.parse("nrrt4").log_prob == space.derivation("nrrt4").log_prob
    with pytest.raises(einsyn.InfeasibleError) as caught:
        space.parse("npprrrpprrru88", max_depth=3)
    assert caught.value.code == "L005"
    with pytest.raises(einsyn.InfeasibleError) as caught:
        space.parse("npprrrpprrru88", max_size=8)
    assert caught.value.code == "L006"


FIRST_CLASS = """
start: "n" how f f -> net
how: "s" -> compose | "p" -> plus
f: "r" -> relu | "l" W -> linear
W: "4" | "8"
//@ define net(how, f, g)(x) = apply(how, [f, g])(x)
//@ define apply(how, fs) = how(*fs)
//@ define compose(a, b)(x) = b(a(x))
//@ define plus(a, b)(x) = a(x) + b(x)
"""


def test_a_macro_chosen_by_the_grammar_is_a_value() -> None:
    space = small_space(SEQUENCE + FIRST_CLASS)
    assert ops(space.parse("nsl4r")) == ["linear(width=4)", "relu"]
    assert ops(space.parse("npl8r")) == ["linear(width=8)", "relu", "add"]
    assert space.count_valid() == (9 + 5, True)


INSPECTED = """
start: "n" mode W -> net
mode: "a" -> fast | "b" -> slow
W: "4" | "8"
//@ define fast() = "fast"
//@ define slow() = "slow"
//@ define net(mode, w)(x) = if mode == "fast" and w > 4 then linear(w)(x) else relu(x)
"""


def test_a_choice_may_be_a_value_that_is_compared() -> None:
    space = small_space(SEQUENCE + INSPECTED)
    assert {a.text: ops(a) for a in space.enumerate()} == {
        "na4": ["relu"],
        "na8": ["linear(width=8)"],
        "nb4": ["relu"],
        "nb8": ["relu"],
    }


TEMPLATES = """
start: "n" edge{ONE} edge{TWO} -> net
edge{n}: "r" n -> act | "s" -> identity
ONE: "1"
TWO: "2"
//@ define act(n)(x) = repeat(n, relu)(x)
//@ define net(a, b) = seq(a, b)
"""


def test_templates_and_terminals_with_one_text() -> None:
    space = small_space(SEQUENCE + TEMPLATES)
    assert {a.text: len(ops(a)) for a in space.enumerate()} == {"nr1r2": 3, "nr1s": 2, "nsr2": 3, "nss": 2}


INLINE = """
start: "n" f -> net
?f: g | "(" f ")"
g: "r" -> relu
  | W
W: "4" | "8"
//@ define net(f)(x) = f(x)
"""


def test_an_unnamed_alternative_means_its_child() -> None:
    space = small_space(SEQUENCE + INLINE)
    assert ops(space.parse("n((r))")) == ["relu"]
    with pytest.raises(einsyn.InfeasibleError, match="an integer cannot be applied to tensors"):
        space.parse("n(4)")


def test_a_list_is_compared_with_what_its_choices_mean() -> None:
    text = (
        f'{SEQUENCE}start: "n" A A -> net\nA: "1" | "2"\n'
        "//@ define net(a, b)(x) = if [a, b] == [1, 2] then relu(x) else tanh(x)\n"
    )
    space = small_space(text)
    assert {a.text: list(a.ops) for a in space.enumerate()} == {
        "n11": ["tanh"],
        "n12": ["relu"],
        "n21": ["tanh"],
        "n22": ["tanh"],
    }


def test_attributes_that_a_production_leaves_are_given_later() -> None:
    text = (
        '//@ input x f32[B, c:4, h:8, w:8]\nstart: "n" p -> net\np: q | "a" -> avg_pool\nq: "m" K -> max_pool\n'
        'K: "2" | "4"\n//@ define net(pool)(x) = pool(2)(x)\n'
    )
    space = small_space(text)
    assert str(space.parse("nm4").graph.operations[0].op) == "max_pool(kernel=4, stride=2)"
    assert str(space.parse("na").graph.operations[0].op) == "avg_pool(kernel=2)"


LISTED = """
start: pair ~ 1..2 -> net
pair: "[" N "x" W "]" -> pair
N: "1" | "2"
W: "4" | "8"
//@ define pair(n, w) = [n, w]
"""


@pytest.mark.parametrize(
    "body",
    [
        "for n, w in pairs with y = x { y = repeat(n, linear(w))(y) } return y",
        "return seq(*[repeat(n, linear(w)) for n, w in pairs])(x)",
    ],
)
def test_a_choice_that_denotes_a_list_is_unpacked(body: str) -> None:
    space = small_space(f"{SEQUENCE}{LISTED}//@ define net(pairs)(x) {{ {body} }}\n")
    assert ops(space.parse("[2x4][1x8]")) == ["linear(width=4)", "linear(width=4)", "linear(width=8)"]
