"""Every operation knows the application of a definition that it is part of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import einsyn
from einsyn.shipped import shipped_spaces

if TYPE_CHECKING:
    from pathlib import Path

    from einsyn.ir.call import Call
    from einsyn.ir.graph import Graph

SPACE = """
//@ einsyn 1
//@ input x f32[B, d:8]
//@ main whole
start: part ";" part -> both
     | part "," start -> seq
part: "a" -> block
    | "b" -> lone
//@ define both(f, g)(x) = f(x) + g(x)
//@ define lone()(x) = relu(x)
//@ define act(w) = seq(linear(w), relu)
//@ define block()(x) = repeat(2, act(8))(x)
//@ define whole(body)(x) = body(x)
"""


def names(call: Call | None) -> list[str]:
    """The names of a call and of those around it, innermost first."""
    found: list[str] = []
    while call is not None:
        found.append(call.name)
        call = call.parent
    return found


def graph_of(text: str, tmp_path: Path) -> Graph:
    path = tmp_path / "calls.lark"
    path.write_text(SPACE, "utf-8")
    return einsyn.load(path).parse(text).graph


def test_definitions_and_sequences_that_have_a_name(tmp_path: Path) -> None:
    graph = graph_of("b,a;a", tmp_path)
    found = [(o.op.name, names(o.call)) for o in graph.operations]
    act = ["act", "block", "both", "start", "whole"]
    block = [("linear", act), ("relu", act)] * 2
    assert found == [("relu", ["lone", "start", "whole"]), *block, *block, ("add", act[2:])]


def test_applications_are_told_apart(tmp_path: Path) -> None:
    calls = [o.call for o in graph_of("a;a", tmp_path).operations]
    # `act` four times, in `block` twice
    assert len({id(call) for call in calls[:-1]}) == 4
    assert [calls[i] is calls[i + 1] for i in range(7)] == [True, False, True, False, True, False, True]
    outer = [call.parent for call in calls[:-1] if call]
    assert len({id(call) for call in outer}) == 2
    assert outer[0] is outer[3]


@pytest.mark.parametrize("name", sorted(shipped_spaces()))
def test_applications_are_in_one_piece(name: str) -> None:
    """What is applied ends before what it was applied in goes on, whether it is elaborated or played again."""
    for architecture in einsyn.load(name, profile="test").sample(5, seed=3):
        open_: list[Call] = []
        closed: set[int] = set()
        for operation in architecture.graph.operations:
            chain: list[Call] = []
            call = operation.call
            while call is not None:
                chain.append(call)
                call = call.parent
            chain.reverse()
            kept = 0
            while kept < min(len(chain), len(open_)) and chain[kept] is open_[kept]:
                kept += 1
            closed.update(id(call) for call in open_[kept:])
            assert not closed.intersection(id(call) for call in chain)
            open_ = chain


def test_drawn_and_parsed_say_the_same() -> None:
    """Names do not depend on what was elaborated before."""
    for name in ("nasbench201", "resnet", "vit", "einspace"):
        drawn = einsyn.load(name, profile="test").sample(10, seed=5)
        for architecture in reversed(drawn):
            again = einsyn.load(name, profile="test").parse(architecture.text).graph
            assert [names(o.call) for o in again.operations] == [names(o.call) for o in architecture.graph.operations]
