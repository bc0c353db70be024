"""Children that compute what their parents do: the moves by name, on several spaces, and any edits of any parents."""

from __future__ import annotations

from collections import Counter, defaultdict
from random import Random

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_spaces import IMAGE, small_space

import einsyn
from einsyn import Architecture, Space, Transfer
from einsyn.search.choices import RandomChoices
from einsyn.search.moves import MOVES
from einsyn.search.moves.mixture import every_move
from einsyn.search.views import Views
from einsyn.weights.preserving import numbers
from einsyn.weights.preserving.check import difference
from einsyn.weights.preserving.solve import solve
from einsyn.weights.transfer import Plan, can_preserve

# Lists of layers and branches on images and signals: with batch normalisation, strides and kernels of any size.
CONVOLUTIONAL = """
//@ output f32[B, d:3]
//@ main head
start: layers
layers: layer                 //@ p 0.55
      | layer ";" layers -> seq
layer: "conv" KERNEL "x" WIDTH -> conv_of        //@ w 5
     | "act" -> relu                              //@ w 3
     | "bn" -> batch_norm                         //@ w 2
     | "deep" WIDTH -> depthwise                  //@ w 1
     | "pool" -> pool                             //@ w 1
     | "both(" layers "," layers ")" -> both      //@ w 1
     | "join(" layers "," layers ")" -> join      //@ w 1
     | "cut(" layers "," layers ")" -> cut        //@ w 1
     | "near(" layers ")" -> residual             //@ w 1
     | "id" -> identity                           //@ w 1
KERNEL: "1" | "3" | "5"
WIDTH: "4" | "6" | "8" | "12"
//@ define conv_of(kernel, width)(x) = conv(width, kernel)(x)
//@ define depthwise(width)(x) = conv(width, 1)(conv(channels_of(x), 3, groups=channels_of(x))(x))
//@ define pool()(x) = max_pool(2)(x)
//@ define both(a, b)(x) = a(x) + b(x)
//@ define join(a, b)(x) = concat("c")(a(x), b(x))
//@ define cut(a, b)(x) {
//@   y, z = group(2, "c")(x)
//@   return concat("c")(a(y), b(z))
//@ }
//@ define head(body)(x) = linear(3)(mean([p for p in axes_of(x) if p != "c"])(body(x)))
"""
SIGNAL = "//@ input x f32[B, c:4, l:16]\n"


def space_of(name: str) -> Space:
    if name == "images":
        return small_space(IMAGE + CONVOLUTIONAL)
    if name == "signals":
        return small_space(SIGNAL + CONVOLUTIONAL)
    if name == "einspace on signals":
        return einsyn.load("einspace", input="c:3,l:16", params={"classes": 4})
    return einsyn.load(name, profile="test")


def trained(architecture: Architecture, seed: int) -> torch.nn.Module:
    """A module with random weights, biases and running statistics."""
    module = architecture.module(seed)
    generator = torch.Generator().manual_seed(seed)
    for key, tensor in module.state_dict().items():
        if tensor.is_floating_point():
            drawn = torch.rand(tensor.shape, generator=generator)
            tensor.copy_(drawn + 0.5 if key.endswith("running_var") else 0.8 * (drawn - 0.4))
    return module


def grown(space: Space, before: str, after: str) -> Transfer:
    """What became of a child's weights; its outputs are compared here again, with inputs of another seed."""
    parent, child = space.parse(before), space.parse(after)
    old, new = trained(parent, 1), child.module(2)
    kept = {key: tensor.clone() for key, tensor in old.state_dict().items()}
    report = einsyn.transfer((parent, old), (child, new), preserve=True)
    assert all(torch.equal(tensor, kept[key]) for key, tensor in old.state_dict().items())
    if report.preserved:
        found = difference(child.graph, old, new, seed=77)
        assert found <= 1e-5
        # That is no accident of constant outputs: with fresh weights they differ.
        assert difference(child.graph, old, child.module(3)) > 1e-3
    return report


def reasons(report: Transfer) -> set[str]:
    assert report.preserved
    assert str(report).startswith("the function is the parent's, largest difference ")
    assert all(not w.computed or w.reason != numbers.SAME for w in report.weights)
    return {w.reason for w in report.weights if w.computed}


WIDER = [
    # A space, a parent, a child, and whether weights behind the wider layer are shared among its units.
    # Columns of the image, over which the mean is taken: each is there twice, so nothing has to be shared.
    ("einspace", "(linear 16;leaky_relu)", "(linear 32;leaky_relu)", False),
    (
        "einspace",
        "(route(im2col(3,2,1),linear 32,col2im);route(im2col(3,1,1),linear 16,col2im))",
        "(route(im2col(3,2,1),linear 128,col2im);route(im2col(3,1,1),linear 16,col2im))",
        True,
    ),
    (
        "einspace on signals",
        "(route(im2col(3,2,1),(linear 32;norm),identity);(leaky_relu;linear 16))",
        "(route(im2col(3,2,1),(linear 64;norm),identity);(leaky_relu;linear 16))",
        True,
    ),
    ("images", "conv3x4;bn;act;conv5x6", "conv3x12;bn;act;conv5x6", True),
    ("images", "conv3x4;deep6;near(conv1x6;act);conv1x4", "conv3x8;deep12;near(conv1x12;act);conv1x4", True),
    # Units that are not repeated evenly.
    ("signals", "conv3x4;pool;join(act,conv3x8);conv1x4", "conv3x6;pool;join(act,conv3x12);conv1x4", True),
]


@pytest.mark.parametrize(("name", "before", "after", "shared"), WIDER)
def test_net2wider(name: str, before: str, after: str, shared: bool) -> None:
    found = reasons(grown(space_of(name), before, after))
    assert numbers.WIDENED in found
    assert (numbers.SHARED in found) == shared


def test_copies_of_a_unit_have_unlike_shares() -> None:
    space = space_of("images")
    parent, child = space.parse("conv3x4;act;conv1x4"), space.parse("conv3x8;act;conv1x4")
    old, new = trained(parent, 1), child.module(2)
    assert einsyn.transfer((parent, old), (child, new), preserve=True).preserved
    first, second, *_ = [t for k, t in new.state_dict().items() if k.endswith("weight") and t.dim() == 4]
    before = [t for k, t in old.state_dict().items() if k.endswith("weight") and t.dim() == 4]
    assert torch.equal(first, before[0].repeat_interleave(2, 0))
    # One third and two thirds: with halves both copies would be trained alike for ever.
    assert torch.allclose(second[:, 0::2], before[1] / 3)
    assert torch.allclose(second[:, 1::2], before[1] * 2 / 3)
    new.train()
    torch.autograd.backward(new(torch.randn(4, 4, 8, 8, generator=torch.Generator().manual_seed(0))).square().sum())
    gradient = next(p.grad for p in new.parameters() if p.dim() == 4)
    assert gradient is not None
    assert not torch.allclose(gradient[0::2], gradient[1::2])


DEEPER = [
    ("einspace", "(linear 16;linear 16)", "((linear 16;norm);linear 16)"),
    ("einspace", "(linear 16;leaky_relu)", "((linear 16;leaky_relu);linear 64)"),
    ("einspace", "route(im2col(4,4,0),linear 16,identity)", "route(im2col(4,4,0),(linear 16;pos_enc),identity)"),
    ("einspace on signals", "(softmax;linear 16)", "((softmax;leaky_relu);linear 16)"),
    ("images", "conv3x4;act;conv3x6", "conv3x4;act;conv5x4;act;bn;conv3x6"),
    ("images", "conv3x4;act;conv3x6", "conv3x4;act;deep12;conv3x6"),
    ("signals", "conv3x4;conv3x6", "conv3x4;conv3x8;conv3x6"),
]


@pytest.mark.parametrize(("name", "before", "after"), DEEPER)
def test_net2deeper(name: str, before: str, after: str) -> None:
    report = grown(space_of(name), before, after)
    found = reasons(report) if report.computed else {numbers.IDENTITY}
    assert report.preserved
    # A rectifier of what is not negative has no weights that could say so.
    assert numbers.IDENTITY in found


def test_a_rectifier_that_changes_something_is_not_put_in() -> None:
    report = grown(space_of("images"), "conv3x4;conv3x6", "conv3x4;act;conv3x6")
    assert not report.preserved
    assert report.difference is None
    assert report.copied
    assert not report.computed


REPLICATED = [
    ("einspace", "(linear 16;leaky_relu)", "(branch(clone 2,linear 16,linear 16,add);leaky_relu)"),
    (
        "einspace",
        "((linear 16;leaky_relu);leaky_relu)",
        "(branch(clone 8,(linear 16;leaky_relu),add);leaky_relu)",
    ),
    (
        "einspace on signals",
        "route(im2col(3,2,1),(linear 16;norm),identity)",
        "route(im2col(3,2,1),(branch(clone 4,linear 16,add);norm),identity)",
    ),
    ("images", "conv3x4;bn;act;conv3x4", "both(conv3x4;bn;act,conv3x4;bn;act);conv3x4"),
    ("signals", "conv3x4;act;conv3x4", "both(conv3x4;act,both(conv3x4;act,conv3x4;act));conv3x4"),
]


@pytest.mark.parametrize(("name", "before", "after"), REPLICATED)
def test_replicate_add(name: str, before: str, after: str) -> None:
    assert numbers.PART in reasons(grown(space_of(name), before, after))


def test_what_is_added_to_itself_is_halved_behind() -> None:
    # Neither term has weights; the next layer, a normalisation and a kernel, takes the factor up.
    report = grown(space_of("images"), "conv3x4;act;conv3x4", "conv3x4;both(act,act);conv3x4")
    assert reasons(report) == {numbers.SCALED}
    report = grown(space_of("signals"), "conv3x4;act;bn;pool", "conv3x4;both(act,act);bn;pool")
    assert reasons(report) == {numbers.SCALED}


SPLIT = [
    ("einspace", "(linear 64;leaky_relu)", "(branch(clone 4,linear 16,concat/3);leaky_relu)"),
    (
        "einspace on signals",
        "route(im2col(3,2,1),(linear 64;leaky_relu),identity)",
        "route(im2col(3,2,1),branch(clone 4,(linear 16;leaky_relu),concat/2),identity)",
    ),
    ("images", "conv3x8;bn;act;conv1x4", "join(conv3x4,conv3x4);bn;act;conv1x4"),
    ("images", "conv3x12;act;conv1x4", "join(conv5x4;act,conv3x8;act);conv1x4"),
    ("signals", "conv3x8;bn;act;conv1x4", "join(conv3x4;bn;act,conv3x4;bn;act);conv1x4"),
]


@pytest.mark.parametrize(("name", "before", "after"), SPLIT)
def test_split_concat(name: str, before: str, after: str) -> None:
    assert numbers.CHOSEN in reasons(grown(space_of(name), before, after))


def test_parts_that_pass_different_functions_are_not_the_whole() -> None:
    before = "(linear 64;leaky_relu)"
    after = "(branch(clone 2,(linear 32;leaky_relu),linear 32,concat/3);leaky_relu)"
    assert not grown(space_of("einspace"), before, after).preserved


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("einspace", "(linear 64;leaky_relu)", "(linear 64;branch(group 4/3,leaky_relu,concat/3))"),
        ("images", "conv3x8;act;conv1x4", "conv3x8;cut(act,act);conv1x4"),
        ("images", "conv3x8;bn;conv1x4", "conv3x8;cut(bn,bn);conv1x4"),
        ("signals", "conv3x8;act;conv1x4", "conv3x8;act;cut(id,conv3x4);conv1x4"),
    ],
)
def test_split_and_joined_again(name: str, before: str, after: str) -> None:
    report = grown(space_of(name), before, after)
    assert report.preserved


GATED = [
    ("einspace", "(linear 64;leaky_relu)", "(linear 64;branch(clone 2,leaky_relu,(softmax;linear 64),add))"),
    (
        "einspace on signals",
        "(linear 64;leaky_relu)",
        "(linear 64;branch(clone 2,leaky_relu,((norm;leaky_relu);linear 64),add))",
    ),
    ("images", "conv3x4;act;conv1x4", "conv3x4;near(act;conv3x6;act;conv3x4;bn);act;conv1x4"),
    ("signals", "conv3x4;act;conv1x4", "conv3x4;near(join(conv3x6,conv5x6;bn);conv1x4);act;conv1x4"),
    (
        "nasbench201",
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_3x3~0|none~1|nor_conv_3x3~2|",
        "|nor_conv_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|",
    ),
]


@pytest.mark.parametrize(("name", "before", "after"), GATED)
def test_gated_residual_at_zero(name: str, before: str, after: str) -> None:
    space = space_of(name)
    report = grown(space, before, after)
    assert numbers.ZERO in reasons(report)
    child = space.parse(after)
    module = child.module(0)
    einsyn.transfer((space.parse(before), trained(space.parse(before), 1)), (child, module), preserve=True)
    keys = {w.key for w in report.weights if w.reason == numbers.ZERO and w.name == "weight"}
    assert keys
    for key in keys:
        assert not module.state_dict()[key].any()


@pytest.mark.parametrize("before", ["1", "3"])
def test_larger_kernels_have_zeros_around(before: str) -> None:
    for name in ("images", "signals"):
        report = grown(space_of(name), f"conv{before}x4;act;conv{before}x8", "conv5x4;act;conv3x12")
        assert numbers.LARGER in reasons(report)
    assert not grown(space_of("images"), "conv5x4;act;conv1x8", "conv3x4;act;conv1x8").preserved


def test_narrower_layers_and_other_functions_are_not_preserved() -> None:
    space = space_of("images")
    for before, after in (
        ("conv3x8;act;conv1x4", "conv3x4;act;conv1x4"),
        ("conv3x8;act;conv1x4", "conv3x8;bn;conv1x4"),
        ("conv3x8;act;conv1x4", "conv3x8;pool;act;conv1x4"),
    ):
        report = grown(space, before, after)
        assert not report.preserved
        assert (
            report.weights
            == einsyn.transfer(
                (space.parse(before), trained(space.parse(before), 1)),
                (space.parse(after), space.parse(after).module(2)),
            ).weights
        )


@pytest.mark.parametrize("rewrite", ["none", "exact"])
def test_every_form(rewrite: einsyn.forms.Rewriting) -> None:
    space = space_of("einspace")
    parent = space.parse("(branch(clone 2,linear 16,linear 16,add);leaky_relu)")
    child = space.parse("(branch(clone 2,linear 32,linear 32,add);leaky_relu)")
    old, new = parent.module(0, rewrite=rewrite), child.module(1, rewrite=rewrite)
    report = einsyn.transfer((parent, old), (child, new), rewrite=rewrite, preserve=True)
    assert report.preserved
    assert difference(child.graph, old, new) <= 1e-5


def edits(space: Space, random: Random, parents: int, each: int) -> list[tuple[str, Architecture, Architecture]]:
    """Parents and children that random moves make of them, with the names of the moves."""
    views = Views(space)
    moves, choices = every_move(views, MOVES), RandomChoices(random)
    found: list[tuple[str, Architecture, Architecture]] = []
    for parent in space.sample(parents, seed=random.randrange(1000)):
        for _ in range(each):
            move, edit = moves.propose(views.met(parent), choices)
            if edit is not None and edit.child.architecture is not None:
                child = edit.child.architecture
                if child.canonical != parent.canonical:
                    found.append((move.name, parent, child))
    return found


@pytest.mark.parametrize("name", ["einspace", "einspace on signals", "images", "signals"])
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 10**6))
def test_whatever_is_said_to_be_preserved_is(name: str, seed: int) -> None:
    space = space_of(name)
    space.limits = space.limits.merged({"max_params": 50_000, "max_macs": 2_000_000})
    for _, parent, child in edits(space, Random(seed), 2, 8):
        if not can_preserve(parent, child):
            continue
        old, new = trained(parent, seed), child.module(seed + 1)
        outputs = difference(parent.graph, old, old)
        report = einsyn.transfer((parent, old), (child, new), preserve=True)
        # What the graphs say is so, unless the parent gives no numbers.
        assert report.preserved or outputs == float("inf"), (parent.text, child.text)
        assert not report.preserved or difference(child.graph, old, new, seed=seed + 1) <= 1e-5


def test_it_is_found_for_each_kind_of_move_and_in_each_way() -> None:
    counted: defaultdict[str, Counter[bool]] = defaultdict(Counter)
    ways: Counter[str] = Counter()
    space = space_of("einspace")
    space.limits = space.limits.merged({"max_params": 100_000})
    # Terms that have to be nothing come up where sums do.
    cells = edits(space_of("nasbench201"), Random(3), 4, 8)
    for move, parent, child in [*edits(space, Random(3), 200, 8), *[("cell", *pair) for _, *pair in cells]]:
        found = solve(parent.graph, child.graph, Plan.of(parent, child).counterparts)
        counted[move][found is not None] += 1
        for role in [] if found is None else found.roles.values():
            ways["identity"] += role.source is None
            ways["wider"] += role.after is not None and role.after.whole
            ways["part"] += role.after is not None and not role.after.whole
        ways.update(["zero" if t == 0 else "share" for t in (found.times.values() if found else ())])
    for move in ("value", "step", "insert or delete", "duplicate", "switch", "regenerate"):
        assert counted[move][True] > 0, (move, counted)
    for way in ("wider", "identity", "share", "part", "zero"):
        assert ways[way] > 0, (way, ways)


@pytest.mark.parametrize("nested", ["({};relu)", "(relu;{})"])
def test_ten_thousand_modules(nested: str) -> None:
    space = small_space(
        """
        //@ input x f32[B, s:4, d:4]
        //@ max_ops 20000
        start: module
        module: "(" module ";" module ")" -> seq
              | "relu" -> leaky_relu
              | "w" -> linear_here
        //@ define linear_here()(x) = linear(4)(x)
        """
    )
    before, after = nested.split("{}")
    text = before * 10_000 + "relu" + after * 10_000
    parent, child = space.parse(text), space.parse(f"(w;{text})")
    found = solve(parent.graph, child.graph, Plan.of(parent, child).counterparts)
    assert found is not None
    assert [role.source for role in found.roles.values()] == [None]
