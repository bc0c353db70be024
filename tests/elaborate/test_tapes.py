"""Playing what an application emitted gives the graph that elaborating it again would give."""

from __future__ import annotations

import re

import pytest
from small_spaces import SEQUENCE, small_space

import einsyn
from einsyn.derivation.choosers import TreeChooser
from einsyn.elaborate.tape import Replay, Tape
from einsyn.elaborate.trace import Trace
from einsyn.ir.text import print_graph

REPEATED = f"""{SEQUENCE}
start: "r" N block -> stage
block: "a" -> tanh | "l" -> wide | "s" block block -> seq | "b" block -> both
N: "1" | "3" | "5"
//@ define wide()(x) = linear(size_of(x, "d"))(x)
//@ define both(f)(x) = f(x) + f(x) + f(x)
//@ define stage(n, f) = repeat(n, f)
"""


def graphs(space: einsyn.Space, count: int) -> list[str]:
    """Graph text and costs of samples."""
    drawn = space.sample(count, seed=3, max_params=20_000_000)
    shown = [f"{a.text} {a.params} {a.macs} {a.memory} {a.ops}\n{print_graph(a.graph)}" for a in drawn]
    return [re.sub(r'"[^"]*/space.lark"', "space.lark", text) for text in shown]


@pytest.mark.parametrize("name", ["einspace", "nasbench201"])
def test_shipped_spaces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 120 if name == "einspace" else 12
    played = graphs(einsyn.load(name), count)
    monkeypatch.setattr(Trace, "tape", lambda *_: None)
    assert graphs(einsyn.load(name), count) == played


def test_nested_repetition(monkeypatch: pytest.MonkeyPatch) -> None:
    played = graphs(small_space(REPEATED), 60)
    monkeypatch.setattr(Trace, "tape", lambda *_: None)
    assert graphs(small_space(REPEATED), 60) == played


def test_costs_are_those_of_the_graph_written_out() -> None:
    for architecture in small_space(REPEATED).sample(60, seed=1):
        graph = architecture.graph
        assert (architecture.params, architecture.macs) == (graph.params, graph.macs)
        assert architecture.memory == graph.memory
        assert sum(architecture.ops.values()) == len(graph.operations)


def test_a_repetition_is_one_record() -> None:
    space = small_space(REPEATED, max_ops=10**6)
    architecture = space.parse("r5" + "b" * 6 + "l")
    trace = space.elaborate(TreeChooser(architecture.derivation)).trace
    assert trace.ops == 5 * (3**6 * 2 - 1)
    # Where definitions begin and end is noted as well.
    assert sum(isinstance(event, tuple | Replay) for event in trace.records) < 60
    assert len(trace.records) < 120


def test_a_tape_of_one_type_is_not_played_at_another(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    fits = Tape.fits

    def watched(tape: Tape, args: tuple[object, ...]) -> bool:
        asked.append(fits(tape, args))  # type: ignore[arg-type]  # tensors
        return asked[-1]

    monkeypatch.setattr(Tape, "fits", watched)
    text = (
        f'{SEQUENCE}start: "n" f -> net\nf: "w" -> widen\n'
        '//@ define widen()(x) = linear(2 * size_of(x, "d"))(x)\n'
        "//@ define net(f)(x) { a = seq(f, f, f)(x) b = seq(f, f, f)(x) return a + b }\n"
    )
    architecture = small_space(text).parse("nw")
    assert architecture.output == [["B", 6, 64]]
    assert architecture.params == architecture.graph.params == 2 * (9 * 16 + 17 * 32 + 33 * 64)
