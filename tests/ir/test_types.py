"""Tensor types: axes by name and position, factorisations through operations, and text."""

from __future__ import annotations

import pickle

import pytest

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_type import TypeSyntax, exact, parse_type
from einsyn.ir.types import TensorType, merge_factors
from einsyn.ops import OPS

GRID = (("h", 14), ("w", 14))
TOKENS = TensorType("f32", ("s", "d"), (196, 64), (GRID, None))
PLAIN = TensorType("f32", ("s", "d"), (196, 64))
OTHER = TensorType("f32", ("s", "d"), (196, 64), ((("h", 4), ("w", 49)), None))


def through(name: str, *types: TensorType, **attributes: object) -> TensorType:
    return OPS[name].configure(**attributes).signature(types).outputs[0]


def test_axes_by_name_and_position() -> None:
    image = parse_type("c:3,h:8,w:6")
    assert [image.axis("c"), image.axis(1), image.axis(-1), image.axis(3)] == [0, 0, 2, 2]
    for bad in ("d", 0, 4, -4):
        with pytest.raises(Mismatch, match="no axis") as caught:
            image.axis(bad)
        assert caught.value.code == "T002"
        assert caught.value.hint == "its axes are 1 (c), 2 (h), 3 (w)"


def test_immutable_hashable_and_picklable() -> None:
    with pytest.raises(AttributeError):
        TOKENS.sizes = (1, 1)  # type: ignore[misc]  # that is the test
    assert pickle.loads(pickle.dumps(TOKENS)) == TOKENS
    assert len({TOKENS, PLAIN, OTHER, TensorType("f32", ("s", "d"), (196, 64))}) == 3


def test_symbols_count_as_one() -> None:
    assert TensorType("f32", ("s", "d"), ("T", 64)).elements == 64
    assert TensorType("i64", ("t",), ("T",)).bytes == 8


@pytest.mark.parametrize("name", ["relu", "softmax", "layer_norm", "clone", "positional_encoding", "identity", "zero"])
def test_factorisation_is_kept(name: str) -> None:
    attributes = {"n": 2} if name == "clone" else {}
    assert through(name, TOKENS, **attributes).factors == TOKENS.factors


def test_factorisation_moves_with_its_axis() -> None:
    turned = through("permute", TOKENS, order=(2, 1))
    assert turned.sizes == (64, 196)
    assert turned.factors == (None, GRID)
    with pytest.raises(Mismatch, match="come from an image"):
        through("col2im", turned)
    assert through("col2im", through("permute", turned, order=(2, 1))) == parse_type("c:64,h:14,w:14")


def test_factorisation_is_dropped_on_the_axis_that_changes() -> None:
    assert through("linear", TOKENS, width=8).factors == TOKENS.factors
    assert through("linear", TOKENS, width=196, axis="s").factors == (None, None)
    assert through("group", TOKENS, n=1, axis="s").factors == (None, None)
    assert through("group", TOKENS, n=2, axis="d").factors == TOKENS.factors
    assert through("concat", TOKENS, TOKENS, axis="s").factors == (None, None)
    assert through("concat", TOKENS, PLAIN, axis="d").factors == TOKENS.factors


@pytest.mark.parametrize("name", ["add", "multiply", "plus", "times"])
def test_factorisations_unify(name: str) -> None:
    assert through(name, PLAIN, TOKENS).factors == TOKENS.factors
    assert through(name, TOKENS, PLAIN).factors == TOKENS.factors
    assert through(name, TOKENS, TOKENS) == TOKENS
    assert through(name, TOKENS, OTHER) == PLAIN
    assert merge_factors((PLAIN, TOKENS, OTHER), 0) is None


def test_im2col_and_back() -> None:
    image = parse_type("3x32x24")
    tokens = through("im2col", image, kernel=4, stride=4, padding=0)
    assert exact(tokens) == "f32[B, s:(h:8*w:6), d:48]"
    assert exact(through("col2im", tokens)) == "f32[B, c:48, h:8, w:6]"
    signal = through("im2col", parse_type("c:3,l:1024"), kernel=16, stride=16)
    assert exact(signal) == "f32[B, s:(l:64), d:48]"
    assert exact(through("col2im", signal)) == "f32[B, c:48, l:64]"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("f32[B, c:3, h:32, w:32]", "f32[B, c:3, h:32, w:32]"),
        ("f32[B,c:3,h:32,w:32]", "f32[B, c:3, h:32, w:32]"),
        (" c:3 , l:1024 ", "f32[B, c:3, l:1024]"),
        ("t:16", "i64[B, t:16]"),
        ("i64[B, t:T]", "i64[B, t:T]"),
        ("3x32x32", "f32[B, c:3, h:32, w:32]"),
        ("f32[v:10, d:4]", "f32[v:10, d:4]"),
        ("f32[B, s:14*14, d:T]", "f32[B, s:(h:14*w:14), d:T]"),
        ("f32[B, s:(l:9), d:4]", "f32[B, s:(l:9), d:4]"),
        ("f32[B]", "f32[B]"),
        ("f32[]", "f32[]"),
    ],
)
def test_types_are_read(text: str, shown: str) -> None:
    assert exact(parse_type(text)) == shown
    assert parse_type(shown) == parse_type(text)


def test_unlabelled_sizes_take_the_declared_axes() -> None:
    assert exact(parse_type("3x1024", parse_type("c:1,l:9"))) == "f32[B, c:3, l:1024]"
    assert exact(parse_type("128", parse_type("i64[B, t:9]"))) == "i64[B, t:128]"
    assert exact(parse_type("1x8x8", parse_type("c:1,l:9"))) == "f32[B, c:1, h:8, w:8]"


def test_sizes_may_be_resolved() -> None:
    asked: list[tuple[str, int]] = []

    def resolve(text: str, column: int) -> int | str:
        asked.append((text, column))
        return {"classes": 10, 'size_of(image, "h")': 32}.get(text, text)

    assert (
        exact(parse_type('f32[B, d:classes, h:size_of(image, "h"), s:T]', resolve=resolve)) == "f32[B, d:10, h:32, s:T]"
    )
    assert asked == [("classes", 10), ('size_of(image, "h")', 21), ("T", 44)]


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("", "T030", 1),
        ("image", "T030", 1),
        ("f33[B, c:3]", "T030", 1),
        ("f32[B, c]", "T030", 8),
        ("f32[B, c:]", "T030", 8),
        ("f32[c:3, B]", "T031", 10),
        ("f32[B:4, c:3]", "T031", 5),
        ("f32[B, 3:3]", "T031", 8),
        ("f32[B, c:3,]", "T031", 12),
        ("3x32", "T031", 1),
        ("3x32x32x1", "T031", 1),
        ("f32[B, c:3, c:3]", "T019", 13),
        ("f32[B, c:0]", "T032", 10),
        ("0x3x3", "T032", 1),
        ("c:-3", "T032", 3),
        ("c:1.5,l:3", "T032", 3),
        (f"c:{'9' * 5000}", "T032", 3),
        ("c:B", "T032", 3),
    ],
)
def test_bad_types(text: str, code: str, column: int) -> None:
    with pytest.raises(TypeSyntax) as caught:
        parse_type(text)
    assert (caught.value.code, caught.value.column) == (code, column), caught.value.message
