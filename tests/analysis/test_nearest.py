"""The nearest sentence against all sentences of small grammars, and on texts as people mistype them."""

from __future__ import annotations

import random
from functools import cache

import pytest

import einsyn
from einsyn.analysis import nearest as module
from einsyn.analysis.nearest import nearest
from einsyn.derivation.enumerate import derivations
from einsyn.derivation.text import read
from einsyn.grammar.loader import load_grammar
from einsyn.grammar.model import Grammar

# Tokens are single signs that are no letters, so that texts and tokens are one to one. Sentences beyond these sizes are
# longer than any text that is tried by more than its distance to the short ones.
GRAMMARS = {
    "brackets": ('start: ":" | "(" start start ")" -> seq\n', 11),
    "a list": ('start: item | item ";" start -> seq\nitem: ":" | "!" W\nW: "1" | "2" | "3"\n', 12),
    "options and ignored spaces": ('start: "+" "-"? ("*" | W) ~ 1..2\nW: "1" | "2"\n%ignore " "\n', 4),
    "an empty sentence": ('start: | "<" start ">" -> seq\n', 8),
}


def load(text: str) -> Grammar:
    return load_grammar("space.lark", text=f"//@ einsyn 1\n{text}")


def edit_distance(a: tuple[str, ...], b: tuple[str, ...]) -> int:
    """The fewest insertions, removals and replacements (Levenshtein)."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


@cache
def sentences(name: str) -> tuple[Grammar, tuple[tuple[str, ...], ...]]:
    text, size = GRAMMARS[name]
    grammar = load(text)
    return grammar, tuple(tuple(t for _, t in read(tree)[0]) for tree in derivations(grammar, size))


@pytest.mark.parametrize("name", GRAMMARS)
def test_no_sentence_is_nearer(name: str) -> None:
    grammar, known = sentences(name)
    signs = sorted({t for tokens in known for t in tokens} | {"?"})
    rng = random.Random(name)
    for _ in range(60):
        text = "".join(rng.choices(signs, k=rng.randint(0, 6)))
        found = nearest(grammar, text)
        assert found is not None
        expected = min(edit_distance(tuple(text), tokens) for tokens in known)
        assert found.distance == expected, (text, found)
        reached = tuple(found.text.replace(" ", ""))
        assert reached in known
        assert edit_distance(tuple(text), reached) == found.distance


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_edits_lead_to_the_sentence(name: str) -> None:
    grammar, known = sentences(name)
    signs = sorted({t for tokens in known for t in tokens} | {"?"})
    rng = random.Random(name)
    for _ in range(40):
        text = "".join(rng.choices(signs, k=rng.randint(0, 7)))
        found = nearest(grammar, text)
        assert found is not None
        made, at = "", 0
        for edit in found.edits:
            made += text[at : edit.position] + edit.new
            assert text[edit.position : edit.position + len(edit.old)] == edit.old
            at = edit.position + len(edit.old)
        assert made + text[at:] == found.text.replace(" ", "")


def test_a_sentence_is_its_own_nearest() -> None:
    space = einsyn.load("einspace")
    for architecture in space.sample(20, seed=4, max_size=40):
        found = nearest(space.grammar, architecture.text)
        assert found is not None
        assert (found.text, found.edits) == (architecture.text, ())


MISTYPED = {
    "(norm;liner64)": ("(norm;linear64)", ["write `linear` for `liner`"]),
    "(norm;linear65)": ("(norm;linear64)", ["write `64` for `65`"]),
    "(norm;linear64": ("(norm;linear64)", ["put in `)`"]),
    "(norm;norm))": ("(norm;norm)", ["take out `)`"]),
    "(norm linear64)": ("(norm;linear64)", ["put in `;`"]),
    "branch(clone2,linear16,linear32,ad)": ("branch(clone2,linear16,linear32,add)", ["write `add` for `ad`"]),
    "branch(clone2,linear16,add)": ("branch(clone4,linear16,add)", ["write `4` for `2`"]),
}


@pytest.mark.parametrize("text", MISTYPED)
def test_as_people_mistype(text: str) -> None:
    found = nearest(einsyn.load("einspace").grammar, text)
    assert found is not None
    expected, edits = MISTYPED[text]
    assert (found.text, [str(e) for e in found.edits]) == (expected, edits)


def test_a_long_text_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ITEMS", 50)
    assert nearest(einsyn.load("einspace").grammar, "(" * 40) is None


def test_deep_texts_do_not_recurse() -> None:
    grammar = load('start: "a" | "(" start ")"\n')
    depth = 3_000
    found = nearest(grammar, "(" * depth + "b" + ")" * depth)
    assert found is not None
    assert found.text == "(" * depth + "a" + ")" * depth
    assert [str(e) for e in found.edits] == ["write `a` for `b`"]
