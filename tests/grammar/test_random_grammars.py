"""Over random grammars: print and parse are inverse, counts are right, and stock Lark agrees."""

from __future__ import annotations

import random

import lark
import pytest
from random_grammars import random_grammar
from small_trees import by_size, draw, load, parse, text_of

from einsyn.errors import GrammarError
from einsyn.grammar.analysis import count, count_by_size

# Refusals that a random grammar may earn; anything else means that the generator or the loader is wrong.
_EXPECTED = {"G027", "G028", "G036", "G038", "G039", "G101", "G102", "G103", "G104"}


def _loaded(seeds: range) -> list[tuple[str, object]]:
    found, refused = [], []
    for seed in seeds:
        text = random_grammar(seed)
        try:
            found.append((text, load(text)))
        except GrammarError as error:
            refused.append((text, error))
    for text, error in refused:
        assert error.code in _EXPECTED, text
        assert all(d.span is not None and d.hint for d in error.diagnostics), text
    return found


@pytest.mark.parametrize("block", range(6))
def test_print_and_parse_are_inverse_and_lark_agrees(block: int) -> None:
    loaded = _loaded(range(block * 60, block * 60 + 60))
    assert len(loaded) >= 10
    for text, grammar in loaded:
        stock = lark.Lark(text, parser="lalr", strict=True)
        rng = random.Random(block)
        for _ in range(15):
            node = draw(grammar, rng)
            if node is None:
                continue
            sentence = text_of(grammar, node)
            assert parse(grammar, sentence) == node, text
            stock.parse(sentence)
            if any(t.name == '" "' for t in grammar.ignored):
                assert parse(grammar, f"  {sentence} ") == node


@pytest.mark.parametrize("block", range(4))
def test_counts_equal_brute_force_and_texts_differ(block: int) -> None:
    checked = 0
    for text, grammar in _loaded(range(1000 + block * 40, 1040 + block * 40)):
        expected = count_by_size(grammar, 5)
        if sum(expected) > 3000:
            continue
        nodes = by_size(grammar, 5)
        assert [len(nodes.get(size, [])) for size in range(6)] == expected, text
        sentences = [text_of(grammar, node) for of_size in nodes.values() for node in of_size]
        assert len(set(sentences)) == len(sentences), text
        for sentence in sentences[:200]:
            assert text_of(grammar, parse(grammar, sentence)) == sentence
        total = count(grammar)
        assert total is None or total >= sum(expected)
        checked += 1
    assert checked >= 5
