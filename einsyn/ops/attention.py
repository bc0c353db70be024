"""Attention over sequences, from queries, keys and values that are projected already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.op import Op
from einsyn.ops.product import known
from einsyn.ops.rules import needs_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.lowering import OnnxContext, TorchContext


def needs_lengths(op: Op, q: TensorType, k: TensorType, v: TensorType) -> None:
    """T014 unless the axes before the last two are equal and there are as many values as keys."""
    for other, what in ((k, "keys"), (v, "values")):
        if other.axes != q.axes or other.sizes[:-2] != q.sizes[:-2]:
            raise Mismatch("T014", f"`{op.name}` needs equal axes before s; queries are {q}, {what} {other}")
    if k.sizes[-2] != v.sizes[-2]:
        raise Mismatch(
            "T014", f"`{op.name}` needs keys and values of one size; axis s is {k.sizes[-2]} and {v.sizes[-2]}"
        )


def head_width(op: Op, t: TensorType, heads: int) -> int:
    """The part of axis d that each head has; T016 if it does not divide."""
    if t.size("d") % heads:
        raise Mismatch("T016", f"axis d:{t.size('d')} of `{op.name}` does not divide into {heads} heads")
    return t.size("d") // heads


def split_heads(ctx: TorchContext, x: str, rank: int, heads: int, width: int) -> str:
    """`... s d` with `rank` dimensions as `... heads s width` in torch."""
    return ctx.assign(f"torch.unflatten({x}, {rank - 1}, ({heads}, {width})).transpose({rank - 2}, {rank - 1})")


def split_heads_onnx(ctx: OnnxContext, x: str, rank: int, heads: int, width: int, *, turned: bool = False) -> str:
    """`... s d` with `rank` dimensions as `... heads s width` in ONNX, or as `... heads width s`."""
    split = ctx.node("Reshape", [x, ctx.integers([*[0] * (rank - 1), heads, width])])
    tail = [rank - 1, rank, rank - 2] if turned else [rank - 1, rank - 2, rank]
    return ctx.node("Transpose", [split], perm=[*range(rank - 2), *tail])


def join_heads_onnx(ctx: OnnxContext, x: str, rank: int, width: int) -> str:
    """`... heads s e` as `... s width`, which has `rank` dimensions, in ONNX."""
    turned = ctx.node("Transpose", [x], perm=[*range(rank - 2), rank - 1, rank - 2, rank])
    return ctx.node("Reshape", [turned, ctx.integers([*[0] * (rank - 1), width])])


class Attention(Op, name="attention"):
    """`softmax(q k^T / sqrt(width of a head) + bias) v` in each head, of projected queries, keys and values.

    Several heads of queries may share one of keys and values: `kv_heads=1` is multi-query attention. With `causal`,
    position i sees positions up to i; with `window=w`, those nearer than w. A fourth tensor is added to the scores
    before the softmax: relative positions, or a mask.
    Shapes: `(... s d), (... t k), (... t v) -> ... s e`, where k is d and v is e divided by the heads that share;
    `bias` is `heads s t` with or without what comes before s, sizes of 1 broadcast. s and t may be open without
    `causal` and `window`; s keeps its factorisation. MACs: `s t d + s t e`, whether the backend fuses or not.
    Errors: T001 neither 3 nor 4 tensors, T003 open size, T011 no sequences, T014 lengths or widths differ, T016 widths
    or heads do not divide, T020 the bias does not fit.
    Source: Vaswani et al., NeurIPS 2017; Shazeer 2019 (arXiv:1911.02150), multi-query; Ainslie et al., EMNLP 2023,
    grouped queries; Beltagy et al. 2020 (arXiv:2004.05150), windows; torch scaled_dot_product_attention; ONNX MatMul
    and Softmax.
    """

    arity = None
    heads: int = attr.integer(1, ge=1, doc="independent parts of the queries")
    causal: bool = attr.boolean(False, doc="whether later positions are hidden")
    kv_heads: int = attr.integer(same_as="heads", ge=1, doc="independent parts of keys and values")
    window: int = attr.integer(0, ge=0, doc="positions at this distance and beyond are hidden; 0 hides none")

    def check_arity(self, count: int) -> None:
        """Three tensors, or four with a bias."""
        if count not in (3, 4):
            raise Mismatch("T001", f"`attention` takes 3 tensors, or 4 with a bias; {count} were given")

    def infer(self, *types: TensorType) -> TensorType:
        """The shape of the queries with the width of the values."""
        q, k, v, *bias = types
        needs_sequences(self, q, k, v)
        needs_lengths(self, q, k, v)
        if self.heads % self.kv_heads:
            raise Mismatch("T016", f"{self.heads} heads of `attention` do not share {self.kv_heads} of keys evenly")
        width, out = head_width(self, k, self.kv_heads), head_width(self, v, self.kv_heads)
        if head_width(self, q, self.heads) != width:
            raise Mismatch(
                "T014",
                f"a head of `attention` has {q.size('d') // self.heads} channels of queries and {width} of keys",
                f"project keys to {q.size('d') // self.heads * self.kv_heads}",
            )
        if (self.causal or self.window) and q.size("s") != k.size("s"):
            which = "causal" if self.causal else "windowed"
            raise Mismatch(
                "T014", f"{which} `attention` needs as many queries as keys, not {q.size('s')} and {k.size('s')}"
            )
        if bias:
            self._check_bias(bias[0], (*q.sizes[:-2], self.heads, q.sizes[-2], k.sizes[-2]))
        return q.resized(q.rank - 1, out * self.heads).resized(q.rank - 2, q.sizes[-2], q.factors[-2])

    def _check_bias(self, bias: TensorType, scores: tuple[int | str, ...]) -> None:
        needed = len(scores) if bias.batched else 0
        fits = max(3, needed) <= bias.rank <= len(scores)
        if not fits or any(b not in (1, n) for b, n in zip(bias.sizes, scores[len(scores) - bias.rank :], strict=True)):
            shown = ", ".join(map(str, scores))
            raise Mismatch(
                "T020",
                f"the bias of `attention` is {bias}, and the scores have the sizes {shown}",
                "its axes are heads, queries, keys",
            )

    def macs(self, *types: TensorType) -> int:
        """Both products."""
        q, k, v = types[:3]
        keys, share = known(k.sizes[-2]), self.heads // self.kv_heads
        return q.elements * keys + known(q.sizes[-2]) * v.elements * share

    def torch(self, ctx: TorchContext) -> str:
        """The fused function of torch; heads are split off d and joined again."""
        q, k, v, *bias = ctx.inputs
        rank, share = ctx.types[0].rank + 1, self.heads // self.kv_heads
        if self.heads > 1:
            q = split_heads(ctx, q, rank, self.heads, ctx.types[0].size("d") // self.heads)
            k, v = [
                split_heads(ctx, x, rank, self.kv_heads, t.size("d") // self.kv_heads)
                for x, t in zip((k, v), ctx.types[1:3], strict=True)
            ]
            if share > 1:
                k, v = [ctx.assign(f"{x}.repeat_interleave({share}, dim={rank - 2})") for x in (k, v)]
        elif bias:
            q, k, v = [ctx.assign(f"{x}.unsqueeze({rank - 2})") for x in (q, k, v)]
        mask = self._mask(ctx, q, bias)
        mixed = f"nn.functional.scaled_dot_product_attention({q}, {k}, {v}{mask})"
        if self.heads > 1:
            return f"{ctx.assign(mixed)}.transpose({rank - 2}, {rank - 1}).flatten({rank - 1})"
        return f"{mixed}.squeeze({rank - 2})" if bias else mixed

    def _mask(self, ctx: TorchContext, q: str, bias: list[str]) -> str:
        """What hides keys, as arguments of torch's function."""
        if not self.window and not (bias and self.causal):
            return f", attn_mask={bias[0]}" if bias else ", is_causal=True" if self.causal else ""
        near = f".triu({1 - self.window})" if self.window else ""
        far = ".tril()" if self.causal else f".tril({self.window - 1})"
        # A method, so that torch.fx can trace it.
        size = ctx.types[0].size("s")
        seen = ctx.assign(f"{q}.new_ones(({size}, {size}), dtype=torch.bool){far}{near}")
        if not bias:
            return f", attn_mask={seen}"
        return f', attn_mask={bias[0]}.masked_fill(~{seen}, float("-inf"))'

    def onnx(self, ctx: OnnxContext) -> str:
        """Matrix products and a softmax; a constant hides keys."""
        q, k, v, *bias = ctx.inputs
        queries, keys, values = ctx.types[:3]
        rank, width = queries.rank + 1, queries.size("d") // self.heads
        if self.heads > 1:
            q = split_heads_onnx(ctx, q, rank, self.heads, width)
            k = split_heads_onnx(ctx, k, rank, self.kv_heads, width, turned=True)
            v = split_heads_onnx(ctx, v, rank, self.kv_heads, values.size("d") // self.kv_heads)
            share = self.heads // self.kv_heads
            if share > 1:
                picks = ctx.integers([i // share for i in range(self.heads)])
                k, v = (ctx.node("Gather", [x, picks], axis=rank - 2) for x in (k, v))
        else:
            k = ctx.node("Transpose", [k], perm=[*range(rank - 2), rank - 1, rank - 2])
        scores = ctx.node("MatMul", [ctx.node("Mul", [q, ctx.scalar(width**-0.5, queries)]), k])
        if bias:
            scores = self._biased(ctx, scores, bias[0], rank)
        if self.causal or self.window:
            hidden = ctx.scalar(float("-inf"), queries)
            scores = ctx.node("Where", [self._seen(ctx, keys.size("s")), scores, hidden])
        mixed = ctx.node("MatMul", [ctx.node("Softmax", [scores], axis=-1), v])
        return mixed if self.heads == 1 else join_heads_onnx(ctx, mixed, rank, ctx.outputs[0].size("d"))

    def _biased(self, ctx: OnnxContext, scores: str, bias: str, rank: int) -> str:
        if self.heads > 1:
            return ctx.node("Add", [scores, bias])
        head = ctx.integers([rank - 2])
        return ctx.node("Squeeze", [ctx.node("Add", [ctx.node("Unsqueeze", [scores, head]), bias]), head])

    def _seen(self, ctx: OnnxContext, size: int) -> str:
        import numpy as np

        ahead = np.arange(size)[None, :] - np.arange(size)[:, None]
        last = 0 if self.causal else self.window - 1
        return ctx.array((ahead <= last) & (ahead > (-self.window if self.window else -size)))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """One and several heads, shared keys, causal, windows, cross attention, biases, an open length."""
        x = TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None))
        free = TensorType("f32", ("s", "d"), ("T", 8))
        narrow = TensorType("f32", ("s", "d"), (6, 4))
        windows = TensorType("f32", ("p", "s", "d"), (3, 6, 8))
        yield cls.configure(), (x, x, x)
        yield cls.configure(4), (x, x, x)
        yield cls.configure(2, causal=True), (x, x, x)
        yield cls.configure(2), (x, TensorType("f32", ("s", "d"), (5, 8)), TensorType("f32", ("s", "d"), (5, 4)))
        yield cls.configure(2), (free, free, free)
        yield cls.configure(4, kv_heads=2), (x, narrow, TensorType("f32", ("s", "d"), (6, 6)))
        yield cls.configure(4, True, 1, 3), (x, TensorType("f32", ("s", "d"), (6, 2)), narrow)
        yield cls.configure(window=2), (x, x, x)
        yield cls.configure(), (x, x, x, TensorType("f32", ("n", "s", "t"), (1, 6, 6), batched=False))
        yield cls.configure(2, causal=True), (x, x, x, TensorType("f32", ("n", "s", "t"), (2, 6, 6)))
        bias = TensorType("f32", ("p", "n", "s", "t"), (1, 2, 6, 6), batched=False)
        yield cls.configure(2, window=4), (windows, windows, windows, bias)
        yield cls.configure(2), (windows, windows, windows)
