"""Reference architectures: what their files state, and what wins over it."""

from __future__ import annotations

from pathlib import Path

import pytest

import einsyn

SPACE = """//@ einsyn 1
//@ input x f32[B, d:8]
//@ param width 4
//@ profile small width=2 input=d:3
//@ main network
//@ define network(f)(x) = linear(width)(f(x))
start: "a" -> relu | "b" -> tanh
"""


@pytest.fixture
def space_file(tmp_path: Path) -> Path:
    path = tmp_path / "s.lark"
    path.write_text(SPACE)
    folder = tmp_path / "s.refs"
    folder.mkdir()
    (folder / "wide.arch").write_text("//@ set width=16\n//@ input d:32\na\n")
    (folder / "narrow.arch").write_text("//@ set width=2\n//@ input d:8\nb\n")
    (folder / "plain.arch").write_text("b\n")
    return path


def test_a_file_states_parameters_and_input(space_file: Path) -> None:
    architecture = einsyn.load(space_file).ref("wide")
    assert architecture.params == 33 * 16
    # What one file states does not hide what another one does.
    assert architecture.space.ref("narrow").params == 9 * 2


def test_what_was_given_wins(space_file: Path) -> None:
    load = einsyn.load
    assert load(space_file, params={"width": 3}).ref("wide").params == 33 * 3
    assert load(space_file, input="d:5").ref("wide").params == 6 * 16
    assert load(space_file, input="d:5", params={"width": 3}).ref("wide").params == 6 * 3
    assert load(space_file, profile="small").ref("wide").params == 4 * 2
    # References of a space that a reference brought along are no exception.
    assert load(space_file, input="d:5").ref("wide").space.ref("wide").params == 6 * 16


def test_limits_hold_for_references(space_file: Path) -> None:
    with pytest.raises(einsyn.InfeasibleError, match="L002"):
        einsyn.load(space_file, max_params=100).ref("wide")
    assert einsyn.load(space_file, max_params=100).ref("plain").params == 36
