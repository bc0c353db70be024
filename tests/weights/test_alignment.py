"""Which nodes of two derivations stand for each other."""

from __future__ import annotations

from itertools import pairwise

import pytest
from small_spaces import small_space

from einsyn.derivation.tree import Derivation
from einsyn.space import Space
from einsyn.weights.alignment import Correspondence, NumberedTree, align

LIST = """
//@ input x f32[B, s:4, d:4]
start: item            -> last
     | item ";" start  -> cons
item: "l" WIDTH        -> line
    | "[" start "+" item "]" -> plus
    | "r"              -> relu
WIDTH: "4" | "8"
//@ define last(f)(x) = f(x)
//@ define cons(f, g)(x) = g(f(x))
//@ define line(w)(x) = linear(4)(linear(w)(x))
//@ define plus(f, g)(x) = f(x) + g(x)
"""


@pytest.fixture(scope="module")
def space() -> Space:
    return small_space(LIST)


def aligned(space: Space, parent: str, child: str) -> dict[str, tuple[str, str]]:
    """For nodes of the child by their text, what they stand for and why; texts are those of different subtrees."""
    old, new = (NumberedTree(space.derivation(text)) for text in (parent, child))
    pairs = align(old, new, [None] * len(old.nodes), [None] * len(new.nodes))
    found: dict[str, tuple[str, str]] = {}
    for node, pair in zip(new.nodes, pairs, strict=True):
        if isinstance(node, Derivation) and pair is not None:
            other = old.nodes[pair.node]
            assert isinstance(other, Derivation)
            found[node.text] = (other.text, pair.why.name)
    return found


def test_equal_trees_stand_for_each_other(space: Space) -> None:
    assert aligned(space, "l4;[l8+r]", "l4;[l8+r]") == {
        text: (text, "SAME_PLACE") for text in ("l4;[l8+r]", "l4", "[l8+r]", "l8", "r")
    }


def test_above_a_change_productions_stay_what_they_are(space: Space) -> None:
    assert aligned(space, "l4;r;l8", "l4;l8;l8") == {
        "l4;l8;l8": ("l4;r;l8", "ABOVE_A_CHANGE"),
        "l4": ("l4", "SAME_PLACE"),
        "l8;l8": ("r;l8", "ABOVE_A_CHANGE"),
        "l8": ("l8", "SAME_PLACE"),
    }


def test_what_stands_behind_a_deletion_or_an_insertion_has_moved(space: Space) -> None:
    shorter, longer = "l8;[l4+r]", "r;l8;[l4+r]"
    deleted = aligned(space, longer, shorter)
    assert {text: deleted[text] for text in ("l8", "[l4+r]")} == {
        "l8": ("l8", "MOVED"),
        "[l4+r]": ("[l4+r]", "MOVED"),
    }
    assert aligned(space, shorter, longer)["l8;[l4+r]"] == ("l8;[l4+r]", "MOVED")


def test_a_wrapper_leaves_what_is_inside(space: Space) -> None:
    found = aligned(space, "l4;l8", "[l4;l8+r]")
    assert found["l4;l8"] == ("l4;l8", "MOVED")
    assert "[l4;l8+r]" not in found


def test_large_subtrees_go_before_the_small_ones_inside(space: Space) -> None:
    # The first l4 of the child would spoil [l4+r] if it were looked at first.
    found = aligned(space, "r;[l4+r]", "l4;l8;[l4+r]")
    assert found["[l4+r]"] == ("[l4+r]", "MOVED")


def test_nothing_stands_for_two(space: Space) -> None:
    old, new = (NumberedTree(space.derivation(text)) for text in ("l4", "l4;l4;l4"))
    pairs = align(old, new, [None] * len(old.nodes), [None] * len(new.nodes))
    assert sum(pair is not None for pair in pairs) <= len(old.nodes)
    nodes = [pair.node for pair in pairs if pair is not None]
    assert len(nodes) == len(set(nodes))


def test_facts_decide_where_a_subtree_has_moved_and_not_where_it_stands_as_before(space: Space) -> None:
    old, new = (NumberedTree(space.derivation(text)) for text in ("l4;r", "r;l4"))
    facts = [str(i) for i in range(len(old.nodes))]
    other = [f"{i} there" for i in range(len(new.nodes))]
    assert any(pair and pair.why is Correspondence.MOVED for pair in align(old, new, [None] * 5, [None] * 5))
    assert not any(pair and pair.why is Correspondence.MOVED for pair in align(old, new, facts, other))
    assert all(pair and pair.why is Correspondence.SAME_PLACE for pair in align(old, old, facts, other))


def test_random_pairs_against_the_definition(space: Space) -> None:
    drawn = [a.derivation for a in space.sample(120, seed=5, max_size=40)]
    for parent, child in pairwise(drawn):
        old, new = NumberedTree(parent), NumberedTree(child)
        pairs = align(old, new, [None] * len(old.nodes), [None] * len(new.nodes))
        nodes = [pair.node for pair in pairs if pair is not None]
        assert len(nodes) == len(set(nodes))
        paths = dict(parent.walk())
        number = {path: i for i, (path, _) in enumerate(parent.walk())}
        for (path, node), pair in zip(child.walk(), pairs, strict=True):
            same = paths.get(path) == node
            # Equal subtrees at equal places, by definition and by what was found.
            assert same == (pair is not None and pair.why is Correspondence.SAME_PLACE)
            if pair is None:
                continue
            other = old.nodes[pair.node]
            if pair.why is Correspondence.ABOVE_A_CHANGE:
                assert pair.node == number[path]
                assert other.production is node.production
                assert other != node
            else:
                assert other == node
        # No more subtrees could have been taken over.
        taken = set(nodes)
        free = {
            old.nodes[a]
            for a in range(len(old.nodes))
            if isinstance(old.nodes[a], Derivation) and not taken & set(range(a, old.ends[a]))
        }
        for b, node in enumerate(new.nodes):
            if not any(pairs[b : new.ends[b]]):
                assert node not in free


def test_numbers_of_paths_and_ends(space: Space) -> None:
    architecture = space.parse("l4;[l8;l4+r];l8")
    tree = NumberedTree(architecture.derivation)
    order = [path for path, _ in architecture.derivation.walk()]
    for operation in architecture.graph.operations:
        assert order[tree.number(operation.path)] == tuple(operation.path)
    for a, path in enumerate(order):
        assert tree.ends[a] - a == sum(other[: len(path)] == path for other in order)
