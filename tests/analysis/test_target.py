"""Weights for a wanted expected size: the changed lines, put into the file, give it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

import einsyn
from einsyn.analysis.branching import Branching
from einsyn.analysis.target import Retargeted, retarget
from einsyn.grammar.loader import load_grammar
from einsyn.grammar.model import Grammar

SPACES = {
    "one alternative a line": 'start: item  //@ p 0.7\n  | item ";" start -> seq\n'
    'item: "a" | "(" start ")"  // an item\n',
    "all on one line": 'start: item | item ";" start -> seq  // a chain\nitem: "a" | "b"\n',
    "weights and parameters": '//@ param n 3\nstart: "a" //@ w n\n  | "(" start start ")" -> seq //@ w n + 1\n'
    '  | "q" //@ w 0\n',
    "options": 'start: "a" | "<" start? ">" | "(" start ~ 1..3 ")" -> seq\n',
    "templates": 'start: chain{a} | chain{b}\nchain{x}: x | x "," chain{x}\na: "a"\nb: "b" | "(" start ")"\n',
    "an empty alternative": 'start: list\nlist:\n | "a" list\n',
    "groups over several lines": 'start: item | ( "(" start ";"\n    | "[" start ";" ) start ")" -> seq // both\n'
    '     | "<" (start\n     | "q" start) ">" // two lines\nitem: "a"\n',
    "lines that go on": 'start: "a" -> relu | \\\n   "(" start ";" start ")" -> seq | "b" -> tanh \\\n'
    '   | "<" start \\\n   ">"\n',
    "a weight where the next alternative begins": 'start: "a" | "(" (start  //@ w 1+2 // three\n'
    '    | "q" start) ";" start ")"\n',
    "remarks of other kinds": 'start: "a" # hash | "x"\n  | "(" start "//" start ")" //@ w 2 // #1 | 2\n  | "#"\n',
    "two slashes in a weight": '//@ param kind "//"\nstart: "a" //@ w if kind == "//" then 1 else 2 // as is\n'
    '  | "(" start start ")"\n',
    "a page break": 'start: "a" // \f \u2028 |\n  | "(" start start ")" -> seq\n',
    "no end of the last line": 'start: "a" | "(" start start ")"',
    "carriage returns": 'start: "a" | "b"\r\n  | "(" start start ")"  // twice\r\n',
    "empty alternatives on one line": 'start: list\nlist: | "a" list | "b" list "," list -> seq\n',
    "a template with and without recursion": 'start: "a"\n  | "<" t{start} ">"\n  | "[" t{leaf} "]"\nleaf: "b"\n'
    't{n}: n\n  | "(" n ";" n ")"\n  | "{" n ";" n ";" n "}"\n',
    "a template in two circles": 'start: "a"  //@ p 0.7\n  | "<" t{start} ">"\n  | "[" t{u} "]"\n'
    'u: "b" //@ p 0.6\n  | "(" t{u} ";" u ")"\nt{n}: n\n  | "$" n ";" n "#" -> seq\n',
    "several circles": 'start: a b\na: "a" | "x" a\nb: "b" | "y" b "." | "z" b b\n',
}


def load(folder: Path, text: str) -> Grammar:
    (folder / "space.lark").write_text(f"//@ einsyn 1\n{text}", encoding="utf-8")
    return load_grammar(folder / "space.lark")


def changed(grammar: Grammar, found: Retargeted) -> Grammar:
    """The grammar of the files with the changes made."""
    for change in reversed(found.changes):
        lines = Path(change.file).read_bytes().decode().split("\n")
        assert lines[change.line - 1] == change.old
        lines[change.line - 1 : change.line] = change.new
        Path(change.file).write_bytes("\n".join(lines).encode())
    return load_grammar(grammar.file)


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("size", [9, 30, 400, 100_000])
def test_the_changed_file_has_the_size(tmp_path: Path, name: str, size: float) -> None:
    grammar = load(tmp_path, SPACES[name])
    found = retarget(grammar, size)
    assert found.expected_size == pytest.approx(size, rel=1e-3)
    new = changed(grammar, found)
    assert Branching(new).expected_size == pytest.approx(found.expected_size, rel=1e-12)
    assert [p.describe() for p in new.productions] == [p.describe() for p in grammar.productions]
    assert [p.probability > 0 for p in new.productions] == [p.probability > 0 for p in grammar.productions]
    assert [p.alias for p in new.productions] == [p.alias for p in grammar.productions]


def test_comments_and_other_lines_stay(tmp_path: Path) -> None:
    grammar = load(tmp_path, SPACES["one alternative a line"])
    found = retarget(grammar, 30)
    assert [(c.line, len(c.new)) for c in found.changes] == [(2, 1), (3, 1), (4, 2)]
    assert found.changes[2].new[1].endswith("  // an item")
    assert "p 0.7" not in found.changes[0].new[0]


def test_proportions_of_what_recurs_equally_often_stay(tmp_path: Path) -> None:
    (tmp_path / "einspace.lark").write_text(einsyn.load("einspace").grammar.source)
    grammar = load_grammar(tmp_path / "einspace.lark")
    before = {p: p.probability for p in grammar.rules["module"].productions}
    found = retarget(grammar, 30)
    assert found.expected_size == pytest.approx(30, rel=1e-4)
    after = {p: p.probability for p in changed(grammar, found).rules["module"].productions}
    old, new = list(before.values()), list(after.values())
    assert new[0] > old[0]
    assert new[1] == new[2] == new[3]


def test_a_grammar_that_never_ends_is_made_finite(tmp_path: Path) -> None:
    grammar = load(tmp_path, 'start: "a" //@ p 0.2\n | "(" start start ")" -> seq\n')
    assert not Branching(grammar).consistent
    found = retarget(grammar, 15)
    assert found.factor < 1
    assert Branching(changed(grammar, found)).expected_size == pytest.approx(15, rel=1e-3)


@pytest.mark.parametrize(
    ("text", "size", "message"),
    [
        ('start: "a" | "b"\n', 30, "the grammar has no recursive rule to weigh"),
        ('start: "a" | "(" start ")"\n', 0.5, "it is 2 now"),
        ('start: "a" | "(" start start ")"\n', 1e16, "it is inf now"),
    ],
)
def test_sizes_that_cannot_be(tmp_path: Path, text: str, size: float, message: str) -> None:
    with pytest.raises(einsyn.GrammarError) as caught:
        retarget(load(tmp_path, text), size)
    (found,) = caught.value.diagnostics
    assert found.code == "G121"
    assert found.evidence == (message,)
    assert found.hint is not None
    assert "nearest" in found.hint


# Alternatives that begin with different signs, so that any of them can stand in one rule.
ENDS = ('"a"', '"b" -> relu', '"c" "//" -> tanh', "LEAF")
RECURS = (
    '"[" start "]"',
    '"<" (start ";"\n    | "!" ";") start ">"',
    '"{" start? "}" -> residual',
    '"^" start \\\n   ";" start',
    '"%" pair{start}',
    '"@" pair{leaf}',
    '"#" start ~ 1..3 "." -> list',
    '"&" [start ","\n   | "?" start] "+"',
)
BOTH = '"(" start ";" start ")" -> seq'
BARS = (" | ", "|", "\n  | ", "  // a | b\n  | ", " # c\n\n  | ", " | \\\n   ", " \\\n   | ", "  //@ w 2\n  | ")
BARS_OF_P = (*BARS[:-1], "//@ p 1/20 // small\n | ")
OTHERS = 'leaf: "l" | "m" | "n"\npair{n}: n | ":" n ";" n  -> seq\nLEAF: "8" | "16"\n'


def any_space(random: Random) -> str:
    """A recursive rule whose alternatives stand in lines in any way that loads, with weights where they may be."""
    alternatives = [*random.sample(ENDS, random.randint(1, 3)), BOTH, *random.sample(RECURS, random.randint(0, 5))]
    random.shuffle(alternatives)
    bars = random.choice((BARS, BARS_OF_P))
    text = f"start: {alternatives[0]}"
    alone = True  # no other alternative ends in this line
    for before, alternative in pairwise(alternatives):
        bar = random.choice(bars)
        if "//@" in bar and not alone and "\n" not in before:
            bar = "\n  | "
        alone = "\n" in bar
        text += bar + alternative
    return f"{text}{random.choice(('', '  // the end'))}\n{OTHERS}"


@pytest.mark.parametrize("seed", range(60))
def test_any_changed_file_has_the_size_that_is_claimed(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    grammar = load(tmp_path, any_space(random))
    size = random.choice((20, 60, 5000))
    found = retarget(grammar, size)
    assert found.expected_size == pytest.approx(size, rel=1e-3)
    new = changed(grammar, found)
    assert Branching(new).expected_size == pytest.approx(found.expected_size, rel=1e-9)
    assert [p.describe() for p in new.productions] == [p.describe() for p in grammar.productions]


def test_rules_of_other_files_change_there(tmp_path: Path) -> None:
    (tmp_path / "items.lark").write_text('item: "a" -> relu | "b" item -> res\n  | "c" item item -> seq')
    grammar = load(tmp_path, '%import .items.item\nstart: item | "(" start ";" start ")" -> seq\n')
    found = retarget(grammar, 30)
    assert {Path(c.file).name for c in found.changes} == {"items.lark", "space.lark"}
    assert Branching(changed(grammar, found)).expected_size == pytest.approx(found.expected_size, rel=1e-12)


def test_digits_are_few_where_they_do(tmp_path: Path) -> None:
    grammar = load(tmp_path, 'start: "a"\n | "(" start ";" start ")" -> seq\n')
    few, many = retarget(grammar, 10), retarget(grammar, 1e9)
    assert [c.new[0].rpartition(" ")[2] for c in few.changes] == ["0.55", "0.45"]
    assert [c.new[0].rpartition(" ")[2] for c in many.changes] == ["0.5000000005", "0.4999999995"]


def test_cases_of_an_option_have_no_weights(tmp_path: Path) -> None:
    with pytest.raises(einsyn.GrammarError) as caught:
        retarget(load(tmp_path, 'start: "a" ["(" start start ")"] -> opt\n'), 30)
    (found,) = caught.value.diagnostics
    assert (found.code, found.evidence) == ("G121", ("it is inf now",))
    assert found.hint is not None
    assert 'write them as alternatives, `"a"` and `"a" "(" start start ")"`' in found.hint
    as_alternatives = 'start: "a" -> relu | "a" "(" start start ")" -> opt\n'
    as_a_rule = 'start: "a" more -> opt\nmore: -> identity | "(" start start ")" -> seq\n'
    for text in (as_alternatives, as_a_rule):
        grammar = load(tmp_path, text)
        new = retarget(grammar, 30)
        assert Branching(changed(grammar, new)).expected_size == pytest.approx(30, rel=1e-3)


def test_a_smaller_size_may_lie_beyond_the_nearer_side(tmp_path: Path) -> None:
    # Less recursion makes `a` wait for its second alternative: sizes fall, then grow again.
    grammar = load(tmp_path, 'start: a\na: "p" a\n | "(" b b ")" //@ p 0.1\nb: "e"\n | "r" a //@ p 0.05\n')
    found = retarget(grammar, 10)
    assert found.factor > 1
    assert Branching(changed(grammar, found)).expected_size == pytest.approx(10, rel=1e-3)
