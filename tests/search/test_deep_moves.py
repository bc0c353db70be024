"""Ten thousand modules nested in one another: no move recurses, and every move finds something to change."""

from __future__ import annotations

from random import Random

import pytest
from small_spaces import small_space

from einsyn.derivation.tree import Derivation
from einsyn.search.choices import RandomChoices
from einsyn.search.moves import MOVES
from einsyn.search.moves.crossover import Crossover
from einsyn.search.moves.mixture import every_move
from einsyn.search.views import Views

MODULES = 10_000
SPACE = """
//@ input x f32[B, s:4, d:4]
//@ max_ops 20000
start: module
module: "(" module ";" module ")" -> seq
      | "relu" -> leaky_relu
      | "norm" -> layer_norm
      | "w" WIDTH -> linear
WIDTH: "4" | "8" | "16"
"""


def text(side: str) -> str:
    """`MODULES` leaves in brackets nested on one side; the last width is that of the input."""
    leaves = [("relu", "norm", "w8", "w8")[i % 4] for i in range(MODULES - 1)]
    if side == "left":
        return "(" * (MODULES - 1) + leaves[0] + "".join(f";{leaf})" for leaf in [*leaves[1:], "w4"])
    return "".join(f"({leaf};" for leaf in leaves) + "w4" + ")" * (MODULES - 1)


@pytest.mark.parametrize("side", ["left", "right"])
def test_moves_on_deep_trees(side: str) -> None:
    space = small_space(SPACE)
    views = Views(space)
    view = views.of(space.derivation(text(side)))
    assert view.tree.depth == MODULES + 1
    choices = RandomChoices(Random(3))
    moves = every_move(views, MOVES).moves
    assert len(moves) == len(MOVES)
    for move in [*moves, Crossover(view)]:
        edit = next(e for e in (move.propose(view, choices) for _ in range(20)) if e and e.child is not view)
        assert edit.forward < 0
        assert isinstance(edit.child.tree, Derivation)
        assert edit.child.tree != view.tree
    assert edit.child.architecture is not None
    assert edit.child.log_prob < -1000
