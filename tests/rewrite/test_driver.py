"""The driver: what it leaves alone, how it ends, what it costs."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
import torch
from small_spaces import IMAGE, SEQUENCE, net, small_space

import einsyn
from einsyn.errors import EinsynError
from einsyn.ir.graph import Graph
from einsyn.ops import OPS
from einsyn.ops.activation import Relu, Tanh
from einsyn.ops.linear import Linear
from einsyn.ops.op import Op
from einsyn.rewrite import Firing, Phase, Rule, rewrite
from einsyn.rewrite.pattern import Match, applied
from einsyn.rewrite.rule import Builder
from einsyn.rewrite.rules import DEFAULT
from einsyn.testing.rewrite_contract import Pair, cases, gathered, scattered


def graph_of(expression: str, head: str = SEQUENCE) -> Graph:
    return net(f"define net()(x) = {expression}", head).graph


def shown(graph: Graph) -> list[str]:
    return [str(o.op) for o in graph.operations]


def to(op: Op) -> Rule:
    """A rule that puts an operation without attributes in place of another."""

    def build(match: Match, builder: Builder) -> None:
        builder.replace_all(match.node.outputs, builder.add(op, match.value("x")))

    other = Relu if isinstance(op, Tanh) else Tanh
    return Rule(f"to-{op.name}", "", applied(other, "x"), lambda m: True, build, "exact", ())


def test_rules_that_undo_one_another_are_named() -> None:
    rules = (to(Relu.configure()), to(Tanh.configure()))
    with pytest.raises(EinsynError, match=r"for ever: to-(relu|tanh) > to-(relu|tanh)") as caught:
        rewrite(graph_of("relu(x)"), [Phase("both", rules)])
    assert caught.value.diagnostics[0].code == "R001"


def test_a_rule_that_would_change_a_type_leaves_the_graph() -> None:
    widen = replace(to(Tanh.configure()), build=_wider)
    graph = graph_of("relu(x)")
    assert rewrite(graph, [Phase("one", (widen,))]).graph == graph


def _wider(match: Match, builder: Builder) -> None:
    builder.replace_all(match.node.outputs, builder.add(einsyn.OPS["concat"].configure(-1), *[match.value("x")] * 2))


def test_a_rule_whose_operation_does_not_apply_leaves_the_graph() -> None:
    # `permute` of three axes does not fit a sequence.
    bent = replace(to(Tanh.configure()), build=_bent)
    graph = graph_of("relu(x)")
    assert rewrite(graph, [Phase("one", (bent,))]).fired == {}


def _bent(match: Match, builder: Builder) -> None:
    builder.replace_all(match.node.outputs, builder.add(einsyn.OPS["permute"].configure(3, 1, 2), match.value("x")))


def test_what_nobody_uses_goes_unless_it_has_weights() -> None:
    graph = net("define net()(x) { a = relu(tanh(x)) b = linear(3)(exp(x)) return sin(x) }").graph
    after = rewrite(graph, ())
    assert shown(after.graph) == ["exp", "linear(width=3)", "sin"]
    assert after.fired == {"unused": 2}


def test_weights_that_are_shared_stay_shared() -> None:
    graph = net(
        "define net()(x) { f = shared(linear(64)) return add(*[col2im(f(im2col(3, 1, 1)(y))) for y in clone(2)(x)]) }",
        IMAGE,
    ).graph
    after = rewrite(graph, DEFAULT)
    assert shown(after.graph).count("linear(width=64)") == 2
    assert len({o.owner for o in after.graph.operations if isinstance(o.op, Linear)}) == 1


def test_rules_are_asked_again_only_where_something_changed() -> None:
    asked: Counter[str] = Counter()

    def alone(match: Match) -> bool:
        maker = match.draft.maker(match.value("x"))
        assert maker is not None
        asked[maker.op.name] += 1
        return match.draft.used_once(match.value("x"))

    def drop(match: Match, builder: Builder) -> None:
        maker = match.draft.maker(match.value("x"))
        assert maker is not None
        builder.replace(match.node.outputs[0], maker.inputs[0])

    once = replace(to(Relu.configure()), name="once", pattern=applied(OPS["sin"], "x"), guard=alone)
    dropped = Rule("dropped", "", applied(Tanh, "x"), lambda m: True, drop, "exact", ())
    graph = net(
        "define net()(x) { y = exp(x) z = sigmoid(x) return add(sin(y), tanh(y), sin(z), softplus(z), silu(x)) }"
    ).graph
    after = rewrite(graph, [Phase("both", (once, dropped))])
    assert after.fired == {"dropped": 1, "once": 1}
    assert asked == {"exp": 2, "sigmoid": 1}


def test_rewriting_again_changes_nothing() -> None:
    space = einsyn.load("einspace")
    for name in space.refs:
        once = space.ref(name).rewritten
        again = rewrite(once.graph, DEFAULT)
        assert again.fired == {}
        assert again.graph == once.graph


def test_what_a_rule_changed_can_be_looked_at() -> None:
    trace: list[Firing] = []
    rewrite(graph_of("concat(-1)(linear(3)(identity(x)), linear(5)(x))"), DEFAULT, trace)
    assert [firing.rule for firing in trace] == ["hand-on", "concat-linear"]
    assert str(trace[1]).splitlines() == [
        "concat-linear at /",
        "  - %2: f32[B, s:6, d:3] = linear(width=3)(%0) weights 0",
        "  - %3: f32[B, s:6, d:5] = linear(width=5)(%0) weights 1",
        "  - %4: f32[B, s:6, d:8] = concat(axis=-1)(%2, %3)",
        "  + %5: f32[B, s:6, d:8] = linear(width=8)(%0) weights 2",
        "  %4 is %5",
    ]


def test_weights_go_there_and_back() -> None:
    architecture = einsyn.load("einspace").ref("transformer_d4")
    before, _ = cases(Pair(architecture.graph, architecture.rewritten))
    module = before.case.module().state_dict()
    arrays = {slot: module[key].numpy() for slot, key in before.keys.items()}
    back = scattered(architecture.rewritten, gathered(architecture.rewritten, arrays))
    assert back.keys() == arrays.keys()
    assert all((back[slot] == arrays[slot]).all() for slot in arrays)


def test_ten_thousand_operations_deep() -> None:
    space = small_space(
        SEQUENCE + 'start: m\nm: "r" -> relu | "i" -> identity | "p" -> turn | "(" m m ")" -> both\n'
        "//@ define turn()(x) = permute(2, 1)(permute(2, 1)(x))\n//@ define both(f, g)(x) = g(f(x))\n",
        max_ops=100_000,
    )
    for text in ("i", "p"):
        deep = "(" * 5_000 + "r" + f"{text})" * 5_000
        after = space.parse(deep).rewritten
        assert shown(after.graph) == ["relu"]


def test_the_module_has_the_weights_of_the_rewritten_graph() -> None:
    architecture = einsyn.load("einspace").ref("wideresnet16_4")
    assert sum(p.numel() for p in architecture.module().parameters()) == architecture.params
    plain = architecture.module(rewrite="none")
    assert sum(p.numel() for p in plain.parameters()) == architecture.params
    with torch.no_grad():
        assert plain(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert architecture.onnx(module=plain, rewrite="none").graph.node != architecture.onnx().graph.node
