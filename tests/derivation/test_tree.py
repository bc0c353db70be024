"""Derivations: immutable trees that hash, compare, walk, replace and know their probability."""

from __future__ import annotations

import copy
import math
import pickle
from fractions import Fraction

import pytest
from small_spaces import SEQUENCE, small_space

from einsyn.derivation.tree import Derivation, Token
from einsyn.space import Space

TEXT = (
    SEQUENCE
    + """
start: "(" start ";" start ")" -> seq       //@ p 1/4
     | "relu" -> relu                       //@ p 1/2
     | "linear" WIDTH -> linear
     | "tanh" -> tanh                       //@ p 0
WIDTH: "8" | "16"                           //@ p 0.75 0.25
"""
)


@pytest.fixture(scope="module")
def space() -> Space:
    return small_space(TEXT)


@pytest.fixture
def tree(space: Space) -> Derivation:
    return space.derivation("(relu;(linear16;linear8))")


def test_shape_of_a_tree(tree: Derivation) -> None:
    assert tree.production.name == "seq"
    assert [child.production.name for child in tree.children if isinstance(child, Derivation)] == ["relu", "seq"]
    assert tree.size == 5
    assert tree.depth == 3
    assert repr(tree) == "<Derivation start, size 5: (relu;(linear16;linear8))>"
    token = tree.at((1, 0, 0))
    assert isinstance(token, Token)
    assert (token.text, token.value, repr(token)) == ("16", 16, "Token(WIDTH, '16')")


def test_walk_goes_in_text_order(tree: Derivation) -> None:
    paths = [path for path, _ in tree.walk()]
    assert paths == [(), (0,), (1,), (1, 0), (1, 0, 0), (1, 1), (1, 1, 0)]
    assert paths == sorted(paths)
    assert [node for _, node in tree.walk()] == list(tree.nodes())
    assert all(tree.at(path) is node for path, node in tree.walk())


@pytest.mark.parametrize("path", [(2,), (-1,), (0, 0), (1, 0, 0, 0), (1, 7)])
def test_no_node_at_a_path(tree: Derivation, path: tuple[int, ...]) -> None:
    with pytest.raises(IndexError, match="no node at"):
        tree.at(path)
    with pytest.raises(IndexError, match="no node at"):
        tree.replace(path, tree)


def test_trees_cannot_be_changed(tree: Derivation) -> None:
    with pytest.raises(AttributeError, match="immutable"):
        tree.size = 3  # type: ignore[misc]
    with pytest.raises(AttributeError, match="immutable"):
        tree.extra = 3  # type: ignore[attr-defined]
    token = tree.at((1, 0, 0))
    with pytest.raises(AttributeError, match="immutable"):
        token.index = 1  # type: ignore[misc, union-attr]


def test_equality_is_structural(space: Space, tree: Derivation) -> None:
    again = space.derivation("( relu ; ( linear16 ; linear8 ) )".replace(" ", ""))
    assert again == tree
    assert again is not tree
    assert hash(again) == hash(tree)
    others = ["(relu;(linear8;linear16))", "((relu;linear16);linear8)", "relu", "(relu;(linear16;linear16))"]
    trees = [space.derivation(text) for text in others]
    assert all(other != tree for other in trees)
    assert len({tree, again, *trees}) == 5
    assert tree != "(relu;(linear16;linear8))"
    assert tree.at((1, 0, 0)) != tree.at((1, 1, 0))


def test_replace_gives_a_new_tree(space: Space, tree: Derivation) -> None:
    changed = tree.replace((1, 0), space.derivation("relu"))
    assert changed.text == "(relu;(relu;linear8))"
    assert tree.text == "(relu;(linear16;linear8))"
    assert changed.at((1, 1)) is tree.at((1, 1))
    assert changed.replace((1, 0), tree.at((1, 0))) == tree
    assert tree.replace((), space.derivation("relu")) == space.derivation("relu")
    assert tree.replace((1, 0, 0), tree.at((1, 1, 0))).text == "(relu;(linear8;linear8))"


def test_replace_keeps_size_and_depth_right(space: Space, tree: Derivation) -> None:
    changed = tree.replace((0,), tree)
    again = space.derivation(changed.text)
    assert (changed.size, changed.depth, hash(changed)) == (again.size, again.depth, hash(again)) == (9, 4, hash(again))


def test_replace_refuses_another_symbol(tree: Derivation) -> None:
    with pytest.raises(ValueError, match="the slot needs WIDTH, not start"):
        tree.replace((1, 0, 0), tree)
    with pytest.raises(ValueError, match="the slot needs start, not WIDTH"):
        tree.replace((1,), tree.at((1, 0, 0)))
    with pytest.raises(ValueError, match="the slot needs start, not WIDTH"):
        tree.replace((), tree.at((1, 0, 0)))


@pytest.mark.parametrize(
    ("text", "probability"),
    [
        ("relu", Fraction(1, 2)),
        ("linear8", Fraction(1, 4) * Fraction(3, 4)),
        ("(relu;relu)", Fraction(1, 16)),
        ("(relu;(linear16;linear8))", Fraction(1, 4) ** 4 * Fraction(3, 16) * Fraction(1, 2)),
    ],
)
def test_log_prob_is_that_of_the_one_derivation(space: Space, text: str, probability: Fraction) -> None:
    assert space.derivation(text).log_prob == pytest.approx(math.log(probability), rel=1e-15)
    assert space.parse(text).log_prob == space.derivation(text).log_prob


def test_what_is_never_drawn_has_no_probability(space: Space) -> None:
    assert space.derivation("(relu;tanh)").log_prob == -math.inf
    assert space.parse("tanh").log_prob == -math.inf


def test_digest_is_that_of_the_text(space: Space, tree: Derivation) -> None:
    import hashlib

    digest = hashlib.sha256(b"(relu;(linear16;linear8))").hexdigest()[:16]
    assert tree.hash == digest
    assert space.check(tree).hash == digest


def test_trees_of_two_loads_are_equal(space: Space, tree: Derivation) -> None:
    again = small_space(TEXT)
    other = again.derivation(tree.text)
    assert other == tree
    assert hash(other) == hash(tree)
    assert other.at((1, 0, 0)) == tree.at((1, 0, 0))
    assert other.at((1, 0, 0)) != tree.at((1, 1, 0))
    assert again.check(tree).hash == space.check(other).hash
    assert again.derivation("(relu;relu)").replace((1,), tree) == space.derivation(f"(relu;{tree.text})")
    assert small_space(TEXT.replace("1/4", "1/8")).derivation(tree.text) != tree


def test_with_other_parameters_they_are_not() -> None:
    text = f'//@ param w 1\n{SEQUENCE}\nstart: "r" -> relu //@ w w\n     | "t" -> tanh //@ w 1'
    assert small_space(text).derivation("r") == small_space(text).derivation("r")
    assert small_space(text).derivation("r") != small_space(text, params={"w": 3}).derivation("r")


def test_copied_and_pickled(space: Space, tree: Derivation) -> None:
    assert copy.deepcopy(tree) is tree
    restored = pickle.loads(pickle.dumps(tree))
    assert restored == tree
    assert (restored.text, restored.log_prob) == (tree.text, tree.log_prob)
    assert space.check(restored).params == space.check(tree).params


def test_a_deep_tree_is_pickled(space: Space) -> None:
    text = "relu"
    for _ in range(3_000):
        text = f"({text};relu)"
    deep = space.derivation(text)
    assert pickle.loads(pickle.dumps(deep)) == deep
