"""Groups, options, repetitions and templates become alternatives; children become arguments."""

from __future__ import annotations

from fractions import Fraction

import pytest
from small_trees import load, parse, text_of

from einsyn.grammar.model import ConstArg, Grammar, ListArg, Production, Rule, SlotArg, SpliceArg

DIGITS = 'N: "1" | "2"\nM: "3" | "4"\nONE: "7"\n_SEP: ":" | "/"\n'


def only(grammar: Grammar, rule: str = "start") -> list[Production]:
    return list(grammar.rules[rule].productions)


def rows(grammar: Grammar, rule: str = "start") -> list[str]:
    return [p.describe() for p in only(grammar, rule)]


def test_groups_options_and_counts_are_written_out() -> None:
    assert rows(load('start: ("a" | "b") "c"\n')) == ['"a" "c"', '"b" "c"']
    assert rows(load('start: "a" ["b" "c"]\n')) == ['"a" "b" "c"', '"a"']
    assert rows(load('start: "a" ~ 1..3\n')) == ['"a"', '"a" "a"', '"a" "a" "a"']
    assert rows(load('start: "a" ~ 2\n')) == ['"a" "a"']
    assert rows(load('start: ("a" | "b") ~ 0..1\n')) == ["(empty)", '"a"', '"b"']
    assert rows(load("start: | x\nx: N\n" + DIGITS)) == ["(empty)", "x"]


def test_no_rules_are_invented() -> None:
    grammar = load('start: ("a" | "b" [x]) ~ 1..2 "c"\n?x: N\n' + DIGITS)
    assert list(grammar.rules) == ["start", "x"]


def test_an_option_is_the_same_in_both_spellings() -> None:
    one, two = load('start: "a" ["b" N]\n' + DIGITS), load('start: "a" ("b" N)?\n' + DIGITS)
    assert [(p.describe(), p.args) for p in only(one)] == [(p.describe(), p.args) for p in only(two)]


def test_expansions_share_the_probability_of_their_alternative() -> None:
    grammar = load('start: "a" ["b"] ["c"]  //@ p 0.25\n  | "d"\n')
    assert [p.probability for p in only(grammar)] == [Fraction(1, 16)] * 4 + [Fraction(3, 4)]


def test_names() -> None:
    grammar = load('start: "a" N\n  | "b" ["c"] -> f\n  | "d"\n' + DIGITS)
    assert [p.name for p in only(grammar)] == ["start_0", "f", "f", "start_2"]
    assert [p.alias for p in only(grammar)] == [None, "f", "f", None]
    assert [p.position for p in only(grammar)] == [0, 1, 2, 3]


def test_what_binds_and_what_does_not() -> None:
    (production,) = only(load('start: "a" N ONE _SEP x "b" -> f\nx: "x" N\n' + DIGITS))
    assert production.args == (SlotArg(0), ConstArg(7), SlotArg(2))
    assert [s.name for s in production.slots] == ["N", "_SEP", "x"]
    assert [t if isinstance(t, int) else t[1] for t in production.tokens] == ["a", 0, "7", 1, 2, "b"]


def test_the_literal_of_a_named_terminal_binds_nothing() -> None:
    grammar = load('start: "7" ONE -> f\n' + DIGITS)
    (production,) = only(grammar)
    assert production.args == (ConstArg(7),)
    assert [s.name for s in production.symbols] == ['"7"', "ONE"]
    assert parse(grammar, "77") == (production, ())


def test_an_absent_option_binds_none_for_each_child() -> None:
    present, absent = only(load('start: "a" ["b" N M "c"] N -> f\n' + DIGITS))
    assert present.args == (SlotArg(0), SlotArg(1), SlotArg(2))
    assert absent.args == (ConstArg(None), ConstArg(None), SlotArg(0))
    present, absent = only(load('start: "a" ["b"] N -> f\n' + DIGITS))
    assert (present.args, absent.args) == ((SlotArg(0),), (SlotArg(0),))


def test_an_option_of_a_spliced_rule_binds_as_many_none_as_it_passes_on() -> None:
    present, absent = only(load('start: "a" [_pair] -> f\n_pair: N "," M\n' + DIGITS))
    assert present.args == (SpliceArg(0),)
    assert isinstance(present.args[0], SpliceArg)
    assert absent.args == (ConstArg(None), ConstArg(None))


def test_a_count_binds_a_list() -> None:
    grammar = load('start: "a" x ~ 0..2 N -> f\nx: "x" N\n' + DIGITS)
    assert [p.args for p in only(grammar)] == [
        (ListArg(()), SlotArg(0)),
        (ListArg((SlotArg(0),)), SlotArg(1)),
        (ListArg((SlotArg(0), SlotArg(1))), SlotArg(2)),
    ]
    (production,) = only(load('start: (N "," M) ~ 2 -> f\n' + DIGITS))
    assert production.args == (ListArg((ListArg((SlotArg(0), SlotArg(1))), ListArg((SlotArg(2), SlotArg(3))))),)
    (production,) = only(load('start: "a" ~ 2 N -> f\n' + DIGITS))
    assert production.args == (SlotArg(0),)
    (production,) = only(load("start: ONE ~ 2 -> f\n" + DIGITS))
    assert production.args == (ListArg((ConstArg(7), ConstArg(7))),)


def test_spliced_rules_keep_their_node() -> None:
    grammar = load('start: "(" _pair ")" -> f\n_pair: N "," M\n' + DIGITS)
    (production,) = only(grammar)
    assert production.args == (SpliceArg(0),)
    assert grammar.rules["_pair"].splices
    node = parse(grammar, "(1,4)")
    assert node[1][0][0] is only(grammar, "_pair")[0]


def test_conditional_rules_keep_their_node() -> None:
    grammar = load("start: x\n?x: y\n?y: N\n" + DIGITS)
    node = parse(grammar, "2")
    assert [node[0].rule.name, node[1][0][0].rule.name, node[1][0][1][0][0].rule.name] == ["start", "x", "y"]


def test_templates_are_named_by_their_arguments() -> None:
    grammar = load('start: edge{N} edge{M} -> f\nedge{i}: "(" i ")" -> edge  //@ p 0.25\n  | "[" i "]"\n' + DIGITS)
    assert list(grammar.rules) == ["start", "edge{N}", "edge{M}"]
    for rule in ("edge{N}", "edge{M}"):
        first, second = only(grammar, rule)
        assert (first.name, first.probability) == ("edge", Fraction(1, 4))
        assert (second.name, second.probability) == ("edge_1", Fraction(3, 4))


def test_templates_take_literals_rules_and_templates() -> None:
    text = 'start: list{pair{N, ":"}, ","}\nlist{x, sep}: x | x sep list{x, sep}\npair{x, sep}: "<" x sep M ">"\n'
    grammar = load(text + DIGITS)
    assert list(grammar.rules) == ["start", 'list{pair{N,":"},","}', 'pair{N,":"}']
    node = parse(grammar, "<1:3>,<2:4>")
    assert text_of(grammar, node) == "<1:3>,<2:4>"


def test_case_insensitive_strings_are_spelled_as_written() -> None:
    grammar = load('start: "Conv"i N\n' + DIGITS)
    assert text_of(grammar, parse(grammar, "Conv1")) == "Conv1"
    with pytest.raises(Exception, match="write `Conv`"):
        parse(grammar, "conv1")


def test_productions_are_numbered_through_the_grammar() -> None:
    grammar = load("start: x | y\nx: N\ny: M ~ 1..3\n" + DIGITS)
    assert [p.index for p in grammar.productions] == list(range(6))
    assert all(p.rule.productions[p.position] is p for p in grammar.productions)
    assert all(isinstance(s, Rule) or len(s.domain) > 1 for p in grammar.productions for s in p.slots)
