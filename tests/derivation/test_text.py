"""Canonical text: printing and parsing are inverse, and text and derivation are one to one."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, small_space

import einsyn
from einsyn.derivation.draw import draw, pretty_text
from einsyn.derivation.enumerate import derivations

SPACES = {
    "words": SEQUENCE
    + """
start: "seq" part part -> seq | part
part: "relu" | "linear" WIDTH "times" COUNT | "linear" WIDTH
WIDTH: "8" | "16" | "128"
COUNT: "1" | "2"
%ignore " "
//@ define part_0()(x) = relu(x)
//@ define part_1(w, n)(x) = repeat(n, linear(w))(x)
//@ define part_2(w)(x) = linear(w)(x)
""",
    "options": SEQUENCE
    + """
start: "[" layer ~ 1..3 "]" tail? -> stack
layer: "r" -> relu | "t" -> tanh
tail: "+" ("a" | "b") N -> tail
N: /[0-9]+/   //@ int 2..8 step 3
//@ define tail(n) = linear(n)
//@ define stack(layers, tail)(x) = seq(*layers, if tail == none then identity else identity)(x)
""",
    "floats": SEQUENCE
    + """
start: "s" SLOPE "n" EPS -> both
SLOPE: /[0-9.]+/   //@ float 0.5..2 step 0.5
EPS: "0.001" | "0.1"
//@ define both(a, b)(x) = layer_norm(eps=b)(leaky_relu(a)(x))
""",
}


@pytest.mark.parametrize("name", SPACES)
def test_print_and_parse_are_inverse(name: str) -> None:
    space = small_space(SPACES[name])
    texts: set[str] = set()
    for tree in derivations(space.grammar):
        text = tree.text
        again = space.derivation(text)
        assert again == tree
        assert again.log_prob == tree.log_prob
        texts.add(text)
    assert len(texts) == space.count()


@pytest.mark.parametrize("name", SPACES)
def test_pretty_text_and_ignored_space_denote_the_same(name: str) -> None:
    space = small_space(SPACES[name])
    for tree in list(derivations(space.grammar))[:30]:
        assert space.derivation(pretty_text(tree, space.grammar)) == tree
        assert draw(tree).count("\n") == len(list(tree.nodes())) - 1
    if name == "words":
        loose = space.derivation("  seq relu   linear 8times   2 ")
        assert loose.text == "seqrelulinear8times2"


def test_a_space_stands_only_where_tokens_would_run_together() -> None:
    space = small_space(
        SEQUENCE
        + """
start: "pair" N N -> pair
N: "1" | "12" | "2"
%ignore " "
//@ define pair(a, b)(x) = linear(a)(linear(b)(x))
"""
    )
    texts = [a.text for a in space.enumerate()]
    # `122` reads as 12 and 2 by itself; `1` and `2` without a space would be 12.
    numbers = ["11", "112", "1 2", "121", "1212", "122", "21", "212", "22"]
    assert texts == [f"pair{n}" for n in numbers]
    assert all(space.parse(text).text == text for text in texts)


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("", "A001", 1),
        ("relu relu", "A004", 6),
        ("seq relu", "A003", 9),
        ("seq relu linear 9", "A002", 17),
        ("seq relu ; relu", "A002", 10),
        ("\x00", "A002", 1),
    ],
)
def test_texts_that_are_not_in_the_language(text: str, code: str, column: int) -> None:
    space = small_space(SPACES["words"])
    with pytest.raises(einsyn.ArchitectureError) as caught:
        space.parse(text)
    found = caught.value.diagnostics[0]
    assert found.code == code
    assert found.span is not None
    assert (found.span.line, found.span.column) == (1, column)


def test_only_canonical_spellings_are_in_the_language() -> None:
    space = small_space(SPACES["floats"])
    assert space.parse("s0.5n0.1").text == "s0.5n0.1"
    with pytest.raises(einsyn.ArchitectureError) as caught:
        space.parse("s0.50n0.1")
    assert caught.value.code == "A005"
    assert "0.5" in (caught.value.diagnostics[0].hint or "")
