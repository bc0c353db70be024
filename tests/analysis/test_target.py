"""Weights for a wanted expected size: the changed lines, put into the file, give it."""

from __future__ import annotations

from pathlib import Path

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
    "several circles": 'start: a b\na: "a" | "x" a\nb: "b" | "y" b "." | "z" b b\n',
}


def load(folder: Path, text: str) -> Grammar:
    (folder / "space.lark").write_text(f"//@ einsyn 1\n{text}", encoding="utf-8")
    return load_grammar(folder / "space.lark")


def changed(grammar: Grammar, found: Retargeted) -> Grammar:
    """The grammar of the file with the changes made."""
    lines = grammar.source.splitlines()
    for change in reversed(found.changes):
        assert change.file == grammar.file
        assert lines[change.line - 1] == change.old
        lines[change.line - 1 : change.line] = change.new
    return load_grammar(grammar.file, text="\n".join(lines) + "\n")


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("size", [9, 30, 400])
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


def test_proportions_of_what_recurs_equally_often_stay() -> None:
    grammar = einsyn.load("einspace").grammar
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
