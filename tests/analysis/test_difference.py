"""Two spaces compared, against sets written out."""

from __future__ import annotations

import pytest
from small_spaces import SEQUENCE, small_space

from einsyn.analysis.difference import compare

A = SEQUENCE + 'start: f ";" f -> seq\nf: "r" -> relu //@ p 0.5\n | "t" -> tanh\n | "i" -> identity\n'


def test_a_space_and_itself() -> None:
    a, b = compare(small_space(A), small_space(A), 100)
    for side in (a, b):
        assert (side.draws.exact, side.alone) == (True, ())
        assert (side.contained, side.same, side.known) == (pytest.approx(1), pytest.approx(1), pytest.approx(1))


@pytest.mark.parametrize("count", [7, 9, 19, 31, 49])
def test_shares_are_never_above_one(count: int) -> None:
    widths = " | ".join(f'"{i}"' for i in range(1, count + 1))
    space = small_space(f'{SEQUENCE}start: "l" W -> linear\nW: {widths}\n')
    a, _ = compare(space, space, 100)
    assert (a.contained, a.same, a.known) == (1, 1, 1)


def test_sets_and_probabilities() -> None:
    """B has no `i`, has an `s`, and calls by `t` what is relu."""
    b_text = (
        SEQUENCE + 'start: f ";" f -> seq\nf: "r" -> relu //@ w 2\n | "t" -> relu //@ w 1\n | "s" -> sigmoid //@ w 1\n'
    )
    a, b = compare(small_space(A), small_space(b_text), 100)
    # Of A: all but those with an `i`.
    assert a.contained == pytest.approx(0.75**2)
    assert a.same == pytest.approx(0.5**2)
    assert [x.text for x in a.alone] == ["i;i", "i;r", "i;t", "r;i", "t;i"]
    # Known by network, whatever the text: B has nothing but relu after relu and what has a sigmoid.
    assert a.known == pytest.approx(0.5**2)
    assert b.contained == pytest.approx(0.75**2)
    assert b.same == pytest.approx(0.5**2)
    assert b.known == pytest.approx(0.75**2)
    assert [x.text for x in b.alone] == ["r;s", "s;r", "s;s", "s;t", "t;s"]


def test_draws_of_infinite_spaces() -> None:
    text = A.replace('start: f ";" f -> seq', 'start: f | f ";" start -> seq')
    a, b = compare(small_space(text), small_space(A), 300, seed=1)
    assert (a.draws.exact, b.draws.exact) == (False, True)
    assert b.contained == pytest.approx(1)
    assert 0.15 < a.contained < 0.35
    again, _ = compare(small_space(text), small_space(A), 300, seed=1)
    assert (again.contained, [x.text for x in again.alone]) == (a.contained, [x.text for x in a.alone])


def test_an_ill_typed_text_is_not_contained() -> None:
    wide = SEQUENCE + 'start: "l" W -> wide\nW: "8" | "9"\n//@ define wide(w)(x) = x + linear(w)(x)\n'
    a, b = compare(small_space(wide.replace("x + linear(w)(x)", "linear(w)(x)")), small_space(wide), 100)
    assert [x.text for x in a.alone] == ["l9"]
    assert (a.contained, a.same) == (pytest.approx(0.5), 0)
    assert (b.contained, b.draws.well_typed) == (pytest.approx(1), pytest.approx(0.5))
