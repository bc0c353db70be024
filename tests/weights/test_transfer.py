"""What a network takes over from another one."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from small_spaces import IMAGE, SEQUENCE, small_space

import einsyn
from einsyn import Architecture, Transfer, WeightsError
from einsyn.forms import Rewriting
from einsyn.rewrite.weights import Slot
from einsyn.weights.transfer import CHANGED, ONCE_MORE, OTHER_SHAPES, elaborated

FORMS: tuple[Rewriting, ...] = ("none", "exact")


def marked(architecture: Architecture, rewrite: Rewriting, start: int) -> tuple[torch.nn.Module, dict[Slot, int]]:
    """A module each weight of which has a number of its own everywhere, as elaborated, and those numbers."""
    module = architecture.module(rewrite=rewrite)
    weights = elaborated(architecture, module.state_dict(), rewrite)
    numbers = {slot: start + i for i, slot in enumerate(sorted(weights))}
    marks = {slot: torch.full_like(tensor, numbers[slot]) for slot, tensor in weights.items()}
    module.load_state_dict(architecture.form(rewrite).state(marks))
    return module, numbers


def taken(parent: Architecture, child: Architecture, rewrite: Rewriting) -> tuple[Transfer, dict[Slot, Slot | None]]:
    """What a child takes over: for every weight that of the parent, read off the numbers in its module."""
    (trained, theirs), (module, own) = marked(parent, rewrite, 1_000_000), marked(child, rewrite, 1)
    before = {key: tensor.clone() for key, tensor in trained.state_dict().items()}
    report = einsyn.transfer((parent, trained), (child, module), rewrite=rewrite)
    assert all(torch.equal(tensor, before[key]) for key, tensor in trained.state_dict().items())
    slots = {number: slot for slot, number in theirs.items()}
    found: dict[Slot, Slot | None] = {}
    # What several weight sets count alike is one number in a form, and that of the first of them.
    counts = {slot for slot, of in parts(child, rewrite) if of > 1}
    for slot, tensor in elaborated(child, module.state_dict(), rewrite).items():
        (number,) = tensor.unique().tolist()
        assert slot in counts or number in slots or number == own[slot]
        found[slot] = slots.get(number)
    return report, found


def parts(architecture: Architecture, rewrite: Rewriting) -> list[tuple[Slot, int]]:
    """Weights that a form holds as one number for several."""
    found: list[tuple[Slot, int]] = []
    for of in architecture.form(rewrite).rewritten.weights.values():
        slots = list(of.slots())
        if of.shape == () and len(slots) > 1:
            found += [(slot, len(slots)) for slot in slots]
    return found


def paths(architecture: Architecture) -> dict[Slot, str]:
    """Where the weights come from."""
    return {
        (operation.owner, name): str(operation.path)
        for operation in architecture.graph.owners()
        if operation.owner is not None
        for name in (*operation.signature.params, *operation.signature.buffers)
    }


@pytest.mark.parametrize("rewrite", FORMS)
def test_one_edge_changed_keeps_all_else(rewrite: Rewriting) -> None:
    space = einsyn.load("nasbench201", profile="test")
    parent = space.parse("|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_3x3~0|none~1|nor_conv_3x3~2|")
    child = space.parse("|nor_conv_3x3~0|+|avg_pool_3x3~0|skip_connect~1|+|nor_conv_3x3~0|nor_conv_1x1~1|none~2|")
    report, found = taken(parent, child, rewrite)
    edges = paths(child)
    theirs = paths(parent)
    # The 1x1 convolution of edge 1 moved to edge 4; what is not on an edge, and edges 0 and 3, are where they were.
    for slot, source in found.items():
        assert source is not None
        assert theirs[source] == ("/0/1" if edges[slot] == "/0/4" else edges[slot])
        assert source[1] == slot[1]
    assert not report.fresh
    # Nothing is taken twice, and order stays.
    for edge in set(edges.values()):
        sources = [found[slot] for slot in sorted(found) if edges[slot] == edge]
        assert sources == sorted(sources, key=lambda slot: slot or (0, ""))


@pytest.mark.parametrize("rewrite", FORMS)
def test_what_is_fresh_stays_as_it_was_initialised(rewrite: Rewriting) -> None:
    space = einsyn.load("nasbench201", profile="test")
    parent = space.parse("|skip_connect~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
    child = space.parse("|nor_conv_1x1~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
    report, found = taken(parent, child, rewrite)
    edges = paths(child)
    assert {edges[slot] for slot, source in found.items() if source is None} == {"/0/0"}
    assert {w.path for w in report.fresh} == {"/0/0"}
    assert {w.reason for w in report.fresh} == {CHANGED}
    # A stem, three cells of two kinds of channels: parameters and statistics are all there in the report.
    assert len(report.weights) == len(found)
    assert {w.name for w in report.fresh} >= {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}


@pytest.mark.parametrize("name", ["einspace", "ofa_mbv3", "hierarchical_nasbench201", "rnncell"])
def test_random_pairs_of_shipped_spaces(name: str) -> None:
    space = einsyn.load(name, profile="test")
    drawn = space.sample(4, seed=11)
    for rewrite in FORMS:
        for parent, child in pairwise(drawn):
            report, found = taken(parent, child, rewrite)
            shared = {slot for slot, _ in parts(child, rewrite)}
            copied = [source for slot, source in found.items() if source is not None and slot not in shared]
            assert len(copied) == len(set(copied))
            if not shared:
                assert len(copied) == len(report.copied)
        itself, _ = taken(drawn[0], drawn[0], rewrite)
        assert not itself.fresh


def test_rewritten_layers_take_parts() -> None:
    # Three linear layers of one tensor are written as one; one of them is new.
    space = small_space(
        f'{SEQUENCE}start: a a a -> net\na: "l" -> branch\n | "m" -> other\n'
        "//@ define branch()(x) = linear(8)(x)\n//@ define other()(x) = linear(4)(x)\n"
        '//@ define net(f, g, h)(x) = concat("d")(f(x), g(x), h(x))'
    )
    parent, child = space.parse("lml"), space.parse("lll")
    (key,) = {key for key in child.form().shapes if key.endswith("weight")}
    assert child.form().shapes[key] == (24, 8)
    old, new = parent.module(1), child.module(2)
    fresh = new.state_dict()[key].clone()
    report = einsyn.transfer((parent, old), (child, new))
    assert [(w.path, w.copied, w.key) for w in report.weights if w.name == "weight"] == [
        ("/0", True, key),
        ("/1", False, key),
        ("/2", True, key),
    ]
    given = old.state_dict()[key]
    now = new.state_dict()[key]
    assert torch.equal(now[:8], given[:8])
    assert torch.equal(now[8:16], fresh[8:16])
    assert torch.equal(now[16:], given[12:])


def test_outputs_of_unchanged_networks_are_equal() -> None:
    space = einsyn.load("einspace", profile="test")
    image = torch.randn(2, *(space.inputs[0][1].sizes), generator=torch.Generator().manual_seed(3))
    for architecture in space.sample(10, seed=2):
        old, new = architecture.module(1).eval(), architecture.module(2).eval()
        einsyn.transfer((architecture, old), (architecture, new))
        with torch.no_grad():
            assert torch.equal(old(image), new(image))


def test_other_parameters_of_the_space_keep_what_fits() -> None:
    text = "|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|"
    parent = einsyn.load("nasbench201", profile="test").parse(text)
    child = einsyn.load("nasbench201", profile="test", params={"classes": 7}).parse(text)
    report, _ = taken(parent, child, "exact")
    assert [(w.operation, w.name, w.reason) for w in report.fresh] == [
        ("linear(width=7)", "weight", OTHER_SHAPES),
        ("linear(width=7)", "bias", OTHER_SHAPES),
    ]
    deeper = einsyn.load("nasbench201", profile="test", params={"cells": 2}).parse(text)
    report, _ = taken(parent, deeper, "exact")
    assert report.copied
    assert {w.reason for w in report.fresh} == {ONCE_MORE}


def test_shared_weights_loops_and_ids() -> None:
    tied = small_space(
        f'{SEQUENCE}start: a a -> net\na: "l" -> line\n | "r" -> relu\n'
        "//@ define line()(x) = linear(8)(x)\n"
        "//@ define net(f, g)(x) { s = shared(f) return g(s(s(s(x)))) }"
    )
    report, found = taken(tied.parse("ll"), tied.parse("lr"), "exact")
    assert not report.fresh
    assert len(found) == 2
    loop = small_space(
        f'{SEQUENCE}start: a a -> net\na: "l" -> line\n | "r" -> relu\n'
        "//@ define line()(x) = linear(8)(x)\n"
        "//@ define step(f)(h, x) { y = f(x) + linear(8)(h) return y, y }\n"
        '//@ define net(f, g)(x) { h, y = scan("s", step(f))(zero(mean("s")(x)), x) return g(y) }'
    )
    report, _ = taken(loop.parse("ll"), loop.parse("lr"), "exact")
    assert not report.fresh


def test_other_kinds_of_numbers_are_converted() -> None:
    space = einsyn.load("nasbench201", profile="test")
    architecture = space.ref("best_cifar10")
    old, new = architecture.module(1), architecture.module(2).double()
    einsyn.transfer((architecture, old), (architecture, new))
    for key, tensor in new.state_dict().items():
        assert torch.equal(tensor, old.state_dict()[key].to(tensor.dtype))
    assert next(iter(new.parameters())).dtype is torch.float64
    assert all(parameter.requires_grad for parameter in new.parameters())


def test_refusals() -> None:
    space = einsyn.load("nasbench201", profile="test")
    one, other = space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"), space.ref("best_cifar10")
    image = small_space(f'{IMAGE}start: "c" -> net\n//@ define net()(x) = conv(4, 3)(x)').parse("c")
    with pytest.raises(WeightsError, match="W008"):
        einsyn.transfer((one, one.module()), (image, image.module()))
    with pytest.raises(WeightsError, match="W006"):
        einsyn.transfer((one, one.module(rewrite="deploy")), (one, one.module(rewrite="deploy")), rewrite="deploy")
    with pytest.raises(WeightsError, match="W005"):
        einsyn.transfer((one, other.module()), (other, other.module()))
    with pytest.raises(WeightsError, match="W002"):
        einsyn.transfer((one, one.module()), (other, one.module()))
    with pytest.raises(einsyn.UsageError, match="U024"):
        einsyn.transfer((one, one.module()), (one, one.module()), rewrite="fast")  # type: ignore[arg-type]


def test_the_report_says_it_in_a_line_for_every_reason() -> None:
    space = einsyn.load("nasbench201", profile="test")
    a, b = space.sample(2, seed=3)
    report = einsyn.transfer((a, a.module()), (b, b.module()))
    lines = str(report).splitlines()
    assert lines[0].startswith(f"{len(report.copied)} of {len(report.weights)} weights copied, ")
    assert len(lines) == 1 + len({(w.copied, w.reason) for w in report.weights})


@pytest.mark.parametrize("side", ["left", "right"])
def test_ten_thousand_nested_modules(side: str) -> None:
    from test_deep import MODULES, SPACE, text

    space = small_space(SPACE)
    parent = text(MODULES, side).replace("id", "w")
    old, new = space.parse(parent), space.parse(parent.replace("relu", "w", 1))
    report = einsyn.transfer((old, old.module(1)), (new, new.module(2)))
    assert len(report.fresh) == 2
    assert len(report.copied) > MODULES
