"""What `lint` proposes for recursion without end: written into the space as it is said, draws end."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest

from einsyn.analysis.branching import Branching
from einsyn.analysis.runaway import runaway
from einsyn.analysis.target import retarget
from einsyn.grammar.loader import load_grammar
from einsyn.grammar.model import Grammar

PROBABILITY = re.compile(r"give `(.+?): (.+)` a probability of ([\d./]+) or more(?:, below ([\d./]+))?; it has \S+")
WEIGHT = re.compile(r"give `(.+?): (.+)` the weight `(w [\d./]+)` or more; it has \S+")
WEIGHTS = re.compile(r"write ((?:`w [\d./]+`(?:, )?)+) at the alternatives of `(\w+)`, in this order, .*")

# One alternative a line.
SPACES = {
    "no weights": 'start: "a"\n | "(" start start ")"\n',
    "weights": 'start: "a"  //@ w 1\n | "(" start start ")"  //@ w 2\n | "[" start start start "]"  //@ w 1\n',
    "a weight unsaid": 'start: "a"\n | "(" start start ")"  //@ w 5/3\n | "b"  //@ w 0\n',
    "weights of a parameter": '//@ param n 3\nstart: "a"  //@ w n/7\n | "(" start start ")"  //@ w n*100\n',
    "probabilities that add to 1": 'start: "a"  //@ p 0.45\n | "b"  //@ p 0.05\n | "(" start start ")"  //@ p 0.3\n'
    ' | "[" start start "]"  //@ p 0.2\n',
    "thirds": 'start: "a"  //@ p 1/3\n | "(" start start ")"  //@ p 1/3\n | "[" start start "]"  //@ p 1/3\n',
    "what is left is not enough": 'start: "a"  //@ p 0.1\n | "(" start start ")"  //@ p 0.3\n'
    ' | "[" start start "]"  //@ p 0.2\n | "{" start start start "}"\n',
    "what is left is enough": 'start: "a"  //@ p 0.3\n | "b"  //@ p 0.03\n | "(" start start ")"\n',
    "what ends takes what is left": 'start: "a"\n | "(" start start ")"  //@ p 0.9\n',
    "never drawn": 'start: "a"  //@ p 0.2\n | "(" start start ")"\n | "old"  //@ p 0\n',
    "two rules": 'start: a\na: "a"  //@ w 2\n | "(" b b ")"  //@ w 7\nb: "b"\n | "[" a a a "]"\n',
    "two circles": 'start: a\n | b\na: "a"  //@ p 0.2\n | "(" a a ")"\nb: "b"  //@ w 1\n | "[" b b "]"  //@ w 9\n',
    "hardly an end": 'start: "a"\n | "(" start ~ 90 ")"\n',
    "a template": 'start: t{x}\n | t{y}\nx: "x"\ny: "y"\nt{n}: n  //@ p 0.3\n | "(" t{n} n t{n} ")"\n',
    "a template in a circle": 'start: "a"  //@ w 1\n | "<" t{start} ">"  //@ w 7\n | "[" t{leaf} "]"\nleaf: "b"\n'
    't{n}: n\n | "(" n ";" n ")"\n',
    "an option that ends": 'start: "a" ["!"]  //@ w 2\n | "(" start start ")"  //@ w 5\n',
}


def load(text: str) -> Grammar:
    return load_grammar("space.lark", text=f"//@ einsyn 1\n{text}")


def with_weights(grammar: Grammar, weights: dict[int, str]) -> str:
    """The text of a space without its first line, with other weights at some of its lines."""
    lines = grammar.source.split("\n")
    for line, weight in weights.items():
        lines[line - 1] = f"{lines[line - 1].partition('//@')[0]} //@ {weight}"
    return "\n".join(lines[1:])


def line_of(grammar: Grammar, rule: str, text: str) -> int:
    return next(p.span.line for p in grammar.rules[rule].productions if p.describe() == text)


def followed(grammar: Grammar, hint: str, scale: int = 1) -> str:
    """The text with what the hint says, or with so many times as much where it says `or more`."""
    if found := PROBABILITY.fullmatch(hint):
        rule, text, least, bound = found.groups()
        more = Fraction(least) if scale == 1 else (Fraction(least) + Fraction(bound or 1)) / 2
        return with_weights(grammar, {line_of(grammar, rule, text): f"p {more}"})
    if found := WEIGHT.fullmatch(hint):
        rule, text, least = found.groups()
        return with_weights(grammar, {line_of(grammar, rule, text): f"{least}*{scale}"})
    found = WEIGHTS.fullmatch(hint)
    assert found is not None, hint
    weights = re.findall(r"`(w [^`]+)`", found.group(1))
    lines = list(dict.fromkeys(p.span.line for p in grammar.rules[found.group(2)].productions))
    return with_weights(grammar, dict(zip(lines, weights, strict=True)))


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("scale", [1, 50])
def test_what_is_proposed_loads_and_ends(name: str, scale: int) -> None:
    grammar = load(SPACES[name])
    endless = list(runaway(grammar))
    assert endless
    for _ in endless:  # each is about one circle
        found = next(runaway(grammar), None)
        if found is None:
            break
        assert found.hint is not None
        grammar = load(followed(grammar, found.hint, scale))
    assert Branching(grammar).spectral_radius < 1
    assert not list(runaway(grammar))


def test_weights_are_proposed_as_weights() -> None:
    (found,) = runaway(load(SPACES["weights"]))
    assert found.hint == 'give `start: "a"` the weight `w 4.15` or more; it has 1'


def test_a_whole_rule_is_proposed_where_its_probabilities_add_to_1() -> None:
    (found,) = runaway(load(SPACES["probabilities that add to 1"]))
    assert found.hint is not None
    assert found.hint.startswith("write `w 0.45`, `w 0.0607`, `w 0.3`, `w 0.2` at the alternatives of `start`")


def test_the_others_set_a_bound() -> None:
    (found,) = runaway(load(SPACES["what is left is enough"]))
    assert found.hint == 'give `start: "a"` a probability of 0.48 or more, below 0.97; it has 0.3'


def test_cases_of_an_option() -> None:
    (found,) = runaway(load('start: "a" ["(" start start ")"] -> opt\n'))
    assert found.hint is not None
    assert "the option, group or count in `start`" in found.hint
    assert '`"a"` and `"a" "(" start start ")"`' in found.hint
    assert "--target-size" not in found.hint


def test_a_target_is_proposed_only_where_there_is_one() -> None:
    text = 'start: a b\na: "x" | a0\na0: "(" a a ")" | "<" b b ">"\nb: "[" a b b "]" | "{" a "}"\n'
    grammar = load(text)
    for found in runaway(grammar):
        assert found.hint is not None
        if size := re.search(r"--target-size (\d+)", found.hint):
            assert retarget(grammar, float(size[1])).expected_size == pytest.approx(float(size[1]), rel=1e-3)
    stuck = load(f'{text.replace("start: a b", "start: a b c")}c: ["(" c c ")"] "."\n')
    hints = {found.message.split("`")[1]: found.hint or "" for found in runaway(stuck)}
    assert "option" in hints["c"]
    assert all("--target-size" not in hint for hint in hints.values())
