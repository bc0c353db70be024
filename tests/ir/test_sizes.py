"""Open sizes: what windows make of them is what they make of every number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

import einsyn
from einsyn.backends.verify import open_session, random_inputs, run_session, torch_outputs
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_text import parse_graph
from einsyn.ir.parse_type import parse_type
from einsyn.ir.sizes import Affine, least_values, read, slid, solved, substituted, value_of
from einsyn.ir.text import print_graph
from einsyn.ir.types import TensorType
from einsyn.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

STEPS = st.lists(st.tuples(st.integers(1, 6), st.integers(-9, 9)), max_size=5)
# Networks whose places are all windows, means and elementwise operations.
NETWORKS = [
    ("nasbench201", "best_cifar10", "c:3,h:4*H,w:4*W"),
    ("resnet", "resnet18", "c:3,h:H,w:W"),
    ("repvgg", "repvgg_a0", "c:3,h:H,w:32"),
    ("densenet", "densenet121", "c:3,h:64*H,w:32*H"),
]


@given(st.integers(1, 4), st.integers(-5, 5), STEPS, st.integers(1, 200))
def test_sliding_is_arithmetic(factor: int, offset: int, steps: list[tuple[int, int]], value: int) -> None:
    size: int | str = str(Affine("N", factor, offset))
    number = factor * value + offset
    for stride, more in steps:
        size, number = slid(size, stride, more), (number + more) // stride
    assert value_of(size, {"N": value}) == number


@given(st.integers(1, 4), STEPS)
def test_a_text_says_its_size(factor: int, steps: list[tuple[int, int]]) -> None:
    size: int | str = str(Affine("N", factor))
    for stride, more in steps:
        size = slid(size, stride, more)
    assert isinstance(size, str)
    assert str(read(size)) == size
    assert str(read(size.replace(" ", ""))) == size
    t = TensorType("f32", ("c", "l"), (3, size))
    assert parse_type(str(t)) == t


@given(STEPS, STEPS)
def test_equal_sizes_have_one_text(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    sizes: list[int | str] = []
    for steps in (one, other):
        size: int | str = "N"
        for stride, more in steps:
            size = slid(size, stride, more)
        sizes.append(size)
    values = [[value_of(size, {"N": n}) for n in range(10_000)] for size in sizes]
    assert (sizes[0] == sizes[1]) == (values[0] == values[1])


@given(STEPS)
def test_the_least_value_is_the_least(steps: list[tuple[int, int]]) -> None:
    size: int | str = "N"
    for stride, more in steps:
        size = slid(size, stride, more)
    least = least_values([TensorType("f32", ("l",), (size,))])["N"]
    assert value_of(size, {"N": least}) >= 1
    assert least == 1 or value_of(size, {"N": least - 1}) < 1


@given(st.integers(1, 5), st.integers(-4, 9), st.integers(1, 5), st.integers(0, 9), st.integers(1, 60))
def test_what_is_substituted_is_found_again(factor: int, offset: int, inner: int, more: int, number: int) -> None:
    size, value = str(Affine("H", factor, offset)), str(Affine("N", inner, more))
    made = substituted(size, value)
    assert made is not None
    assert value_of(made, {"N": number}) == factor * (inner * number + more) + offset
    assert solved(size, made) == value
    made = substituted(size, number)
    assert made == factor * number + offset
    assert solved(size, made) == number
    assert factor == 1 or solved(size, made + 1) is None


# Sizes of an output that go with those of the inputs, and widths in terms of a parameter.
DECLARED = """\
//@ einsyn 1
//@ input image f32[B, c:3, h:8*H, w:8 * W]
//@ input style f32[B, d:2*width]
//@ output f32[B, c:2, h:4*H, w:4*W]
//@ param width 3
start: "halved" -> halved
//@ define halved()(image, style) = conv(2, 1)(max_pool(2)(image))
"""


@pytest.mark.parametrize(
    ("given", "output"),
    [
        ({}, "f32[B, c:2, h:4 * H, w:4 * W]"),
        ({"image": "c:3,h:64,w:8"}, "f32[B, c:2, h:32, w:4]"),
        ({"image": "c:3,h:16*H,w:8*W"}, "f32[B, c:2, h:8 * H, w:4 * W]"),
        ({"image": "c:3,h:8*L+16,w:24"}, "f32[B, c:2, h:4 * L + 8, w:12]"),
    ],
)
def test_declared_outputs_follow_the_inputs(given: dict[str, str], output: str, tmp_path: Path) -> None:
    (tmp_path / "declared.lark").write_text(DECLARED)
    space = einsyn.load(tmp_path / "declared.lark", input=given)
    assert str(space.output) == output
    assert str(dict(space.inputs)["style"]) == "f32[B, d:6]"
    graph = space.parse("halved").graph
    assert [str(graph.types[v]) for v in graph.outputs] == [output]


@pytest.mark.parametrize(
    ("old", "new", "given", "line"),
    [
        ("h:8*H", "h:8*H+", {}, 2),
        ("d:2*width", "d:width*2", {}, 3),
        ("d:2*width", "d:0*width", {}, 3),
        ("h:4*H", "h:4*L", {}, 4),
        ("h:4*H", "h:4*H", {"image": "c:3,h:63,w:8"}, 4),
    ],
)
def test_sizes_that_are_declared_wrongly(old: str, new: str, given: dict[str, str], line: int, tmp_path: Path) -> None:
    text = DECLARED.replace(old, new)
    (tmp_path / "declared.lark").write_text(text)
    with pytest.raises(einsyn.GrammarError) as raised:
        einsyn.load(tmp_path / "declared.lark", input=given)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "T032"
    assert diagnostic.span is not None
    assert diagnostic.span.line == line
    assert diagnostic.span.column == text.splitlines()[line - 1].index(new) + len("h:") + 1


@pytest.mark.parametrize("size", ["0*H", "H*2", "H/2", "floor(H/0)", "floor(2*H+1/2)", "2*B", "-H", "H+", "4**H"])
def test_what_is_no_size(size: str) -> None:
    with pytest.raises(Mismatch) as raised:
        parse_type(f"c:3,l:{size}")
    assert raised.value.code == "T032"


@given(
    st.sampled_from(["conv", "max_pool", "avg_pool"]),
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 2),
    st.integers(1, 3),
    st.integers(1, 40),
)
def test_operations_of_open_sizes(name: str, kernel: int, stride: int, padding: int, dilation: int, n: int) -> None:
    if name == "conv":
        op = OPS[name].configure(4, kernel, stride, padding, dilation)
    else:
        op = OPS[name].configure(kernel, stride, min(padding, kernel // 2))
    (opened,) = op.signature((TensorType("f32", ("c", "l"), (3, "N")),)).outputs
    least = least_values([opened])["N"]
    closed = op.known((TensorType("f32", ("c", "l"), (3, n)),))
    assert isinstance(closed, Mismatch) == (n < least)
    if n >= least:
        assert value_of(opened.sizes[1], {"N": n}) == closed.outputs[0].sizes[1]


@given(
    st.sampled_from(["upsample", "conv_transpose", "pixel_shuffle", "pad", "pixel_unshuffle", "max_pool"]),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(1, 4),
    st.integers(0, 6),
    st.integers(1, 30),
)
def test_operations_that_stretch(name: str, step: int, more: int, factor: int, offset: int, n: int) -> None:
    op = {
        "upsample": lambda: OPS[name].configure(step),
        "conv_transpose": lambda: OPS[name].configure(4, step + 1, step, more, step - 1, 2),
        "pixel_shuffle": lambda: OPS[name].configure(step),
        "pad": lambda: OPS[name].configure(more, step, "replicate"),
        "pixel_unshuffle": lambda: OPS[name].configure(step),
        "max_pool": lambda: OPS[name].configure(step + 1, step, 1, ceil_mode=True),
    }[name]()
    opened = op.known((TensorType("f32", ("c", "l"), (12, str(Affine("N", factor, offset)))),))
    closed = op.known((TensorType("f32", ("c", "l"), (12, factor * n + offset)),))
    if isinstance(opened, Mismatch):
        # Only where some sizes divide and others do not.
        assert name in ("pixel_unshuffle", "max_pool")
        assert step > 1
        assert (factor % step, (offset - (name == "max_pool")) % step) != (0, 0) or opened.code == "T016"
    elif n >= least_values(opened.outputs)["N"]:
        assert value_of(opened.outputs[0].sizes[1], {"N": n}) == closed.outputs[0].sizes[1]
    else:
        assert closed.code == "T015"


# Down and up again, with what was there before put beside it.
HOURGLASS = """\
//@ einsyn 1
//@ input image f32[B, c:3, h:32, w:32]
//@ param classes 2
start: "hourglass" -> hourglass
     | "shuffled"  -> shuffled
//@ define hourglass()(x) {
//@   y = relu(conv(8, 3)(x))
//@   z = max_pool(2, ceil_mode=true)(conv(8, 3, padding_mode="replicate")(pad(1)(narrow_border()(y))))
//@   return conv(classes, 1)(concat("c")(y, conv_transpose(8, 2, 2)(z), upsample(2, "linear")(z)))
//@ }
//@ define narrow_border()(x) = conv(8, 3, padding=0)(x)
//@ define shuffled()(x) = x + pixel_shuffle(2)(conv(12, 3)(upsample(3)(max_pool(3)(pixel_unshuffle(2)(x)))))
"""


@pytest.mark.parametrize(("name", "open_input"), [("hourglass", "c:3,h:2*H,w:4*W+2"), ("shuffled", "c:3,h:6*H,w:12*H")])
def test_up_and_down_again(name: str, open_input: str, tmp_path: Path) -> None:
    (tmp_path / "hourglass.lark").write_text(HOURGLASS)
    one_file_for_all_sizes(lambda sizes: einsyn.load(tmp_path / "hourglass.lark", input=sizes).parse(name), open_input)


@pytest.mark.parametrize(("space", "name", "open_input"), NETWORKS)
def test_one_file_for_all_sizes(space: str, name: str, open_input: str) -> None:
    one_file_for_all_sizes(lambda sizes: einsyn.load(space, profile="test", input=sizes).ref(name), open_input)


def one_file_for_all_sizes(load: Callable[[str], einsyn.Architecture], open_input: str) -> None:
    architecture = load(open_input)
    assert parse_graph(print_graph(architecture.graph)) == architecture.graph
    module = architecture.module(0).eval()
    model = architecture.onnx(module=module)
    assert architecture.verify(module=module).verified
    session = open_session(model)
    (declared,) = [t for _, t in architecture.space.inputs]
    least = least_values(architecture.graph.types)
    for more in (0, 1, 2, 5):
        symbols = {symbol: n + more for symbol, n in least.items()}
        sizes = ",".join(f"{a}:{value_of(n, symbols)}" for a, n in zip(declared.axes, declared.sizes, strict=True))
        same = load(sizes)
        inputs = random_inputs(same.onnx(), 2)
        expected = torch_outputs(same.module(0).eval(), inputs)
        for mine, by_ort, reference in zip(
            torch_outputs(module, inputs), run_session(session, inputs), expected, strict=True
        ):
            assert abs(mine - reference).max() <= 1e-4 * max(1, abs(reference).max())
            assert abs(by_ort - reference).max() <= 1e-4 * max(1, abs(reference).max())
