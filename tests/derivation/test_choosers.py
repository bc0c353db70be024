"""Choosers: what may decide at a choice, and that the elaborator asks in the right way."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

import pytest
from small_spaces import SEQUENCE, small_space

import einsyn
from einsyn import Chooser, RandomChooser, TensorType, TreeChooser
from einsyn.derivation.choice import Choice
from einsyn.derivation.tree import Derivation
from einsyn.grammar.model import Production, Rule, Terminal
from einsyn.space import Space

TEXT = (
    SEQUENCE
    + """
start: "(" start ";" start ")" -> seq     //@ p 0.3
     | "relu" -> relu
     | "linear" WIDTH -> linear
WIDTH: "8" | "16"
"""
)


@pytest.fixture(scope="module")
def space() -> Space:
    return small_space(TEXT)


class Scripted(Chooser):
    """Answers in turn and notes what it was asked."""

    def __init__(self, answers: Iterable[int]) -> None:
        self.answers = iter(answers)
        self.asked: list[tuple[str, list[str] | None, list[int]]] = []

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        self.asked.append((rule.name, None if types is None else [str(t) for t in types], list(path)))
        answer = next(self.answers)
        return rule.productions[answer] if isinstance(rule, Rule) else answer


def test_a_chooser_is_told_rule_types_and_path(space: Space) -> None:
    chooser = Scripted([0, 2, 1, 1])
    architecture = space.generate(chooser)
    assert architecture.text == "(linear16;relu)"
    assert chooser.asked == [
        ("start", ["f32[B, s:6, d:8]"], []),
        ("start", ["f32[B, s:6, d:8]"], [0]),
        ("WIDTH", None, [0, 0]),
        ("start", ["f32[B, s:6, d:16]"], [1]),
    ]


def test_paths_are_those_of_the_finished_tree(space: Space) -> None:
    chooser = Scripted([0, 0, 1, 2, 0, 1])
    tree = space.generate(chooser).derivation
    for name, _, path in chooser.asked:
        node = tree.at(path)
        assert (node.production.rule.name if isinstance(node, Derivation) else node.symbol.name) == name


def test_a_tree_chooser_gives_its_tree_back(space: Space) -> None:
    for architecture in space.sample(100, seed=5):
        again = space.generate(TreeChooser(architecture.derivation))
        assert again == architecture
        assert again.derivation == architecture.derivation
        assert again.record() == architecture.record()
        assert space.parse(architecture.text).record() == architecture.record()


def test_a_random_chooser_uses_its_own_generator(space: Space) -> None:
    drawn = [space.elaborate(RandomChooser(Random(7))).cause is None for _ in range(3)]
    assert len(set(drawn)) == 1
    rng = Random(3)
    first = [space.generate(RandomChooser(rng)).text for _ in range(20)]
    rng = Random(3)
    assert [space.generate(RandomChooser(rng)).text for _ in range(20)] == first


def test_an_infeasible_draw_is_a_value(space: Space) -> None:
    narrow = small_space(TEXT.replace("-> seq", "-> both") + "//@ define both(a, b)(x) = a(x) + b(x)\n")
    outcome = narrow.elaborate(Scripted([0, 2, 0, 2, 1]))
    assert outcome.cause is not None
    assert outcome.cause.code == "T020"
    with pytest.raises(einsyn.InfeasibleError, match="T020"):
        narrow.generate(Scripted([0, 2, 0, 2, 1]))


def test_a_choosers_own_mistake_is_its_own_exception(space: Space) -> None:
    with pytest.raises(StopIteration):
        space.generate(Scripted([0]))
