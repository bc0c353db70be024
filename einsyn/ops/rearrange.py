"""Axes split, moved, joined and renamed by a pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Final

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import Factors, Size, TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from einsyn.ops.lowering import OnnxContext, TorchContext

_NAME: Final = r"[A-Za-z_]\w*"
_PARTS: Final = rf"1|{_NAME}|\({_NAME}(?: +{_NAME})*\)"
_LEFT: Final = re.compile(_PARTS)
_RIGHT: Final = re.compile(rf"(?:({_NAME}):)?({_PARTS})")
_EXAMPLE: Final = '"c (y i) (x j) -> p:(y x) s:(i j) d:c"'

# An axis as the parts that it is the product of; an axis of size 1 has none.
Parts = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern, read: the parts of each axis of the input, names and parts of each axis of the result."""

    before: tuple[Parts, ...]
    after: tuple[tuple[str, Parts], ...]


@lru_cache(1024)
def read_pattern(text: str) -> Pattern:
    """The meaning of a pattern (T029 if it is not written correctly)."""
    left, arrow, right = text.partition("->")
    if not arrow:
        raise _wrong(text, "it needs `->` between the axes before and after")
    before = [_parts(match[0]) for match in _items(text, left, _LEFT)]
    after: list[tuple[str, Parts]] = []
    for match in _items(text, right, _RIGHT):
        parts = _parts(match[2])
        if match[1] is None and match[2].startswith(("(", "1")):
            raise _wrong(text, f"`{match[2]}` needs a name for the axis, `s:{match[2]}`")
        after.append((match[1] or parts[0], parts))
    names = [name for parts in before for name in parts]
    moved = [name for _, parts in after for name in parts]
    for name in (*names, *moved):
        if names.count(name) != 1 or moved.count(name) != 1:
            raise _wrong(text, f"`{name}` has to stand once on either side")
    axes = [axis for axis, _ in after]
    if len(set(axes)) != len(axes):
        raise _wrong(text, "two axes of the result have one name")
    return Pattern(tuple(before), tuple(after))


def _items(text: str, side: str, form: re.Pattern[str]) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while side[at:].strip():
        at += len(side[at:]) - len(side[at:].lstrip())
        match = form.match(side, at)
        if match is None or not side[match.end() : match.end() + 1].strip() == "":
            raise _wrong(text, f"`{side[at:].split()[0]}` is no axis")
        found.append(match)
        at = match.end()
    return found


def _parts(text: str) -> Parts:
    return () if text == "1" else tuple(text.strip("()").split())


def _wrong(text: str, why: str) -> Mismatch:
    return Mismatch("T029", f'the pattern "{text}" of `rearrange` is wrong: {why}', f"a pattern looks like {_EXAMPLE}")


class Rearrange(Op, name="rearrange"):
    """Axes split into parts, parts moved, joined and renamed: `rearrange("c (y i) (x j) -> p:(y x) s:(i j) d:c", i=7)`.

    Before the arrow stands each axis of the input by position: a name for it, `1`, or its parts in brackets, the
    last varying fastest. After it each axis of the result: `name:(parts)`, `name:1`, or a name, which can be changed
    with `new:old`. Of the parts of an axis all sizes but one are given, or are those that the axis remembers. The
    result remembers `name:(h w)` as a product.
    Shapes: as the pattern says; one size beside the batch may be open, where its axis is not split or joined.
    MACs: 0. Errors: T003 open size, T016 a part does not divide its axis, T027 number of axes, T029 the pattern is
    wrong or does not fit.
    Source: the notation of einops (Rogozhnikov, ICLR 2022); torch.Tensor.reshape and permute; ONNX Reshape, Transpose.
    """

    open_names = True
    pattern: str = attr.text(doc="the axes before and after")
    names: tuple[str, ...] = attr.names((), doc="parts whose sizes are given")
    sizes: tuple[int, ...] = attr.sizes((), ge=1, doc="their sizes")

    @classmethod
    def configure(cls, *args: object, **named: object) -> Op:
        """Sizes of parts by name, `configure("(a b) -> a b", a=2)`, or the attributes themselves."""
        if len(args) > 1 or "names" in named or "sizes" in named or "pattern" in named:
            made = super().configure(*args, **named)
        else:
            made = super().configure(*args, names=tuple(named), sizes=tuple(named.values()))
        assert isinstance(made, cls)
        pattern = read_pattern(made.pattern)
        known = {name for parts in pattern.before for name in parts}
        if len(made.names) != len(made.sizes):
            raise Mismatch("T004", f"`rearrange` has {len(made.names)} names and {len(made.sizes)} sizes")
        for name in made.names:
            if name not in known:
                raise _wrong(made.pattern, f"it has no part `{name}`, whose size is given")
        return made

    @classmethod
    def usage(cls) -> str:
        """The signature as the language writes it."""
        return "rearrange(pattern, NAME=size, ...)"

    def __str__(self) -> str:
        shown = [type(self).attributes["pattern"].show(self.pattern)]
        return f"rearrange({', '.join([*shown, *(f'{n}={s}' for n, s in zip(self.names, self.sizes, strict=True))])})"

    def infer(self, *types: TensorType) -> TensorType:
        """The axes after the arrow."""
        (x,) = types
        pattern = read_pattern(self.pattern)
        sizes = self.part_sizes(x)
        if sum(isinstance(n, str) for n in x.sizes) > 1:
            raise Mismatch("T003", f"`rearrange` takes one open size at most, not {x}")
        kept = {parts[0]: x.factors[i] for i, parts in enumerate(pattern.before) if len(parts) == 1}
        axes: list[str] = []
        result: list[Size] = []
        factors: list[Factors | None] = []
        for axis, parts in pattern.after:
            axes.append(axis)
            if len(parts) == 1:
                result.append(sizes[parts[0]])
                factors.append(kept.get(parts[0]))
            else:
                numbers = [(name, self._number(x, name, sizes[name])) for name in parts]
                result.append(prod(n for _, n in numbers))
                factors.append(tuple(numbers) if numbers else None)
        return TensorType(x.dtype, tuple(axes), tuple(result), tuple(factors), x.batched)

    def _number(self, x: TensorType, name: str, size: Size) -> int:
        if isinstance(size, str):
            raise Mismatch("T003", f"`rearrange` cannot join the open size {size} of {x}, part {name}, with others")
        return size

    def part_sizes(self, x: TensorType) -> dict[str, Size]:
        """The size of every part."""
        pattern = read_pattern(self.pattern)
        if x.rank != len(pattern.before):
            raise Mismatch("T027", f'"{self.pattern}" describes {len(pattern.before)} axes, and {x} has {x.rank}')
        given = dict(zip(self.names, self.sizes, strict=True))
        found: dict[str, Size] = {}
        for i, parts in enumerate(pattern.before):
            if len(parts) == 1:
                found[parts[0]] = x.sizes[i]
                if given.get(parts[0], x.sizes[i]) != x.sizes[i]:
                    raise _wrong(self.pattern, f"{parts[0]} is {given[parts[0]]}, and {x} has {x.sizes[i]} there")
                continue
            size = x.size(i + 1)
            if not parts:
                if size != 1:
                    raise _wrong(self.pattern, f"axis {x.axes[i]} of {x} is not 1")
                continue
            found.update(self._split(x, i, size, parts, given))
        return found

    def _split(self, x: TensorType, i: int, size: int, parts: Parts, given: dict[str, int]) -> dict[str, int]:
        missing = [name for name in parts if name not in given]
        factors = x.factors[i]
        if len(missing) > 1 and factors is not None and tuple(name for name, _ in factors) == parts:
            given = {**dict(factors), **given}
            missing = []
        if len(missing) > 1:
            raise _wrong(self.pattern, f"give the size of {' or '.join(missing)}")
        known = prod(given[name] for name in parts if name not in missing)
        if size % known if missing else size != known:
            shown = " x ".join(str(given.get(name, name)) for name in parts)
            raise Mismatch("T016", f"axis {x.axes[i]}:{size} of {x} is not {shown}", "choose parts that divide it")
        return {name: given.get(name, size // known) for name in parts}

    def _plan(self, x: TensorType, out: TensorType) -> tuple[list[Size] | None, list[int] | None, bool]:
        """The sizes of the parts if any axis is split, their order if it changes, whether any are joined."""
        pattern = read_pattern(self.pattern)
        sizes = self.part_sizes(x)
        names = [name for parts in pattern.before for name in parts]
        moved = [name for _, parts in pattern.after for name in parts]
        split = any(len(parts) != 1 for parts in pattern.before)
        offset = int(x.batched)
        order = [*range(offset), *(names.index(name) + offset for name in moved)]
        if names == moved:
            # Nothing moves: the elements stay in their order, whatever the axes are.
            return None, None, x.sizes != out.sizes
        return (
            [sizes[name] for name in names] if split else None,
            order,
            any(len(parts) != 1 for _, parts in pattern.after),
        )

    def torch(self, ctx: TorchContext) -> str | tuple[str, ...]:
        """At most a reshape, a permutation and a reshape."""
        (name,), (x,), (out,) = ctx.inputs, ctx.types, ctx.outputs
        parts, order, joined = self._plan(x, out)

        def shape(sizes: Sequence[Size]) -> str:
            batch = [f"{name}.shape[0]"] if x.batched else []
            return ", ".join(
                [*batch, *(f"{name}.shape[{x.sizes.index(n) + x.batched}]" if isinstance(n, str) else str(n)
                           for n in sizes)]
            )  # fmt: skip

        steps: list[str] = []
        if parts is not None:
            steps.append(f".reshape({shape(parts) or '()'})")
        if order is not None:
            steps.append(f".permute({', '.join(map(str, order))})")
        if joined:
            steps.append(f".reshape({shape(out.sizes) or '()'})")
        if not steps:
            return (name,)
        if len(steps) < 3:
            return f"{name}{''.join(steps)}"
        # One or two are a line; of three each has its own.
        parted = ctx.assign(f"{name}{steps[0]}")
        turned = ctx.assign(f"{parted}{steps[1]}")
        return f"{turned}{steps[2]}"

    def onnx(self, ctx: OnnxContext) -> str | tuple[str, ...]:
        """At most a Reshape, a Transpose and a Reshape; -1 stands for an open size."""
        (name,), (x,), (out,) = ctx.inputs, ctx.types, ctx.outputs
        parts, order, joined = self._plan(x, out)

        def shape(sizes: Sequence[Size]) -> str:
            return ctx.integers([*[0] * x.batched, *(-1 if isinstance(n, str) else n for n in sizes)])

        result = name
        if parts is not None:
            result = ctx.node("Reshape", [result, shape(parts)])
        if order is not None:
            result = ctx.node("Transpose", [result], perm=order)
        if joined:
            result = ctx.node("Reshape", [result, shape(out.sizes)])
        return (name,) if result == name else result

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """Windows of an image, heads, an axis that remembers its parts, sizes of 1, an open size, another name."""
        image = TensorType("f32", ("c", "h", "w"), (3, 6, 4))
        tokens = TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None))
        yield cls.configure("c (y i) (x j) -> p:(y x) s:(i j) d:c", i=3, j=2), (image,)
        yield cls.configure("(h w) c -> c h w"), (tokens,)
        yield cls.configure("s (n e) -> n s e", n=2), (TensorType("f32", ("s", "d"), ("T", 8)),)
        yield cls.configure("s d -> l:d c:s"), (tokens,)
        yield cls.configure("a b -> a b"), (TensorType("f32", ("a", "b"), (2, 3), batched=False),)
        yield cls.configure("1 d -> d e:1"), (TensorType("f32", ("s", "d"), (1, 8)),)
        yield (
            cls.configure(pattern="(a b) c -> x:(b a) c", names=["a"], sizes=[2]),
            (TensorType("f32", ("c", "l"), (6, 4)),),
        )
