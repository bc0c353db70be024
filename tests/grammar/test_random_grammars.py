"""Over random grammars: print and parse are inverse, counts are right, and stock Lark agrees."""

from __future__ import annotations

import math
import random

import lark
from hypothesis import given, settings
from hypothesis import strategies as st
from small_trees import by_size, draw, load, parse, text_of

from einsyn.errors import GrammarError
from einsyn.grammar.analysis import count, count_by_size, min_depths, min_sizes
from einsyn.grammar.model import Grammar, Rule
from einsyn.testing import grammar_texts

# Refusals that a random grammar may earn; anything else means that the generator or the loader is wrong.
_EXPECTED = {"G027", "G028", "G036", "G038", "G039", "G101", "G102", "G103", "G104"}


def loaded(text: str) -> Grammar | None:
    """The grammar, or None where the loader refuses it for a reason that it may have."""
    try:
        return load(text)
    except GrammarError as error:
        refusal = error
    assert refusal.code in _EXPECTED, text
    assert all(d.span is not None and d.hint for d in refusal.diagnostics), text
    return None


def test_the_loader_takes_most() -> None:
    taken: list[bool] = []

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(grammar_texts())
    def load_it(text: str) -> None:
        taken.append(loaded(text) is not None)

    load_it()
    assert sum(taken) > len(taken) / 3


@settings(max_examples=200, deadline=None, derandomize=True)
@given(grammar_texts(), st.integers(0, 2**32))
def test_print_and_parse_are_inverse_and_lark_agrees(text: str, seed: int) -> None:
    grammar = loaded(text)
    if grammar is None:
        return
    stock = lark.Lark(text, parser="lalr", strict=True)
    rng = random.Random(seed)
    for _ in range(10):
        node = draw(grammar, rng)
        if node is None:
            continue
        sentence = text_of(grammar, node)
        assert parse(grammar, sentence) == node, text
        stock.parse(sentence)
        if any(t.name == '" "' for t in grammar.ignored):
            assert parse(grammar, f"  {sentence} ") == node


@settings(max_examples=120, deadline=None, derandomize=True)
@given(grammar_texts())
def test_counts_equal_brute_force_and_texts_differ(text: str) -> None:
    grammar = loaded(text)
    if grammar is None:
        return
    expected = count_by_size(grammar, 5)
    if sum(expected) > 3000:
        return
    nodes = by_size(grammar, 5)
    assert [len(nodes.get(size, [])) for size in range(6)] == expected, text
    sentences = [text_of(grammar, node) for of_size in nodes.values() for node in of_size]
    assert len(set(sentences)) == len(sentences), text
    for sentence in sentences[:200]:
        assert text_of(grammar, parse(grammar, sentence)) == sentence
    total = count(grammar)
    assert total is None or total >= sum(expected)


@settings(max_examples=120, deadline=None, derandomize=True)
@given(grammar_texts())
def test_smallest_and_flattest_derivations(text: str) -> None:
    grammar = loaded(text)
    if grammar is None:
        return
    for found, combine in ((min_sizes(grammar), sum), (min_depths(grammar), max)):
        # The same by going round until nothing changes.
        least = dict.fromkeys(grammar.rules.values(), math.inf)
        for _ in range(len(least) + 1):
            for rule in least:
                below = [[least[s] for s in p.slots if isinstance(s, Rule)] for p in rule.drawable]
                least[rule] = min([1 + combine([0, *sizes]) for sizes in below], default=math.inf)
        assert found == {rule: size for rule, size in least.items() if size < math.inf}
