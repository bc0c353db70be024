"""Moves sample exactly what they are meant to: their transition matrices, from the code that draws."""

from __future__ import annotations

from collections import Counter
from math import exp, fsum, inf
from random import Random

import pytest
from move_spaces import SPACES, move_space

from einsyn.search.choices import Choices, RandomChoices, outcomes
from einsyn.search.kernel import Kernel, State, Target, exchanged
from einsyn.search.moves import MOVES
from einsyn.search.moves.crossover import Crossover
from einsyn.search.moves.duplicate import Duplicate
from einsyn.search.moves.mixture import Mixture, every_move
from einsyn.search.moves.move import Edit, Move
from einsyn.search.moves.regenerate import Regenerate
from einsyn.search.moves.swap import SwapSiblings
from einsyn.search.moves.switch import Switch
from einsyn.search.moves.value import ChangeValue
from einsyn.search.moves.wrap import InsertDelete
from einsyn.search.views import View, Views
from einsyn.testing import ContractError, check_move
from einsyn.testing.move_contract import EveryWay

CASES = [
    pytest.param(space, move, id=f"{space}-{move.name}")
    for space in SPACES
    for move in every_move(Views(move_space(space)[0]), MOVES).moves
]
# Where a move finds something to change, but nothing that is well typed.
IDLE = {("groups", "swap")}


@pytest.mark.parametrize(("name", "move"), CASES)
def test_every_move_samples_its_target(name: str, move: Move) -> None:
    space, limits = move_space(name)
    for balance in check_move(move, space, **limits):
        assert (balance.moved > 1e-4) is ((name, move.name) not in IDLE)


@pytest.mark.parametrize("name", SPACES)
def test_mixtures_sample_their_target(name: str) -> None:
    space, limits = move_space(name)
    moves = [m for m in every_move(Views(space), MOVES).moves if not isinstance(m, Regenerate)]
    weighed = Mixture({move: 1.0 + number for number, move in enumerate(moves)})
    assert all(balance.moved > 0.05 for balance in check_move(weighed, space, **limits))


@pytest.mark.parametrize(("name", "derivations"), [("layers", 340), ("brackets", 550)])
def test_hundreds_of_derivations(name: str, derivations: int) -> None:
    """All moves but the redrawing of whole trees, of which there are too many ways to go through here."""
    space, _ = move_space(name)
    moves = [move for move in every_move(Views(space), MOVES).moves if not isinstance(move, Regenerate)]
    every = EveryWay(Mixture(dict.fromkeys(moves, 1.0)), space, max_size=9)
    assert len(every.views) == derivations
    for target in (Target(1.0, 1.0), Target(0.3, 0.1)):
        assert every.balance(Kernel(every.moves, target)).exact


class Wrong(Move):
    """A move that says something wrong about one of its probabilities."""

    name = "wrong"

    def __init__(self, move: Move, forward: bool) -> None:
        self._move, self._forward = move, forward

    def propose(self, view: View, choices: Choices) -> Edit | None:
        edit = self._move.propose(view, choices)
        if edit is None or edit.child.tree.size <= view.tree.size:
            return edit
        forward, backward = edit.logs
        wrong = (forward - 0.01, backward) if self._forward else (forward, backward + 0.01)
        return Edit(edit.child, lambda: wrong)


@pytest.mark.parametrize("forward", [True, False])
@pytest.mark.parametrize("move", [Regenerate(), Switch(), InsertDelete(), Duplicate()], ids=lambda m: m.name)
def test_a_ratio_that_is_one_percent_wrong_is_found(move: Move, forward: bool) -> None:
    space, limits = move_space("brackets")
    with pytest.raises(ContractError, match="leaves its target as it is"):
        check_move(Wrong(move, forward), space, **limits)


class Forgets(InsertDelete):
    """Counts the places of the parent where those of the child matter."""

    def propose(self, view: View, choices: Choices) -> Edit | None:
        edit = super().propose(view, choices)
        return edit and Edit(edit.child, lambda: (edit.forward, edit.forward))


def test_a_ratio_that_is_left_out_is_found() -> None:
    space, limits = move_space("layers")
    with pytest.raises(ContractError):
        check_move(Forgets(), space, **limits)


@pytest.mark.parametrize("name", SPACES)
def test_draws_come_as_often_as_enumerated(name: str) -> None:
    """Chi-squared, on children that are expected at least five times; the bound is that of one in a million."""
    space, limits = move_space(name)
    views = Views(space, space.bounds(limits))
    moves = every_move(views, MOVES)
    random, draws = Random(1), 4000
    for architecture in space.sample(3, seed=5, **limits):
        view = views.of(architecture.derivation)

        def proposed(choices: Choices, view: View = view) -> tuple[str, View | None]:
            move, edit = moves.propose(view, choices)
            return move.name, edit and edit.child

        expected: Counter[tuple[str, View | None]] = Counter()
        for found, probability in outcomes(proposed):
            expected[found] += draws * probability  # pyright: ignore[reportArgumentType]
        assert fsum(expected.values()) == pytest.approx(draws)
        choices = RandomChoices(random)
        drawn = Counter(proposed(choices) for _ in range(draws))
        assert not drawn.keys() - expected.keys()
        common = [key for key, count in expected.items() if count >= 5]
        squares = fsum((drawn[key] - expected[key]) ** 2 / expected[key] for key in common)
        freedom = len(common)
        assert squares < freedom + 5 * (2 * freedom) ** 0.5 + 25


@pytest.mark.parametrize("name", SPACES)
def test_an_edit_is_as_likely_as_it_says(name: str) -> None:
    space, limits = move_space(name)
    views = Views(space, space.bounds(limits))
    for architecture in space.sample(2, seed=2, **limits):
        view = views.of(architecture.derivation)
        for move in every_move(views, MOVES).moves:
            ways = list(outcomes(lambda choices, move=move, view=view: move.propose(view, choices)))
            assert fsum(p for _, p in ways) == pytest.approx(1, abs=1e-12)
            for edit, probability in ways:
                if edit is not None:
                    assert exp(edit.forward) == pytest.approx(probability, rel=1e-9)


def test_what_is_never_drawn_can_be_left_and_not_entered() -> None:
    space, limits = move_space("detours")
    views = Views(space, space.bounds(limits))
    start = views.of(space.derivation("[!r]"))
    assert start.log_prob == -inf
    moves = every_move(views, MOVES)
    kernel = Kernel(moves, Target(1.0, 1.0))
    for proposed, _ in outcomes(lambda choices: moves.propose(start, choices)):
        if proposed.edit is None or proposed.edit.child.architecture is None:
            continue
        step = kernel.settle(State(start, 0.0), proposed, RandomChoices(Random(0)), lambda _: 0.0)
        assert step.accepted is (proposed.edit.child.log_prob > -inf)
    # Values that are only parsed: they can be left, by a move that cannot come back.
    space, limits = move_space("widths")
    views = Views(space, space.bounds(limits))
    edits = [e for e, _ in outcomes(lambda c: ChangeValue().propose(views.of(space.derivation("a8tr")), c))]
    assert [e and e.child.tree.text for e in edits] == ["a1tr", "a2tr", "a3tr"]
    assert all(e and e.backward == -inf for e in edits)


def test_a_power_of_zero_makes_all_architectures_alike() -> None:
    space, limits = move_space("detours")
    views = Views(space, space.bounds(limits))
    target = Target(0.0, inf)
    assert {target.log_density(views.of(a.derivation), 3.0) for a in space.enumerate(**limits)} == {0.0}
    assert target.log_density(views.of(space.derivation("[!r]")), 3.0) == -inf
    assert target.log_density(views.of(space.derivation("r")), None) == -inf


def test_crossover_takes_a_part_of_the_mate_and_is_not_for_mcmc() -> None:
    space, _ = move_space("brackets")
    views = Views(space)
    first, second = views.of(space.derivation("(r;r)")), views.of(space.derivation("(t;(t;t))"))
    move = Crossover(second)
    found = {e.child.tree.text for e, _ in outcomes(lambda c: move.propose(first, c)) if e}
    assert found == {"(t;r)", "(r;t)", "((t;t);r)", "(r;(t;t))"}
    with pytest.raises(ValueError, match="not reversible"):
        Kernel(Mixture({move: 1.0}), Target())


def test_what_stays_where_it_is_when_an_alternative_is_switched() -> None:
    space, _ = move_space("groups")
    views = Views(space, space.bounds({"max_size": 5}))
    view = views.of(space.derivation("split2pre4both64add"))
    found = {e.child.tree.text for e, _ in outcomes(lambda c: Switch().propose(view, c)) if e}
    # From one value to two: the one is kept as the first; from two to one: the first is kept, the body as well.
    assert {"split2both44both64add", "split2both46both64add", "split2pre4pre6add", "split2pre4cat"} <= found


def test_exchange_of_two_chains_balances() -> None:
    """Over all pairs of states of two chains: the flow of exchanges is the same both ways."""
    space, limits = move_space("brackets")
    every = EveryWay(Mixture({SwapSiblings(): 1.0}), space, **limits)
    targets = (Target(1.0, 1.0), Target(1.0, 0.2))
    densities = [every.target(target) for target in targets]
    states_of = [State(view, every.score(view)) for view in every.views]

    def flow(i: int, j: int) -> float:
        states = states_of[i], states_of[j]
        chance = fsum(p for yes, p in outcomes(lambda c: exchanged(targets, states, c)) if yes)
        return float(densities[0][i] * densities[1][j] * chance)

    numbers = range(len(every.views))
    assert max(abs(flow(i, j) - flow(j, i)) for i in numbers for j in numbers) <= 1e-15
    assert fsum(flow(i, j) for i in numbers for j in numbers if i != j) > 0.05


def test_a_temperature_is_above_zero() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Kernel(Mixture({Regenerate(): 1.0}), Target(1.0, 0.0))
    with pytest.raises(ValueError, match="weights above 0"):
        Mixture({})
