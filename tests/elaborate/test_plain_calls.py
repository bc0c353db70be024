"""What definitions give for plain values is kept, and gives what running them again would give."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from small_spaces import SEQUENCE, small_space

import einsyn
from einsyn.derivation.choosers import TreeChooser
from einsyn.elaborate import calls
from einsyn.ir.text import print_graph

# Each body is applied twice, in networks with a first and a second call of the same definition.
TIED = "define f(w) { g = shared(linear(w)) return seq(g, g) }"
DROPPED = "define f(w) { t = weight(d=w)() return linear(w) }"
KINDS = "define f(w) = if w == 1 then linear(8) else tanh"
LISTS = "define f(w) = seq(*[linear(8) for i in 0..len([w, w])])"


def space_of(definition: str) -> einsyn.Space:
    return small_space(
        f'{SEQUENCE}start: N N -> net\nN: "8" | "4"\n'
        f"//@ {definition}\n//@ define net(a, b)(x) = linear(8)(f(b)(linear(8)(f(a)(x))))\n"
    )


def shown(architectures: Iterator[einsyn.Architecture] | list[einsyn.Architecture]) -> list[str]:
    texts = [f"{a.text} {a.params} {a.macs} {a.memory} {a.log_prob}\n{print_graph(a.graph)}" for a in architectures]
    return [re.sub(r'"[^"]*/space.lark"', "space.lark", text) for text in texts]


@pytest.mark.parametrize("definition", [TIED, DROPPED, LISTS, KINDS.replace("w == 1", "w == 4")])
def test_a_second_call_gives_what_the_first_gave(definition: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = shown(space_of(definition).enumerate())
    assert kept
    monkeypatch.setattr(calls, "recall", lambda *_: None)
    assert shown(space_of(definition).enumerate()) == kept


@pytest.mark.parametrize("name", ["nasnet", "ofa_mbv3", "hierarchical_nasbench201", "resnet", "vit", "unet"])
def test_shipped_spaces(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = shown(einsyn.load(name, profile="test").sample(4, seed=5))
    monkeypatch.setattr(calls, "recall", lambda *_: None)
    assert shown(einsyn.load(name, profile="test").sample(4, seed=5)) == kept


def test_integers_floats_and_booleans_are_told_apart() -> None:
    space = small_space(
        f'{SEQUENCE}start: "n" -> net\n//@ define f(v) = if v == true then 1 else if v == 1 then 2 else 3\n'
        "//@ define net()(x) { require f(1) == 2 and f(true) == 1 and f(1.0) == 2 and f(2) == 3 return x }\n"
    )
    assert space.parse("n").text == "n"


def test_steps_are_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    space = space_of("define f(w) { for i in 0..50 with n = 0 { n = n + w } return linear(if n > 0 then 8 else 4) }")
    derivation = space.derivation("84")
    burn, counted = calls.Calls.burn, []

    def counting(self: calls.Calls, steps: int = 1) -> None:
        counted[-1] += steps
        burn(self, steps)

    monkeypatch.setattr(calls.Calls, "burn", counting)
    for _ in range(3):
        counted.append(0)
        space.elaborate(TreeChooser(derivation))
    assert counted[0] > 100
    assert counted == [counted[0]] * 3


def test_what_runs_for_too_long_is_refused_every_time() -> None:
    definition = "define f(w) { for i in 0..30000 with n = 0 { n = n + w } return linear(8) }"
    space = small_space(
        f'{SEQUENCE}//@ max_ops 20\nstart: "n" -> net\n//@ {definition}\n'
        "//@ define net()(x) { for i in 0..9 with y = x { y = f(1)(y) } return y }\n"
    )
    for _ in range(3):
        with pytest.raises(einsyn.EinsynError, match="L007"):
            space.parse("n")
