"""Attention without a softmax: linear and gated linear attention."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.ir.mismatch import Mismatch
from einsyn.ir.types import TensorType
from einsyn.ops import attributes as attr
from einsyn.ops.attention import head_width, join_heads_onnx, needs_lengths, split_heads, split_heads_onnx
from einsyn.ops.op import Op
from einsyn.ops.product import known
from einsyn.ops.rules import needs_sequences

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ops.lowering import OnnxContext, TorchContext

# Gates are kept above this, so that their logarithm is finite; it is added to sums of weights, which may vanish.
SMALLEST = 1e-6


class LinearAttention(Op, name="linear_attention"):
    """Attention whose weights are products of features, `f(q) f(k)^T`, in place of a softmax.

    Plain: `f(x) = elu(x) + 1`, and weights are divided by their sum and 1e-6; with `causal`, position i sees positions
    up to i. Gated: the recurrence `S_i = diag(a_i) S_(i-1) + k_i v_i^T`, `y_i = q_i S_i`, with gates a between 0 and 1
    as the fourth tensor; it is always causal, and neither q nor k pass through f.
    Shapes: `(... s d), (... t d), (... t e) -> ... s e`, gates `... t d`; s and t may be open where all are seen.
    MACs: `(s + t) d e / heads` where all are seen; else `s s d + s s e`, for it is computed as a masked product.
    Errors: T001 number of tensors, T003 open size, T011 no sequences, T014 lengths or widths differ, T016 d or e does
    not divide by heads.
    Source: Katharopoulos et al., ICML 2020 (arXiv:2006.16236); Yang et al., ICML 2024 (arXiv:2312.06635), gated;
    torch.matmul and cumsum; ONNX MatMul and CumSum.
    """

    arity = None
    heads: int = attr.integer(1, ge=1, doc="independent parts of d and of e")
    causal: bool = attr.boolean(False, doc="whether later positions are hidden")
    gated: bool = attr.boolean(False, doc="whether gates make the past fade; hides later positions as well")

    def check_arity(self, count: int) -> None:
        """Queries, keys, values, and gates if there are any."""
        if count != 3 + self.gated:
            needed = "4 tensors, gates last" if self.gated else "3 tensors"
            raise Mismatch("T001", f"`{self}` takes {needed}; {count} were given")

    def infer(self, *types: TensorType) -> TensorType:
        """The shape of the queries with the width of the values."""
        q, k, v, *gates = types
        needs_sequences(self, *types)
        needs_lengths(self, q, k, v)
        head_width(self, q, self.heads)
        head_width(self, v, self.heads)
        for what, other in (("keys", k), *(("gates", g) for g in gates)):
            if other.size("d") != q.size("d"):
                raise Mismatch(
                    "T014",
                    f"`{self.name}` needs queries and {what} of one width, not {q.size('d')} and {other.size('d')}",
                )
        for g in gates:
            if g.axes != k.axes or g.sizes != k.sizes:
                raise Mismatch("T014", f"`{self.name}` needs gates like its keys {k}, not {g}")
        if (self.causal or self.gated) and q.size("s") != k.size("s"):
            raise Mismatch(
                "T014", f"causal `{self.name}` needs as many queries as keys, not {q.size('s')} and {k.size('s')}"
            )
        return q.resized(q.rank - 1, v.size("d")).resized(q.rank - 2, q.sizes[-2], q.factors[-2])

    def macs(self, *types: TensorType) -> int:
        """The matrix products."""
        q, k, v = types[:3]
        if self.causal or self.gated:
            return q.elements * known(k.sizes[-2]) + known(q.sizes[-2]) * v.elements
        return (q.elements + k.elements) * v.size("d") // self.heads

    def torch(self, ctx: TorchContext) -> str:
        """Products in each head."""
        q, k, v, *gates = self._heads(ctx)
        if self.gated:
            passed = ctx.assign(f"{gates[0]}.clamp({SMALLEST}, 1).log().cumsum(-2)")
            seen = ctx.assign(self._seen(ctx, q))
            decay = ctx.assign(f"{passed}.unsqueeze(-2) - {passed}.unsqueeze(-3)")
            # The same name, so that the differences are not kept.
            ctx.statement(f'{decay} = {decay}.masked_fill(~{seen}.unsqueeze(-1), float("-inf")).exp()')
            weights = ctx.assign(f"(({decay} * {k}.unsqueeze(-3)) @ {q}.unsqueeze(-1)).squeeze(-1)")
            mixed = f"{weights} @ {v}"
        else:
            q, k = (ctx.assign(f"nn.functional.elu({x}) + 1") for x in (q, k))
            if self.causal:
                seen = ctx.assign(self._seen(ctx, q))
                weights = ctx.assign(f"({q} @ {k}.transpose(-1, -2)) * {seen}")
                mixed = f"{weights} @ {v} / ({weights}.sum(-1, keepdim=True) + {SMALLEST})"
            else:
                total = ctx.assign(f"({q} * {k}.sum(-2, keepdim=True)).sum(-1, keepdim=True)")
                mixed = f"{q} @ ({k}.transpose(-1, -2) @ {v}) / ({total} + {SMALLEST})"
        if self.heads == 1:
            return mixed
        rank = ctx.types[0].rank + 1
        return f"{ctx.assign(mixed)}.transpose({rank - 2}, {rank - 1}).flatten({rank - 1})"

    def _heads(self, ctx: TorchContext) -> list[str]:
        if self.heads == 1:
            return list(ctx.inputs)
        return [
            split_heads(ctx, x, t.rank + 1, self.heads, t.size("d") // self.heads)
            for x, t in zip(ctx.inputs, ctx.types, strict=True)
        ]

    @staticmethod
    def _seen(ctx: TorchContext, q: str) -> str:
        # A method, so that torch.fx can trace it.
        size = ctx.types[0].size("s")
        return f"{q}.new_ones(({size}, {size}), dtype=torch.bool).tril()"

    def onnx(self, ctx: OnnxContext) -> str:
        """Products in each head."""
        rank, like = ctx.types[0].rank + 1, ctx.types[0]
        q, k, v, *gates = [
            x if self.heads == 1 else split_heads_onnx(ctx, x, rank, self.heads, t.size("d") // self.heads)
            for x, t in zip(ctx.inputs, ctx.types, strict=True)
        ]
        if self.gated:
            mixed = ctx.node("MatMul", [self._decayed(ctx, q, k, gates[0]), v])
        else:
            one = ctx.scalar(1.0, like)
            q, k = (ctx.node("Add", [ctx.node("Elu", [x]), one]) for x in (q, k))
            last = rank + (self.heads > 1) - 1
            keys = ctx.node("Transpose", [k], perm=[*range(last - 1), last, last - 1])
            if self.causal:
                weights = ctx.node("MatMul", [q, keys])
                weights = ctx.node("Where", [self._mask(ctx), weights, ctx.scalar(0.0, like)])
                mixed = ctx.node("MatMul", [weights, v])
                total = ctx.node("ReduceSum", [weights, ctx.integers([-1])])
            else:
                mixed = ctx.node("MatMul", [q, ctx.node("MatMul", [keys, v])])
                sums = ctx.node("ReduceSum", [k, ctx.integers([-2])])
                total = ctx.node("ReduceSum", [ctx.node("Mul", [q, sums]), ctx.integers([-1])])
            mixed = ctx.node("Div", [mixed, ctx.node("Add", [total, ctx.scalar(SMALLEST, like)])])
        return mixed if self.heads == 1 else join_heads_onnx(ctx, mixed, rank, ctx.outputs[0].size("d"))

    def _decayed(self, ctx: OnnxContext, q: str, k: str, gates: str) -> str:
        """The weights of gated attention."""
        import numpy as np

        like = ctx.types[0]
        bounded = ctx.node("Clip", [gates, ctx.scalar(SMALLEST, like), ctx.scalar(1.0, like)])
        passed = ctx.node("CumSum", [ctx.node("Log", [bounded]), ctx.array(np.array(-2))])
        there, here = (ctx.node("Unsqueeze", [passed, ctx.integers([axis])]) for axis in (-3, -2))
        gone = ctx.node("Sub", [here, there])
        seen = ctx.node("Unsqueeze", [self._mask(ctx), ctx.integers([-1])])
        decay = ctx.node("Exp", [ctx.node("Where", [seen, gone, ctx.scalar(float("-inf"), like)])])
        keys = ctx.node("Mul", [decay, ctx.node("Unsqueeze", [k, ctx.integers([-3])])])
        weights = ctx.node("MatMul", [keys, ctx.node("Unsqueeze", [q, ctx.integers([-1])])])
        return ctx.node("Squeeze", [weights, ctx.integers([-1])])

    @staticmethod
    def _mask(ctx: OnnxContext) -> str:
        """Whether a position is at or before another, as a constant."""
        import numpy as np

        size = ctx.types[0].size("s")
        return ctx.array(np.tri(size, dtype=np.bool_))

    @classmethod
    def examples(cls) -> Iterable[tuple[Op, tuple[TensorType, ...]]]:
        """All, earlier and fading positions; one and several heads; other lengths; an axis before the sequence."""
        x = TensorType("f32", ("s", "d"), (6, 8), ((("h", 3), ("w", 2)), None))
        free = TensorType("f32", ("s", "d"), ("T", 8))
        wide = TensorType("f32", ("s", "d"), (6, 4))
        yield cls.configure(), (free, free, free)
        yield cls.configure(2), (x, TensorType("f32", ("s", "d"), (5, 8)), TensorType("f32", ("s", "d"), (5, 4)))
        yield cls.configure(causal=True), (x, x, wide)
        yield cls.configure(4, True), (x, x, x)
        yield cls.configure(2, gated=True), (x, x, wide, x)
        yield cls.configure(gated=True), (x, x, x, x)
        windows = TensorType("f32", ("p", "s", "d"), (3, 6, 8))
        yield cls.configure(2), (windows, windows, windows)
