"""Every rule, on its examples and on networks that are drawn."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from small_spaces import small_space

from einsyn.ops.activation import Relu, Tanh
from einsyn.ops.linear import Linear
from einsyn.rewrite import Rule
from einsyn.rewrite.pattern import Match, applied
from einsyn.rewrite.rule import Builder
from einsyn.rewrite.rules import DEFAULT, DEPLOY, EVALUATED, RULES
from einsyn.rewrite.weights import Same
from einsyn.testing import ContractError, Net, architectures, check_rewrite, every_op_space
from einsyn.testing.space_contract import check_rewritten

EVERY_OP = small_space(every_op_space().replace("//@ einsyn 1\n", "", 1))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_what_einsyn_relies_on_of_a_rule(rule: Rule) -> None:
    check_rewrite(rule)


def test_every_rule_is_in_a_phase_and_has_a_name_of_its_own() -> None:
    in_phases = {rule.name for phase in (*DEFAULT, *DEPLOY) for rule in phase.rules}
    assert in_phases == {rule.name for rule in RULES}
    assert all(rule.law == "exact" for phase in DEFAULT for rule in phase.rules)
    assert all(rule.law in ("exact", "fold") for phase in EVALUATED for rule in phase.rules)
    assert len({rule.name for rule in RULES}) == len(RULES)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(architectures(EVERY_OP, max_size=16, max_memory=2**20))
def test_networks_of_every_operation_compute_the_same(net: Net) -> None:
    check_rewritten(net.architecture)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(architectures("einspace", profile="test", max_size=40, max_memory=2**20))
def test_networks_of_einspace_compute_the_same(net: Net) -> None:
    check_rewritten(net.architecture)


# The suite finds what is wrong with a rule.


def _always(match: Match) -> bool:
    return True


def _tanh(match: Match, builder: Builder) -> None:
    builder.replace_all(match.node.outputs, builder.add(Tanh.configure(), match.value("x")))


def _turned(match: Match, builder: Builder) -> None:
    """The layer with the weights of another order: the bias of a wider layer is lost."""
    node, draft = match.node, match.draft
    assert isinstance(node.op, Linear)
    layer = Linear.configure(node.op.width, False, node.op.axis)
    weights = {"weight": draft.weight(node, "weight")}
    builder.replace_all(node.outputs, builder.add(layer, match.value("x"), weights=weights))


def _shared(match: Match, builder: Builder) -> None:
    """The layer with the weights that another layer has."""
    node = match.node
    declared = node.signature.params
    weights = {name: Same((0, name), declared[name].shape) for name in declared}
    builder.replace_all(node.outputs, builder.add(node.op, match.value("x"), weights=weights))


WRONG = Rule(
    "wrong",
    "A rule that is wrong.",
    applied(Relu, "x"),
    _always,
    _tanh,
    "exact",
    (("f32[B, s:6, d:8]", "add(relu(x), linear(8)(x), linear(8)(x))"),),
)


def findings(rule: Rule) -> set[str]:
    with pytest.raises(ContractError, match="rewrite `wrong` breaks") as caught:
        check_rewrite(rule)
    return {found.check for found in caught.value.findings}


def test_another_function_is_found() -> None:
    assert findings(WRONG) == {"Outputs and gradients are the same in 64 bits"}


def test_a_lost_parameter_is_found() -> None:
    lost = replace(WRONG, pattern=applied(Linear, "x"), guard=_has_bias, build=_turned)
    assert "Parameters of the two graphs map one to one" in findings(lost)


def _has_bias(match: Match) -> bool:
    return isinstance(match.node.op, Linear) and match.node.op.bias


def _second(match: Match) -> bool:
    return match.node.owner == 1


def test_a_parameter_that_is_used_twice_is_found() -> None:
    shared = replace(WRONG, pattern=applied(Linear, "x"), guard=_second, build=_shared)
    assert "Parameters of the two graphs map one to one" in findings(shared)


def test_a_rule_that_never_fires_is_found() -> None:
    assert "The rule changes each of its examples" in findings(replace(WRONG, guard=lambda match: False))
