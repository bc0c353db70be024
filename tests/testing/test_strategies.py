"""The strategies: what they give is what the space allows, all of it, and shrinks to the smallest."""

from __future__ import annotations

import math
import random
from collections import Counter
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import Phase, find, given, settings
from hypothesis.errors import FailedHealthCheck
from small_spaces import small_space

import einsyn
from einsyn.derivation.enumerate import derivations as enumerated
from einsyn.derivation.tree import Derivation, Token
from einsyn.errors import ArchitectureError, InfeasibleError, SamplingError
from einsyn.ops import OPS
from einsyn.testing import (
    NearMiss,
    Net,
    architectures,
    derivations,
    every_op_space,
    mutations,
    near_misses,
    small_architectures,
)
from einsyn.testing.options import TICKETS, tickets
from einsyn.testing.strategies import Mutation

EINSPACE = einsyn.load("einspace", profile="test")
# Only those type-check whose widths are equal or that concatenate.
JOINED = """//@ input x f32[B, s:6, d:8]
start: join "(" body "," body ")" -> joined
body: "l" W -> linear | "g" A -> halved | "i" -> identity
join: "add" -> add | "cat" -> concat_last
W: "4" | "8" | "2"
A: "1" | "2"
//@ define joined(join, a, b)(x) = join(a(x), b(x))
//@ define concat_last()(x, y) = concat(-1)(x, y)
//@ define halved(axis)(x) = group(2, axis)(x)[0]
"""


def every(strategy: Any, n: int = 100, **options: Any) -> list[Any]:
    """The examples of one deterministic run."""
    found: list[Any] = []

    @settings(max_examples=n, deadline=None, derandomize=True, database=None, **options)
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


def smallest(strategy: Any, condition: Any, seed: int = 0) -> Any:
    shrinking = settings(max_examples=3000, deadline=None, database=None, phases=[Phase.generate, Phase.shrink])
    return find(strategy, condition, settings=shrinking, random=random.Random(seed))


def text_of(derivation: Derivation) -> str:
    return derivation.text


def test_derivations_are_architectures_within_the_limits() -> None:
    drawn = every(derivations(EINSPACE, max_params=20_000, max_macs=400_000, max_size=24, max_depth=9), 300)
    assert len({text_of(d) for d in drawn}) > 100
    for derivation in drawn:
        architecture = EINSPACE.check(derivation, max_params=20_000, max_macs=400_000, max_size=24, max_depth=9)
        assert math.isfinite(architecture.log_prob)


def test_what_a_test_requires_holds() -> None:
    for net in every(architectures(EINSPACE, require=lambda a: "softmax" in a.ops and a.params % 2 == 0), 60):
        assert "softmax" in net.architecture.ops
        assert net.architecture.params % 2 == 0


def test_other_inputs_and_parameters() -> None:
    (shape,) = {
        (tuple(net.architecture.output[0]), net.inputs["image"].shape)
        for net in every(architectures("einspace", input="c:3,l:24", params={"classes": 7}, batch=3, max_size=12), 20)
    }
    assert shape == (("B", 7), (3, 3, 24))


def test_all_architectures_of_a_small_space_are_drawn() -> None:
    space = small_space(JOINED)
    valid = {architecture.derivation for architecture in space.enumerate()}
    assert 0 < len(valid) < space.count()
    assert set(every(derivations(space), 1500)) == valid


@pytest.mark.parametrize("size", [3, 5])
def test_all_architectures_of_a_size_are_drawn(size: int) -> None:
    space = small_space(
        '//@ input x f32[B, d:4]\nstart: "a" -> relu | "(" start start ")" -> seq | W -> linear\n'
        'W: "1" | "2" //@ p 0 1\n'
    )
    # Fewer productions than the largest size end a derivation early; the largest must be reached too.
    assert set(every(derivations(space, max_size=size), 1500)) == set(enumerated(space.grammar, size))


def test_small_architectures_are_drawn_each_once_whatever_their_weight() -> None:
    there = [a.text for a in EINSPACE.enumerate(max_size=6)]
    drawn = [net.text for net in every(small_architectures(EINSPACE, max_size=6), len(there) + 100)]
    assert sorted(drawn) == sorted(there)
    few = [net.text for net in every(small_architectures(EINSPACE, max_size=6, max_params=100), len(there))]
    assert sorted(few) == sorted(a.text for a in EINSPACE.enumerate(max_size=6, max_params=100))
    assert len(few) < len(there)


def test_small_architectures_shrink_to_a_small_one() -> None:
    found = smallest(small_architectures(EINSPACE, max_size=8), lambda net: "softmax" in net.text)
    assert found.derivation.size == next(a for a in EINSPACE.enumerate() if "softmax" in a.text).size


def test_the_same_data_gives_the_same_derivations() -> None:
    assert every(derivations(EINSPACE), 60) == every(derivations(EINSPACE), 60)


def test_weights_are_followed() -> None:
    space = small_space(
        '//@ input x f32[B, d:4]\nstart: a a a a a a a a -> seq\na: "a" -> relu //@ p 0.8\n | W -> linear //@ p 0.15\n'
        ' | "c" -> tanh //@ p 0.05\nW: "1" | "2" //@ p 0.75 0.25\n'
    )
    names: Counter[str] = Counter()
    widths: Counter[str] = Counter()
    for derivation in every(derivations(space), 800, phases=[Phase.generate]):
        names.update(n.production.name for n in derivation.nodes() if isinstance(n, Derivation) and n.production.alias)
        widths.update(n.text for n in derivation.nodes() if isinstance(n, Token))
    total = names.total() - names["seq"]
    # Hypothesis repeats itself on purpose, so its frequencies are near the weights and not at them.
    for name, probability in (("relu", 0.8), ("linear", 0.15), ("tanh", 0.05)):
        assert abs(names[name] / total - probability) < 0.1
    assert abs(widths["1"] / widths.total() - 0.75) < 0.1


@pytest.mark.parametrize("weights", [(1, 1), (1, 2, 3), (8, 0.32, 0.68), (1, 99), (1, 9999), (1, 3, 7, 11, 13)])
def test_tickets_are_shares_of_the_weights(weights: tuple[float, ...]) -> None:
    exact = [Fraction(str(w)) for w in weights]
    drawn = tickets(tuple(range(len(exact))), exact)
    assert list(drawn) == sorted(drawn)
    assert len(drawn) == TICKETS
    for i, weight in enumerate(exact):
        wanted = TICKETS * weight / sum(exact)
        # Each is rounded by less than a half, the largest takes what the others leave.
        assert drawn.count(i) == wanted or (drawn.count(i) and abs(drawn.count(i) - wanted) <= len(exact) / 2)


@pytest.mark.parametrize(
    ("sought", "like"),
    [
        (("softmax",), "(identity;softmax)"),
        (("clone8",), "branch(clone8,identity,add)"),
        (("im2col", "col2im"), "route(im2col(1,1,0),identity,col2im)"),
    ],
)
def test_failures_shrink_to_the_smallest_derivation(sought: tuple[str, ...], like: str) -> None:
    found = smallest(derivations(EINSPACE), lambda d: all(part in text_of(d) for part in sought))
    # Others are as small.
    assert found.size <= EINSPACE.derivation(like).size, text_of(found)


def test_failures_that_need_several_edits_at_once_shrink_to_something_small() -> None:
    def sought(derivation: Derivation) -> bool:
        return "concat/3" in text_of(derivation) and "linear16" in text_of(derivation)

    # The smallest is `branch(clone4,linear16,concat/3)`, 6 productions. A step has to fit its neighbours, so a search
    # may end before; where it begins depends on hypothesis, which draws numbers that it finds in source code, too.
    sizes = sorted([smallest(derivations(EINSPACE), sought, seed).size for seed in range(6)])
    assert sizes[0] <= 10
    assert sizes[2] <= 13


def test_a_large_domain_is_drawn_from_end_to_end_and_shrinks() -> None:
    space = small_space(
        "//@ input x f32[B, d:4]\nstart: W -> linear\nW: /[1-9][0-9]*/ //@ int 1..5000\n//@ max_params 60000\n"
    )
    strategy = derivations(space, max_params=None)
    widths = [int(d.text) for d in every(strategy, 300)]
    assert min(widths) == 1
    assert max(widths) == 5000
    assert smallest(strategy, lambda d: int(d.text) > 700).text == "701"


def test_mutations_differ_below_one_node() -> None:
    changed: list[Mutation] = every(mutations(EINSPACE, max_params=50_000), 150)
    for before, after, path in changed:
        assert before.text != after.text
        assert before.derivation.replace(path, after.derivation.at(path)) == after.derivation
        for architecture in (before, after):
            assert EINSPACE.parse(architecture.text, max_params=50_000, max_size=50).text == architecture.text
    assert len({len(m.path) for m in changed}) > 3


def test_near_misses_are_refused() -> None:
    missed: list[NearMiss] = every(near_misses(EINSPACE), 200)
    for text, code, derivation, near in missed:
        refusal = ArchitectureError if derivation is None else InfeasibleError
        with pytest.raises(refusal) as caught:
            EINSPACE.parse(text)
        assert caught.value.code == code
        assert near.text != text
        assert derivation is None or EINSPACE.derivation(text) == derivation
    assert {m.code[0] for m in missed} >= {"A", "T"}


def test_a_space_whose_texts_all_type_check_has_near_misses_outside_the_language() -> None:
    cells = every(near_misses("nasbench201", profile="test"), 60)
    assert {m.code[0] for m in cells} == {"A"}


def test_a_net_holds_what_a_test_needs() -> None:
    net: Net
    for net in every(architectures(EINSPACE, max_size=14), 10):
        assert net.text in repr(net)
        assert not net.module.training
        net.compare(net.outputs)
        if not net.stable:
            continue
        with pytest.raises(AssertionError, match="output 0 differs by"):
            net.compare([array + 1 + 0.1 * abs(array).max() for array in net.outputs])
        with pytest.raises(AssertionError, match="the shape"):
            net.compare([array[:1] for array in net.outputs])
        with pytest.raises(AssertionError, match="0 outputs"):
            net.compare([])
        with pytest.raises(AssertionError, match="not finite"):
            net.compare([array * math.nan for array in net.outputs])


def test_limits_that_nothing_meets_are_an_error() -> None:
    with pytest.raises(SamplingError, match="max_size=3"):
        derivations(EINSPACE, max_size=3)
    with pytest.raises(einsyn.UsageError):
        derivations(EINSPACE, max_parameters=3)
    with pytest.raises(SamplingError, match="no architecture of `einspace` is within max_size=6"):
        every(small_architectures(EINSPACE, max_size=6, require=lambda _: False), 1)


def test_nothing_to_change_is_an_error() -> None:
    with pytest.raises(SamplingError, match="nothing can be changed"):
        every(mutations(small_space('//@ input x f32[B, d:4]\nstart: "a" -> relu\n')))


def test_every_operation_of_the_registry_can_be_met() -> None:
    text = every_op_space()
    for name, cls in OPS.items():
        # Operations without operands begin a chain; those that own a step are written with it.
        assert cls.region_count or f"define {name}_1(" in text or f"define from_{name}" in text
    space = small_space(text.replace("//@ einsyn 1\n", "", 1))
    met = {name for net in every(architectures(space, max_size=24), 120) for name in net.architecture.ops}
    assert len(met) > 0.3 * len(OPS)


def failed(strategy: Any, holds: Any) -> str:
    """What a failing test of a strategy prints: its error and the notes of hypothesis."""

    @settings(max_examples=50, deadline=None, derandomize=True, database=None)
    @given(strategy)
    def test(example: Any) -> None:
        assert holds(example), "refuted"

    with pytest.raises(AssertionError, match="refuted") as caught:
        test()
    return "\n".join(caught.value.__notes__)


def test_counterexamples_are_shown_as_text_with_a_command() -> None:
    said = failed(derivations("nasbench201", profile="test"), lambda d: "skip_connect" not in d.text)
    text = "|none~0|+|none~0|none~1|+|none~0|none~1|skip_connect~2|"
    assert f"{text}\n    einsyn check nasbench201 '{text}' --input" in said
    said = failed(mutations(EINSPACE), lambda pair: pair.before.params >= pair.after.params)
    assert "\n    einsyn check einspace '(identity;identity)' --input" in said
    assert "\n    einsyn check einspace '(linear16;identity)' --input" in said
    assert "=<Mutation at /0/0/0: '(identity;identity)' becomes '(linear16;identity)'>" in said
    assert "einsyn check einspace" in failed(near_misses(EINSPACE), lambda missed: missed.derivation is not None)


WIDE = (
    '//@ input x f32[B, s:6, d:8]\nstart: layer | layer ";" start -> seq\nlayer: W -> linear\nW: /[1-9]/ //@ int 1..9\n'
)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_params": 1}, r"within max_params=1, max_size=5 was met in 2000 draws\n +100.0 %  L002  more than max"),
        (
            {"require": lambda a: "softmax" in a.ops},
            r"`require` refuses all of 300 architectures of `space` within max_si",
        ),
    ],
)
@pytest.mark.parametrize("strategy", [derivations, architectures, mutations])
def test_that_nothing_can_be_drawn_is_said_with_its_cause(strategy: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(SamplingError, match=said) as caught:
        every(strategy(small_space(WIDE), max_size=5, **options), 20)
    assert caught.value.code == "S001"
    # Hypothesis takes it for the end, not for a counterexample to be shrunk.
    assert isinstance(caught.value, FailedHealthCheck)
    assert "loosen" in str(caught.value.diagnostics[0].hint)


def test_a_single_architecture_cannot_be_changed() -> None:
    with pytest.raises(SamplingError, match="nothing can be changed: `7` is the only architecture") as caught:
        every(mutations(small_space(WIDE), require=lambda a: a.text == "7", max_size=2), 20)
    assert caught.value.code == "S002"
