"""What lint says about spaces that load."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, small_space

from einsyn.analysis.branching import Branching
from einsyn.analysis.lint import lint
from einsyn.analysis.runaway import runaway
from einsyn.grammar.loader import load_grammar
from einsyn.shipped import shipped_spaces


def findings(text: str, draws: int = 300) -> list[tuple[str, int, str, str]]:
    """Code, line in the text, severity and message of each finding."""
    found = lint(small_space(text), draws)
    return [(d.code, d.span.line - 1 if d.span else 0, d.severity, d.message) for d in found]


CLEAN = SEQUENCE + 'start: "r" -> relu | "l" W -> linear\nW: "8" | "16"\n'


def test_a_clean_space_has_no_findings() -> None:
    assert findings(CLEAN) == []


def test_what_is_not_used() -> None:
    text = CLEAN + (
        "//@ param n 3\n//@ param m 3\n//@ main net\n//@ define net(f)(x) = other(f)(x)\n//@ define other(f) = f\n"
        "//@ define lonely()(x) = lonelier()(x)\n//@ define lonelier()(x) = linear(m)(x)\n"
    )
    assert [(code, line) for code, line, *_ in findings(text)] == [("D061", 4), ("D060", 9), ("D060", 10)]
    assert findings(text)[1][3] == "the definition `lonely` is not used"


@pytest.mark.parametrize("use", ['"8" | "16" //@ p 1 - n/10 n/10', "/[0-9]+/ //@ int 1..n"])
def test_parameters_are_used_by_weights_and_domains(use: str) -> None:
    assert findings(f'{SEQUENCE}//@ param n 3\nstart: "l" W -> linear\nW: {use}\n') == []


def test_parameters_are_used_by_types_and_requirements() -> None:
    assert findings('//@ param n 3\n//@ input x f32[B, d:n]\nstart: "r" -> relu | "t" -> tanh\n') == []
    assert findings(f'{SEQUENCE}//@ param n 3\n//@ require params >= n - 3\nstart: "r" -> relu | "t" -> tanh\n') == []


def test_names_that_hide_others() -> None:
    text = CLEAN + (
        "//@ param exp 3\n//@ param width 4\n//@ main net\n//@ define tanh(x) = x\n"
        "//@ define net(f, width=1, tanh=2, mean=3)(x) = f(linear(width + exp + tanh + mean)(x))\n"
    )
    assert [(code, line, message) for code, line, _, message in findings(text, 0)] == [
        ("D064", 4, "the parameter `exp` hides the primitive of that name"),
        ("D062", 7, "the definition `tanh` hides the primitive of that name"),
        ("D063", 8, "the argument `width` of `net` hides the parameter of the space of that name"),
        ("D063", 8, "the argument `tanh` of `net` hides the definition of that name"),
        ("D063", 8, "the argument `mean` of `net` hides the primitive of that name"),
    ]


# Recursion.


def test_recursion_that_never_ends() -> None:
    text = 'start: m\nm: "a" -> relu  //@ p 0.2\n | s\ns: "(" m ";" m ")" -> seq\n'
    grammar = load_grammar("space.lark", text=f"//@ einsyn 1\n{text}")
    (found,) = runaway(grammar)
    assert (found.code, found.severity, str(found.span)) == ("G120", "warning", "space.lark:3:1")
    assert "m -> s -> m" in found.message
    assert "some draws never end" in found.message
    assert found.hint == 'give `m: "a"` a probability of 0.51 or more; it has 0.2'
    better = load_grammar("space.lark", text=f"//@ einsyn 1\n{text.replace('0.2', '0.51')}")
    worse = load_grammar("space.lark", text=f"//@ einsyn 1\n{text.replace('0.2', '0.5')}")
    assert Branching(better).finite
    assert not Branching(worse).finite
    assert "expected size is infinite" in next(runaway(worse)).message


def test_recursion_that_no_single_probability_ends() -> None:
    text = 'start: a b\na: "x" | a0\na0: "(" a a ")" | "<" b b ">"\nb: "y" | "[" a b b "]"\n'
    (found,) = runaway(load_grammar("space.lark", text=f"//@ einsyn 1\n{text}"))
    assert found.hint is not None
    assert "probability of" in found.hint or "--target-size" in found.hint


# Alternatives that never type-check.

NEVER = (
    SEQUENCE
    + """
start: f ";" f -> seq
f: "r" -> relu
 | "c" -> deep
 | "l" W -> linear
W: "8" | "16"
//@ define deep()(x) = conv(4, 3)(x)
"""
)


def test_a_proven_alternative() -> None:
    (found,) = lint(small_space(NEVER), 300)
    assert (found.code, found.severity) == ("G122", "warning")
    assert found.message == '`f: "c"` is in no architecture: all 7 derivations that choose it fail'
    assert (
        found.evidence == ("7 times T011: `conv` needs an image (axes c, h, w or c, l), not f32[B, s:6, d:8]",)
        or "T011" in found.evidence[0]
    )
    assert found.span is not None
    assert found.span.line == 6
    # For another input there is nothing to say.
    assert lint(small_space(NEVER.replace("s:6, d:8", "c:4, l:8")), 300) == []


def test_an_alternative_of_an_infinite_space() -> None:
    text = NEVER.replace('start: f ";" f', 'start: f //@ p 0.7\n | f ";" start')
    (found,) = lint(small_space(text), 300)
    assert (found.code, found.severity) == ("G122", "note")
    assert "that was seen" in found.message
    assert found.message == lint(small_space(text), 300)[0].message


def test_a_rare_alternative_is_no_finding() -> None:
    text = (
        SEQUENCE
        + 'start: "a" start ";" start -> seq //@ p 0.4\n | rare //@ p 0.001\n | "r" -> relu\n'
        + 'rare: "q" W -> linear\nW: "8" | "9"\n'
    )
    assert findings(text, 50) == []


# Values of terminals that never type-check.

VALUES = (
    SEQUENCE
    + """
//@ output f32[B, s:6, d:9]
start: "a" W -> linear
W: "8" | "9" | "16"
"""
)


def test_a_proven_value() -> None:
    found = lint(small_space(VALUES), 300)
    assert [(d.code, d.severity, d.message) for d in found] == [
        ("G122", "warning", f'`W: "{n}"` is in no architecture: the one derivation that chooses it fails')
        for n in (8, 16)
    ]
    assert {d.span.line for d in found if d.span} == {6}
    # Where no value does, it is the alternative that is told.
    (all_of_it,) = lint(small_space(VALUES.replace('"9"', '"10"')), 300)
    assert all_of_it.message.startswith("`start: ")


def test_a_value_of_an_infinite_space() -> None:
    text = (
        SEQUENCE
        + 'start: "(" start ";" start ")" -> seq //@ p 0.3\n | "v" W -> wide\nW: "16" | "032"\n'
        + "//@ define wide(w)(x) = linear(w)(x)\n"
    )
    (found,) = lint(small_space(text), 300)
    assert (found.code, found.severity) == ("G122", "note")
    assert '`W: "032"` is in no architecture that was seen' in found.message
    assert found.hint is not None
    assert found.hint.startswith('mostly T004: width of `linear` must be an integer, not "032", in the definition at')


def test_numbers_without_end_are_not_asked_for() -> None:
    assert findings(f'{SEQUENCE}start: "a" W -> linear\nW: /[0-9]+/ //@ int 1..1000000\n', 5) == []


@pytest.mark.parametrize("name", ["einspace", "nasbench201"])
def test_shipped_spaces_are_clean(name: str) -> None:
    assert name in shipped_spaces()
    import einsyn

    assert lint(einsyn.load(name, profile="test"), 100) == []
