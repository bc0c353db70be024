"""Steps of loops are rewritten as networks are, and their weights keep their way back."""

from __future__ import annotations

import pytest
import torch
from small_spaces import SEQUENCE, net
from test_deploy import gap

import einsyn
from einsyn.architecture import Architecture
from einsyn.ir.graph import Graph
from einsyn.rewrite import Firing, rewrite
from einsyn.rewrite.rules import DEFAULT, DEPLOY
from einsyn.testing.rewrite_contract import Pair, check_function, check_outputs, check_parameters, check_sound

VECTORS = """
    define begin()() = constant("d", [0.5 for i in 0..8])()
    define net()(x) { h, y = scan("s", step())(begin()(), x) return y }
"""
TWICE_SHARED = """
    define layer()(x) { h, y = scan("s", step())(constant("d", [0.5 for i in 0..8])(), x) return y }
    define net()(x) { f = shared(layer()) return f(f(x)) }
"""
IMAGE_SEQUENCE = "//@ input x f32[B, s:5, c:4, h:6, w:6]\n"
IMAGES = """
    define net()(x) { h, y = scan("s", step())(rearrange("1 c h w -> c h w")(narrow("s", 0, 1)(x)), x) return y }
"""


def steps(graph: Graph) -> list[list[str]]:
    """The operations of the step of each loop of a graph, those of outer loops first."""
    found = [region for o in graph.operations for region in o.regions]
    for region in found:
        found += [inner for o in region.operations for inner in o.regions]
    return [[o.op.name for o in region.operations] for region in found]


def agrees(architecture: Architecture) -> None:
    """The rewritten graph is sound, has each parameter once, and computes the same with the same gradients."""
    pair = Pair(architecture.graph, rewrite(architecture.graph, DEFAULT))
    check_sound(pair)
    check_parameters(pair)
    check_function(pair)
    assert architecture.verify().verified


def test_what_does_nothing_goes() -> None:
    step = "define step()(h, x) { y = tanh(identity()(linear(8)(x)) + linear(8)(h) + zero()(h)) return y, y }"
    found = net(step + VECTORS)
    assert steps(found.graph) == [["linear", "identity", "linear", "add", "zero", "add", "tanh"]]
    assert steps(found.rewritten.graph) == [["linear", "linear", "add", "tanh"]]
    assert found.rewritten.fired == {"hand-on": 1, "add-zero": 1}
    agrees(found)


def test_layers_of_one_tensor_are_one() -> None:
    step = "define step()(h, x) { y = tanh(linear(8)(x) * sigmoid(linear(8)(x)) + linear(8)(h)) return y, y }"
    found = net(step + VECTORS)
    assert sorted(steps(found.rewritten.graph)[0]) == ["add", "linear", "linear", "sigmoid", "split", "tanh", "times"]
    assert "self.linear1 = nn.Linear(8, 16)" in found.source()
    agrees(found)


def test_counts_are_those_of_all_loops() -> None:
    step = "define step()(h, x) { y = h + identity()(x) return y, y }"
    found = net(
        step
        + """
        define layer()(x) { h, y = scan("s", step())(constant("d", [0.5 for i in 0..8])(), x) return y }
        define net()(x) = layer()(identity()(layer()(x)))
        """
    )
    assert found.rewritten.fired == {"hand-on": 3}


def test_weights_go_in_and_out_of_a_rewritten_step() -> None:
    step = "define step()(h, x) { y = tanh(linear(8)(x) * sigmoid(linear(8)(x)) + linear(8)(h)) return y, y }"
    found = net(step + VECTORS)
    before, after = found.form("none"), found.form("exact")
    plain, module = found.module(seed=3, rewrite="none"), found.module(seed=4)
    module.load_state_dict(after.state(before.elaborated_weights(plain.state_dict())))
    x = torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(module(x), plain(x))
    back = before.state(after.elaborated_weights(module.state_dict()))
    for key, tensor in plain.state_dict().items():
        assert torch.equal(tensor, back[key]), key


def test_loops_inside_loops() -> None:
    found = net(
        """
        define inner()(h, x) { y = tanh(linear(4)(x) + linear(4)(x) * h + zero()(h)) return y, y }
        define step()(h, x) {
          last, y = scan("h", inner())(rearrange("1 w -> w")(narrow("h", 0, 1)(h)), identity()(x))
          return y + h, y
        }
        define net()(x) { h, y = scan("s", step())(rearrange("1 h w -> h w")(narrow("s", 0, 1)(x)), x) return y }
        """,
        "//@ input x f32[B, s:5, h:3, w:4]\n",
    )
    outer, inner = steps(found.rewritten.graph)
    assert "identity" in steps(found.graph)[0]
    assert "identity" not in outer
    assert sorted(inner) == ["add", "linear", "split", "tanh", "times"]
    agrees(found)


def test_deployment_takes_what_only_trains_out_of_a_step() -> None:
    step = "define step()(h, x) { y = dropout(0.5)(tanh(linear(8)(drop_path(0.2)(x)) + h)) return y, dropout(0.1)(y) }"
    found = net(step + VECTORS)
    assert steps(found.rewritten.graph)[0].count("dropout") == 2
    deployed = found.form("deploy").rewritten.graph
    assert steps(deployed) == [["linear", "add", "tanh"]]
    assert "dropout" not in found.source("deploy")
    assert gap(found, torch.randn(3, 6, 8, generator=torch.Generator().manual_seed(2))) <= 1e-5


def test_deployment_folds_normalisations_in_a_step() -> None:
    found = net(
        "define step()(h, x) { y = relu(batch_norm(conv(4, 3)(x))) + h return y, y }" + IMAGES,
        IMAGE_SEQUENCE,
    )
    deployed = found.form("deploy").rewritten.graph
    assert steps(found.rewritten.graph) == [["conv", "batch_norm", "relu", "add"]]
    assert steps(deployed) == [["conv", "relu", "add"]]
    check_outputs(Pair(found.graph, rewrite(found.graph, DEPLOY)))
    assert gap(found, torch.randn(2, 5, 4, 6, 6, generator=torch.Generator().manual_seed(2))) <= 1e-5
    # A model for evaluation folds as well, from the weights of a module in training.
    assert found.verify().verified


def test_weights_that_another_loop_has_stay_where_they_are() -> None:
    step = "define step()(h, x) { y = linear(8)(x) * linear(8)(x) + identity()(linear(8)(h)) return y, y }"
    found = net(step + TWICE_SHARED)
    # Layers of one tensor would be one, and both loops would have to know.
    assert steps(found.rewritten.graph) == steps(found.graph)
    assert not found.rewritten.fired
    trace: list[Firing] = []
    rewrite(found.graph, DEFAULT, trace)
    assert not trace
    agrees(found)


def test_what_moves_no_weights_goes_from_every_loop_that_shares_them() -> None:
    step = "define step()(h, x) { y = tanh(linear(8)(identity()(x)) + dropout(0.5)(linear(8)(h))) return y, y }"
    found = net(step + TWICE_SHARED)
    assert steps(found.rewritten.graph) == [["linear", "linear", "dropout", "add", "tanh"]] * 2
    assert steps(found.form("deploy").rewritten.graph) == [["linear", "linear", "add", "tanh"]] * 2
    agrees(found)
    assert gap(found, torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(2))) <= 1e-5


@pytest.mark.parametrize("step", ["return h, x", "return dropout(0.5)(h), x", "return identity()(x), h"])
def test_steps_of_nothing(step: str) -> None:
    found = net(f"define step()(h, x) {{ {step} }}" + VECTORS)
    assert steps(found.form("deploy").rewritten.graph) == [[]]
    agrees(found)
    assert gap(found, torch.randn(2, 6, 8, generator=torch.Generator().manual_seed(2))) == 0


def test_the_trace_says_in_which_loop() -> None:
    found = net("define step()(h, x) { y = h + identity()(x) return y, identity()(y) }" + VECTORS, SEQUENCE)
    trace: list[Firing] = []
    rewrite(found.graph, DEFAULT, trace)
    assert [firing.rule for firing in trace] == ["hand-on", "hand-on"]
    (loop,) = [o for o in found.graph.operations if o.regions]
    assert all(str(firing).startswith(f"hand-on at /, in the step of the loop at {loop.path}\n") for firing in trace)


def test_networks_of_cells_agree() -> None:
    space = einsyn.load("rnncell", profile="test")
    changed = 0
    for architecture in space.sample(12, seed=1):
        agrees(architecture)
        changed += bool(architecture.rewritten.fired)
    assert changed
