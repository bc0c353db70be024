"""einspace's grammar alone, sampled by hand: what the general sampler is measured against. A type is (sizes, factors)."""

from random import Random

WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
IM2COL = ((1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (4, 4, 0), (8, 8, 0), (16, 16, 0))
PERMUTATIONS = ((1, 0), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
PLAIN = (None, None, None)


class Sampler:
    def __init__(self, seed):
        self.u = Random(seed).random

    def draw(self, sizes=(3, 32, 32), classes=10):  # text, parameters, MACs, output; ValueError if rejected
        self.params = self.macs = 0
        text, (sizes, _) = self.compound((sizes, PLAIN))
        width = sizes[0] if len(sizes) == 3 else sizes[-1]
        return text, self.params + (width + 1) * classes, self.macs + width * classes, ("B", classes)

    def module(self, t):
        return self.computation(t) if self.u() < 0.32 else self.compound(t)

    def compound(self, t):
        kind = int(self.u() * 3)
        if kind == 0:
            (a, t), (b, t) = (first := self.module(t)), self.module(first[1])
            return f"({a};{b})", t
        if kind == 1:
            return self.branching(t)
        (a, t) = self.im2col(t) if self.u() < 0.5 else self.shuffle(t)
        (b, t) = self.module(t)
        (c, t) = self.col2im(t) if self.u() < 0.125 else self.shuffle(t)
        return f"route({a},{b},{c})", t

    def im2col(self, t):
        (k, s, p), (c, h, w) = IM2COL[int(self.u() * 7)], t[0]  # unpacking rejects sequences
        h, w = (h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1
        if h < 1 or w < 1: raise ValueError
        return f"im2col({k},{s},{p})", ((h * w, c * k * k), ((h, w), None))

    def col2im(self, t):
        (_, d), (grid, _) = t
        if grid is None: raise ValueError
        return "col2im", ((d, *grid), PLAIN)

    def shuffle(self, t):
        if (i := int(self.u() * 7)) == 6: return "identity", t
        order, (sizes, factors) = PERMUTATIONS[i], t
        if len(order) != len(sizes): raise ValueError
        return "permute" + "".join(str(j + 1) for j in order), (tuple([sizes[j] for j in order]), tuple([factors[j] for j in order]))

    def branching(self, t):
        n, axis = (2 if self.u() < 1 / 3 else 4 if self.u() < 0.5 else 8), 0 if self.u() < 0.25 else 1 + int(self.u() * 3)
        if axis: t = self.resize(t, axis, lambda size: size // n if size % n == 0 else 1 // 0)
        before = self.params, self.macs
        a, ta = self.module(t)
        if n == 2: b, tb = self.module(t)
        else: tb, self.params, self.macs = ta, before[0] + n * (self.params - before[0]), before[1] + n * (self.macs - before[1])
        text = f"branch({f'group{n}/{axis}' if axis else f'clone{n}'},{a},{f'{b},' if n == 2 else ''}"
        (x, fx), (y, fy) = ta, tb
        if n == 2 and (u := self.u()) < 1 / 3:
            if x[:-2] != y[:-2] or x[-1] != y[-2]: raise ValueError
            self.macs += x[-1] * y[-1] * x[-2] * (x[0] if len(x) == 3 else 1)
            return text + ("dot)" if u < 1 / 6 else "sdot)"), ((*x[:-1], y[-1]), (*fx[:-1], fy[-1]))
        axis = 0 if self.u() < 0.25 else 1 + int(self.u() * 3)
        if len(x) != len(y) or any(p != q and i != axis - 1 for i, (p, q) in enumerate(zip(x, y))): raise ValueError
        return text + (f"concat/{axis})" if axis else "add)"), self.resize(ta, axis, lambda s: s * n if n > 2 else s + y[axis - 1]) if axis else ta

    def resize(self, t, axis, size):
        (sizes, factors), i = t, axis - 1
        return (*sizes[:i], size(sizes[i]), *sizes[axis:]), (*factors[:i], None, *factors[axis:])

    def computation(self, t):
        i, (sizes, factors) = int(self.u() * 13), t
        if i < 8:
            rows = sizes[0] if len(sizes) == 2 else sizes[0] * sizes[1]
            self.params, self.macs = self.params + (sizes[-1] + 1) * (w := WIDTHS[int(self.u() * 8)]), self.macs + rows * sizes[-1] * w
            return f"linear{w}", ((*sizes[:-1], w), (*factors[:-1], None))
        if i == 8: self.params += 2 * (sizes[0] if len(sizes) == 3 else sizes[-1])
        if i == 9: self.params += sizes[0] * sizes[1] * (sizes[2] if len(sizes) == 3 else 1)
        return ("norm", "pos_enc", "identity", "leaky_relu", "softmax")[i - 8], t
