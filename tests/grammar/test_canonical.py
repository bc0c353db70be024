"""One canonical text per derivation, or a refusal."""

from __future__ import annotations

import pytest
from small_trees import by_size, load, parse, text_of

from einsyn.errors import GrammarError

SPACE = '%ignore " "\n'


def sentences(text: str, up_to: int = 4) -> list[str]:
    grammar = load(text)
    found = []
    for nodes in by_size(grammar, up_to, all=True).values():
        for node in nodes:
            sentence = text_of(grammar, node)
            assert parse(grammar, sentence) == node
            found.append(sentence)
    assert len(set(found)) == len(found)
    return found


def test_no_spaces_where_none_are_needed() -> None:
    text = 'start: "permute" TWO ONE | "linear" WIDTH | "clone" TWO | "(" start ";" start ")"\n'
    text += 'WIDTH: "16" | "512"\nONE: "1"\nTWO: "2"\n' + SPACE
    assert load(text).spacing.never
    assert sentences(text, 1) == ["permute21", "linear16", "linear512", "clone2"]


def test_one_space_where_tokens_would_run_together() -> None:
    text = 'start: D D\nD: "1" | "6" | "16"\n' + SPACE
    assert sentences(text) == ["11", "1 6", "116", "61", "66", "616", "161", "166", "1616"]
    assert not load(text).spacing.never


def test_a_space_only_for_the_texts_that_need_one() -> None:
    text = 'start: ACT T\nACT: "relu" | "relu6"\nT: "6" | "x"\n' + SPACE
    assert sentences(text) == ["relu 6", "relux", "relu66", "relu6x"]


def test_words_before_patterns() -> None:
    text = 'start: "stage" N | "stage" N "x" N\nN: /[0-9]+/  //@ int 9..10\n' + SPACE
    assert sentences(text)[:2] == ["stage9", "stage10"]
    text = "start: NAME NAME\nNAME: /[a-z]+/  //@ one_of a b\n" + SPACE
    assert sentences(text) == ["a a", "a b", "b a", "b b"]


def test_other_ignored_white_space_serves_too() -> None:
    for ignored in ("%ignore /[ \\t\\n]+/\n", "%import common.WS\n%ignore WS\n", '%ignore /[ ]/\n%ignore "\\n"\n'):
        assert sentences('start: D D\nD: "1" | "11"\n' + ignored)[0] == "1 1"


def test_a_run_over_several_tokens_is_seen() -> None:
    text = 'start: "a" "b" "c" | "abcd" "e" | "a" "b" x\nx: "cd"\n'
    with pytest.raises(GrammarError) as caught:
        load(text)
    assert caught.value.code == "G103"
    assert load('start: "a" "b" "c" | "abcd" "e"\n').spacing.never


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('start: D D\nD: "1" | "6" | "16"\n', "G103"),
        ('start: D D\nD: "1" | "6" | "16"\n%ignore "\\n"\n', "G103"),
        ('start: "a" "b" | "a b" "c"\n' + SPACE, None),
        ('start: "a" ("b" | "bc") | "a b" "d"\n' + SPACE, None),
        ('start: A B\nA: "a" | "a "\nB: " b" | "b"\n' + SPACE, "G103"),
        ('start: N "x" | M\nN: "1" | "2"\nM: "2" | "3"\n', "G101"),
        ('start: "1" "2" | "<" A\nA: "1" | "2"\n', None),
        ('start: "if" | NAME\nNAME: /[a-z]+/  //@ one_of go\n', "G101"),
        ('start: "ifx" | NAME "9"\nNAME: /[a-z]+/  //@ one_of go\n', "G101"),
        ('start: "7x" | N\nN: /[0-9]+/  //@ int 1..9\n', "G102"),
        ('start: "a" NAME | "b" "if"\nNAME: /[a-z]+/  //@ one_of if go\n', None),
        ('start: "a" | "b" N\nN: /[a-c]+/  //@ one_of a ab\n', None),
        ('start: "#" N\nN: "1"\n%ignore /#[^\\n]*/\n', "G101"),
    ],
)
def test_refusals(text: str, code: str | None) -> None:
    if code is None:
        load(text)
        sentences(text)
        return
    with pytest.raises(GrammarError) as caught:
        load(text)
    assert caught.value.code == code
    assert caught.value.diagnostics[0].hint


def test_a_refusal_names_both_places_and_an_example() -> None:
    with pytest.raises(GrammarError) as caught:
        load('start: "1" "2" | A\nA: "1" | "2"\n')
    found = caught.value.diagnostics[0]
    assert "'1'" in found.message
    assert "\n".join(found.evidence).count("space.lark:") == 2


def test_ignored_characters_do_not_change_the_derivation() -> None:
    grammar = load('start: "(" start ";" start ")" | "a" D D\nD: "1" | "11"\n' + SPACE)
    node = parse(grammar, "(a1 1;a 11 1)")
    for text in ("  ( a1 1 ; a11 1)  ", "(a 1 1;a11 1)"):
        assert parse(grammar, text) == node
    assert text_of(grammar, node) == "(a1 1;a111)" or text_of(grammar, node) == "(a1 1;a11 1)"
    assert parse(grammar, text_of(grammar, node)) == node
