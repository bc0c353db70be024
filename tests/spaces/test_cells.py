"""Spaces of cells and of layers: published counts and costs, and formulas written out again."""

from __future__ import annotations

import math
from collections.abc import Callable

import networkx as nx
import pytest
import torch
from torch import Tensor
from torch.nn import functional

import einsyn
from einsyn import Architecture
from einsyn.backends.torch_source import write_source


def fractal(columns: int) -> Architecture:
    text = "32:" + "e(" * (columns - 1) + "c" + ")" * (columns - 1)
    return einsyn.load("fractal", profile="test").parse(f"{text} {text}")


@pytest.mark.parametrize("columns", range(1, 7))
def test_a_fractal_has_its_convolutions_and_its_depth(columns: int) -> None:
    graph = fractal(columns).graph
    flow = nx.DiGraph()
    for operation in graph.operations:
        for before in operation.inputs:
            for after in operation.outputs:
                flow.add_edge(before, after, convolutions=int(operation.op.name == "conv"))
    blocks = 2
    assert sum(o.op.name == "conv" for o in graph.operations) == blocks * (2**columns - 1)
    assert nx.dag_longest_path_length(flow, weight="convolutions") == blocks * 2 ** (columns - 1)


def test_columns_that_end_together_are_joined_by_one_mean() -> None:
    joins = [len(o.inputs) for o in fractal(4).graph.operations if o.op.name == "add"]
    assert joins == [2, 3, 2, 4] * 2


def test_a_darts_cell_has_the_choices_that_the_paper_counts() -> None:
    predecessors = math.prod(math.comb(k + 1, 2) for k in range(1, 5))
    cell = predecessors * 7**8
    assert cell == 1_037_664_180
    assert einsyn.load("darts").count() == cell**2


def test_darts_takes_edges_in_either_order_and_draws_one() -> None:
    space = einsyn.load("darts", profile="test")
    first, second = "('sep_conv_3x3', 0), ('skip_connect', 1)", "('skip_connect', 1), ('sep_conv_3x3', 0)"
    rest = ", ".join(["('max_pool_3x3', 0), ('skip_connect', 1)"] * 3)
    text = "Genotype(normal=[{}, {}], normal_concat=range(2, 6), reduce=[{}, {}], reduce_concat=range(2, 6))"
    drawn, printed = (
        space.parse(text.format(first, rest, first, rest)),
        space.parse(text.format(second, rest, first, rest)),
    )
    assert drawn.params == printed.params
    assert math.isfinite(drawn.log_prob)
    assert printed.log_prob == -math.inf


def test_darts_on_cifar_has_the_size_that_its_code_prints() -> None:
    assert einsyn.load("darts").ref("darts_v2_cifar10").params == 3_349_342


def test_the_large_nasnet_has_its_published_size() -> None:
    assert einsyn.load("nasnet").ref("nasnet_6a4032").params == 88_753_150


def test_a_cell_of_nasnet_concatenates_what_no_block_uses() -> None:
    space = einsyn.load("nasnet", profile="test")
    blocks = ["id(0)+id(1)", "id(2)+id(1)", "id(2)+id(2)", "id(0)+id(0)", "id(4)+id(3)"]
    cell = f"[{';'.join(blocks)}]"
    joined = [
        len(o.inputs) for o in space.parse(f"normal{cell} reduce{cell}").graph.operations if o.op.name == "concat"
    ]
    listed = space.parse(f"normal{cell}56 reduce{cell}0123456")
    assert set(joined) == {2}  # states 5 and 6; what is halved has two parts as well
    assert listed.log_prob == -math.inf
    assert max(len(o.inputs) for o in listed.graph.operations if o.op.name == "concat") == 7


def count_hierarchical(operations: int) -> int:
    """Architectures by the rules of the paper, with this many operations on an edge of a cell."""
    cell = operations**6
    c = cell**2 + 2 * cell**3
    down = 2 * cell + cell**2
    d1 = c**2 * down + c**3 * down + c**2 * down**2
    d0 = c**2 * cell + c**3 * cell + c**2 * cell**2
    return 2 * d1**2 * d0 + d1**2 * d0**2


def test_hierarchical_architectures_are_counted() -> None:
    blocks = 3 * 3 * 3
    assert einsyn.load("hierarchical_nasbench201").count() == count_hierarchical(3 + blocks)
    # The paper's 10^446 counts the convolution block, which its code lists twice, twice.
    assert len(str(count_hierarchical(3 + 2 * blocks))) == 447


def test_the_network_of_nasbench201_is_a_hierarchical_architecture() -> None:
    here = einsyn.load("hierarchical_nasbench201").ref("nasbench201")
    there = einsyn.load("nasbench201").ref("best_cifar10")
    assert (here.params, here.macs, here.memory) == (there.params, there.macs, there.memory)


def test_a_hierarchical_cell_keeps_a_path() -> None:
    space = einsyn.load("hierarchical_nasbench201", profile="test")
    text = einsyn.load("hierarchical_nasbench201").ref("nasbench201").text
    zero, same = "(OPS zero)", "(OPS id)"
    for edges, kept in (
        ([same, zero, zero, zero, same, zero], True),  # 1-2-4
        ([same, zero, same, zero, zero, same], True),  # 1-2-3-4
        ([zero, same, same, zero, same, zero], False),  # 1-3, 2-4
        ([zero] * 6, False),
    ):
        start = text.index("(CELL")
        end = text.index("(CELL", start + 1)
        changed = f"{text[:start]}(CELL Cell {' '.join(edges)}) {text[end:]}"
        if kept:
            assert space.parse(changed).output == [["B", 10]]
            continue
        with pytest.raises(einsyn.InfeasibleError) as caught:
            space.parse(changed)
        assert caught.value.code == "V005"
        assert "no path" in str(caught.value)


def test_networks_of_images_have_their_published_sizes() -> None:
    space = einsyn.load("unet")
    assert space.ref("u2netp").params == 1_131_181
    assert space.ref("u2net").params == 44_009_869
    assert space.ref("unet").params // 100_000 == 310  # "31.0 M", two classes


@pytest.mark.parametrize("size", [16, 20, 23, 31])
def test_every_size_comes_back(size: int) -> None:
    space = einsyn.load("unet", input=f"3x{size}x{size}", params={"shrink": 16})
    for up in "tnb":
        for head in ("unet", "u2net"):
            for down in "ms":
                text = f"{head}(64c3r1{down}(64rsu2:16{down}<64rsuf:16>{up} att 64c3r1){up} add 64res1)"
                assert space.parse(text).output == [["B", 2, size, size]]


@pytest.mark.parametrize(("name", "millions"), [("ecapa_tdnn_512", 6.2), ("ecapa_tdnn_1024", 14.7)])
def test_ecapa_has_its_published_size(name: str, millions: float) -> None:
    architecture = einsyn.load("tdnn").ref(name)
    *_, classifier = architecture.graph.owners()
    assert classifier.op.name == "linear"
    assert round((architecture.params - classifier.signature.param_count) / 1e6, 1) == millions


def test_xvectors_have_their_published_size() -> None:
    architecture = einsyn.load("tdnn").ref("xvector")
    owners = list(architecture.graph.owners())
    # 4.2 million up to the first layer after the statistics: two convolutions, a norm and the classifier follow it.
    after = [o for o in owners if o.op.name in ("conv", "linear")][-2:]
    assert [o.signature.param_count for o in after] == [512 * 512 + 512, 512 * 10 + 10]
    assert round((architecture.params - sum(o.signature.param_count for o in after)) / 1e6, 1) == 4.2


# Formulas of normalisation and activation, from the papers; `seen` gives running averages outside of training.

Weights = Callable[[], Tensor]


def batchnorm_relu(x: Tensor, w: Weights, mean: Tensor, var: Tensor) -> Tensor:
    return functional.relu((x - mean) / (var + 1e-5).sqrt() * w() + w())


def swish(x: Tensor, w: Weights, mean: Tensor, var: Tensor) -> Tensor:
    return x / (1 + torch.exp(-w() * x))


def evonorm_b0(x: Tensor, w: Weights, mean: Tensor, var: Tensor) -> Tensor:
    instance = (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return x / torch.maximum((var + 1e-5).sqrt(), w() * x + instance) * w() + w()


def evonorm_s0(x: Tensor, w: Weights, mean: Tensor, var: Tensor) -> Tensor:
    batch, channels, *_ = x.shape
    groups = x.reshape(batch, 8, -1).var(2, correction=0, keepdim=True)
    spread = groups.expand(-1, -1, channels // 8).reshape(batch, channels, 1, 1)
    return x * torch.sigmoid(w() * x) / (spread + 1e-5).sqrt() * w() + w()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("formula", [batchnorm_relu, swish, evonorm_b0, evonorm_s0])
def test_formulas_are_those_of_their_papers(formula: Callable[..., Tensor], training: bool) -> None:
    architecture = einsyn.load("normact").ref(formula.__name__)
    module, form = architecture.module(seed=1), architecture.form()
    generator = torch.Generator().manual_seed(4)
    # By the names that weights have where everything is one class.
    flat, nested = write_source(form.rewritten.graph, blocks=False).keys, module.state_dict()
    state = {key: nested[form.torch.keys[slot]] for slot, key in flat.items()}
    for name, t in state.items():
        if name.startswith("weight"):  # learned numbers of the formula, in the order in which it names them
            t.normal_(0.5, 0.5, generator=generator)
    module.train()
    module(torch.randn(8, 3, 32, 32, generator=generator))  # running averages move
    module.train(training)
    x = torch.randn(4, 3, 32, 32, generator=generator)
    with torch.no_grad():
        found = module(x)
    names = iter([name for name in state if name.startswith("weight")])
    running = {
        kind: iter([t for name, t in state.items() if name.startswith(kind)]) for kind in ("batch_mean", "batch_var")
    }
    for i in (1, 2, 3):
        x = functional.conv2d(x, state[f"conv{i}.weight"], state[f"conv{i}.bias"], stride=1 if i == 1 else 2, padding=1)
        mean, var = x.mean((0, 2, 3), keepdim=True), x.var((0, 2, 3), correction=0, keepdim=True)
        if not training:
            mean, var = next(running["batch_mean"], mean), next(running["batch_var"], var)
        x = formula(x, lambda: state[next(names)], mean, var)
    expected = functional.linear(x.mean((2, 3)), state["linear1.weight"], state["linear1.bias"])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
