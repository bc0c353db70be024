"""What is left of a number that is 0 but for rounding is not taken for a wrong result, however much it grows."""

from __future__ import annotations

from dataclasses import replace

import onnx
import pytest
from small_spaces import only

from einsyn.testing.case import Case, case_of
from einsyn.testing.judge import InProcess, examine

# A normalised constant is 0. What rounding leaves of it is the same everywhere, so averaging keeps it, and each of the
# normalisations that follow divides it by the root of a variance of nearly 0.
SPACE = """//@ input x f32[B, c:4, h:2, w:2]
start: "net" -> net
//@ define level()(x) = avg_pool(3, 1, 1, count_include_pad=false)(x)
//@ define step() = seq(conv(4, 3, bias=false), instance_norm)
//@ define net()(x) = repeat(3, step())(level()(instance_norm(level()(conv(4, 1)(x)))))
"""
WELL_CONDITIONED = SPACE.replace("level()(instance_norm(level()(conv(4, 1)(x))))", "x")
PAIR = ("torch", "onnxruntime")


def initialised(space: str, seed: int) -> Case:
    architecture = only(space)
    weights = {key: value.numpy() for key, value in architecture.module(seed=seed).state_dict().items()}
    return case_of(architecture.graph, seed, weights=weights)


@pytest.mark.parametrize("seed", range(3))
def test_rounding_of_a_normalised_constant_is_explained(seed: int) -> None:
    verdict = examine(InProcess(), initialised(SPACE, seed), PAIR)
    assert verdict.rounding == ("onnxruntime",), verdict
    assert verdict.unstable


@pytest.mark.parametrize("seed", range(3))
def test_a_normalisation_with_another_epsilon_is_not(seed: int) -> None:
    case = initialised(WELL_CONDITIONED, seed)
    model = onnx.load_from_string(case.model)
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "epsilon":
                attribute.f = 2e-3
    assert examine(InProcess(), case, PAIR).disagreements == ()
    (found,) = examine(InProcess(), replace(case, model=model.SerializeToString()), PAIR).disagreements
    assert found.kind == "values"
