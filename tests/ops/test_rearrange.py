"""`rearrange` and its neighbours against what they say, element by element."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from small_graphs import shape, single

from einsyn.backends.torch_module import build_module
from einsyn.backends.torch_source import write_source
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_type import parse_type
from einsyn.ir.types import TensorType
from einsyn.ops import OPS, Op
from einsyn.ops.position import RelativeToAbsolute
from einsyn.ops.rearrange import Rearrange, read_pattern


def run(op: Op, *types: TensorType) -> tuple[torch.Tensor, torch.Tensor]:
    """An input whose elements are all different, and what comes of it."""
    size = shape(types[0], 2)
    x = torch.arange(torch.Size(size).numel(), dtype=torch.float32).reshape(size)
    return x, build_module(write_source(single(op, types)))(x)


@pytest.mark.parametrize("example", list(Rearrange.examples()), ids=lambda e: str(e[0]))
def test_every_element_is_where_the_pattern_says(example: tuple[Op, tuple[TensorType, ...]]) -> None:
    op, (t,) = example
    assert isinstance(op, Rearrange)
    x, y = run(op, t)
    pattern = read_pattern(op.pattern)
    given = dict(zip(op.names, op.sizes, strict=True))
    sizes: dict[str, int] = {}
    for i, parts in enumerate(pattern.before):
        n = x.shape[i + t.batched]
        for name in parts[1:]:
            factors = dict(t.factors[i] or ())
            sizes[name] = given.get(name) or factors.get(name) or 0
        if parts:
            rest = 1
            for name in parts[1:]:
                rest *= sizes[name] or n // given[parts[0]]
            sizes[parts[0]] = n // rest
            sizes.update({name: n // given[parts[0]] for name in parts[1:] if not sizes[name]})
    names = list(sizes)
    for places in product(*(range(sizes[name]) for name in names)):
        place = dict(zip(names, places, strict=True))

        def index(axes: tuple[tuple[str, ...], ...], place: dict[str, int] = place) -> tuple[int, ...]:
            found: list[int] = []
            for parts in axes:
                at = 0
                for name in parts:
                    at = at * sizes[name] + place[name]
                found.append(at)
            return tuple(found)

        before, after = index(pattern.before), index(tuple(parts for _, parts in pattern.after))
        batch: tuple[object, ...] = (slice(None),) if t.batched else ()
        assert torch.equal(x[(*batch, *before)], y[(*batch, *after)])


@pytest.mark.parametrize("example", list(RelativeToAbsolute.examples()), ids=lambda e: str(e[1][0]))
def test_pairs_find_their_distance(example: tuple[Op, tuple[TensorType, ...]]) -> None:
    x, y = run(example[0], *example[1])
    places = x.shape[-2]
    for i, j in product(range(places), range(y.shape[-1])):
        assert torch.equal(y[..., i, j], x[..., i, j - i + places - 1])


def test_factors_survive() -> None:
    windows = OPS["rearrange"].configure("c h w -> s:(h w) d:c").signature((parse_type("c:3,h:4,w:5"),)).outputs[0]
    assert str(windows) == "f32[B, s:4*5, d:3]"
    assert str(OPS["col2im"].configure().signature((windows,)).outputs[0]) == "f32[B, c:3, h:4, w:5]"


@pytest.mark.parametrize(
    ("pattern", "sizes", "given", "code", "told"),
    [
        ("a b", {}, "s:4,d:4", "T029", "needs `->`"),
        ("a b -> a", {}, "s:4,d:4", "T029", "`b` has to stand once"),
        ("a b -> a b c", {}, "s:4,d:4", "T029", "`c` has to stand once"),
        ("a b -> (a b)", {}, "s:4,d:4", "T029", "needs a name"),
        ("a b -> x:a x:b", {}, "s:4,d:4", "T029", "one name"),
        ("a, b -> a b", {}, "s:4,d:4", "T029", "`a,` is no axis"),
        ("(a b) c -> a b c", {}, "s:4,d:4", "T029", "give the size of a or b"),
        ("(a b) c -> a b c", {"x": 2}, "s:4,d:4", "T029", "no part `x`"),
        ("(a b) c -> a b c", {"a": 3}, "s:4,d:4", "T016", "axis s:4"),
        ("a b -> b a", {"a": 3}, "s:4,d:4", "T029", "a is 3"),
        ("1 b -> b", {}, "s:4,d:4", "T029", "is not 1"),
        ("a b c -> a b c", {}, "s:4,d:4", "T027", "describes 3 axes"),
        ("a b -> x:(a b)", {}, "s:S,d:4", "T003", "open size S"),
        ("a b -> b a", {}, "s:S,d:D", "T003", "one open size"),
    ],
)
def test_patterns_that_do_not_fit(pattern: str, sizes: dict[str, int], given: str, code: str, told: str) -> None:
    with pytest.raises(Mismatch) as caught:
        OPS["rearrange"].configure(pattern, **sizes).signature((parse_type(given),))
    assert caught.value.code == code
    assert told in caught.value.message
