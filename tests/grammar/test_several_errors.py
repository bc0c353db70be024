"""Mistakes that do not rest on one another are told together, in the order of the file."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, small_space

from einsyn.errors import GrammarError


def told(text: str) -> list[str]:
    """Code, line in the text and column of each mistake."""
    with pytest.raises(GrammarError) as caught:
        small_space(text)
    return [f"{d.code} {d.span.line - 1}:{d.span.column}" for d in caught.value.diagnostics if d.span]


def test_directives_are_read_on_after_a_wrong_one() -> None:
    text = (
        '//@ input x f32[B, d:8\n//@ param n\n//@ param m = 3\nstart: "a" -> g\n//@ max_ops 0\n//@ inputs x\n'
        "//@ define g()(x) = relu(x;\n//@ max_ops zero\n//@ title = 3\n//@ define h()(x) = x if y\n"
    )
    # A line below a definition that cannot be read may be part of it.
    assert told(text) == ["G062 1:1", "G049 2:1", "D002 3:13", "G064 5:1", "G047 6:1", "D001 7:27", "G049 10:23"]


def test_a_definition_that_cannot_be_read_hides_none_of_its_lines() -> None:
    body = "//@ define g()(x) {\n//@   y = 'a'\n//@   title = 3\n//@   require x > 3\n//@   return y\n//@ }\n"
    assert told(f'{SEQUENCE}start: "a" -> g\n{body}//@ define g()(x) = x\n//@ define h(a, a)(x) = x\n') == [
        "D001 4:11",
        "D004 10:17",
    ]


def test_pragmas_are_read_on_after_a_wrong_one() -> None:
    text = (
        f'{SEQUENCE}start: "a" -> relu //@ p 30%\n | "b" -> tanh //@ p 0.3 foo\n | "c" -> silu //@ p\n//@ max_ops 0\n'
    )
    assert told(text) == ["G045 2:20", "G045 3:26", "G045 4:16", "G064 5:1"]


def test_every_mistake_of_a_definition_is_told_once() -> None:
    body = "y = 3(z)\n//@   u = linear(1, 2, 3, 4)(tnah(x), z)\n//@   return foo(y, u)\n//@ }\n"
    text = f'{SEQUENCE}start: "a" -> g\n//@ define g()(x) {{\n//@   {body}//@ require parms < 3\n//@ main k\n'
    assert told(text) == ["D012 4:11", "D010 4:13", "D011 5:11", "D010 5:30", "D010 6:14", "D010 8:13", "D010 9:10"]


def test_mistakes_are_in_the_order_of_the_file() -> None:
    text = (
        f'{SEQUENCE}start: "a" -> relux\n  | "c" -> g\n  | "d" f f\nf: "q" -> add | "r" -> tanh\n'
        "//@ define g()(x) = relu(y)\n//@ define h()(x) = tnah(x)\n//@ main cls\n"
    )
    assert told(text) == ["D031 2:8", "D030 4:5", "D010 6:26", "D010 7:21", "D010 8:10"]
