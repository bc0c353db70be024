"""einspace's grammar alone, sampled by hand: what the general sampler is measured against. A type is (sizes, grids)."""
from random import Random
WIDTHS = (16, 32, 64, 128, 256, 512, 1024, 2048)
IM2COL = ((1, 1, 0), (1, 2, 0), (3, 1, 1), (3, 2, 1), (4, 4, 0), (8, 8, 0), (16, 16, 0))
PERMUTATIONS = ((1, 0), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0))
class Sampler:
    def __init__(self, seed): self.u = Random(seed).random
    def draw(self, sizes=(3, 32, 32), classes=10):  # text, parameters, MACs, output shape; ValueError or TypeError if rejected
        self.params = self.macs = 0
        text, (sizes, _) = self.compound((sizes, (None, None, None)))
        return text, self.params + ((width := sizes[0] if len(sizes) == 3 else sizes[-1]) + 1) * classes, self.macs + width * classes, ("B", classes)
    def module(self, t): return self.computation(t) if self.u() < 0.32 else self.compound(t)
    def compound(self, t):
        if (kind := int(self.u() * 3)) == 1: return self.branching(t)
        if kind == 0:
            a, t = self.module(t); b, t = self.module(t)
            return f"({a};{b})", t
        a, t = self.im2col(t) if self.u() < 0.5 else self.shuffle(t); b, t = self.module(t)
        c, t = self.col2im(t) if self.u() < 0.125 else self.shuffle(t)
        return f"route({a},{b},{c})", t
    def im2col(self, t):
        (k, s, p), (c, h, w) = IM2COL[int(self.u() * 7)], t[0]  # a sequence does not unpack into three
        h, w = (h + 2 * p - k) // s + 1, (w + 2 * p - k) // s + 1
        if h < 1 or w < 1: raise ValueError
        return f"im2col({k},{s},{p})", ((h * w, c * k * k), ((h, w), None))
    def col2im(self, t):
        (_, d), (grid, _) = t
        return "col2im", ((d, *grid), (None, None, None))  # TypeError without a grid
    def shuffle(self, t):
        if (i := int(self.u() * 7)) == 6: return "identity", t
        order, (sizes, grids) = PERMUTATIONS[i], t
        if len(order) != len(sizes): raise ValueError
        return "permute" + "".join([str(j + 1) for j in order]), ([sizes[j] for j in order], [grids[j] for j in order])
    def branching(self, t):
        n, axis = (2 if self.u() < 1 / 3 else 4 if self.u() < 0.5 else 8), int(self.u() * 4)
        if axis: t = self.resized(t, axis, divmod(t[0][axis - 1], n) if axis <= len(t[0]) else (0, 1))
        params, macs = self.params, self.macs; a, (x, gx) = self.module(t)
        if n == 2: b, (y, _) = self.module(t)
        else: y, self.params, self.macs = x, params + n * (self.params - params), macs + n * (self.macs - macs)
        text = f"branch({f'group{n}/{axis}' if axis else f'clone{n}'},{a},{f'{b},' if n == 2 else ''}"
        if n == 2 and (u := self.u()) < 1 / 3:
            if [*x[:-2], x[-1]] != [*y[:-2], y[-2]]: raise ValueError
            self.macs += x[-1] * y[-1] * x[-2] * (x[0] if len(x) == 3 else 1)
            return text + ("dot)" if u < 1 / 6 else "sdot)"), ((*x[:-1], y[-1]), (*gx[:-1], None))
        axis = int(self.u() * 4)
        if len(x) != len(y) or axis > len(x) or any([p != q and i != axis for i, (p, q) in enumerate(zip(x, y), 1)]): raise ValueError
        if axis == 0: return text + "add)", (x, gx)
        return text + f"concat/{axis})", self.resized((x, gx), axis, (x[axis - 1] * n if n > 2 else x[axis - 1] + y[axis - 1], 0))
    def resized(self, t, axis, size):
        if size[1]: raise ValueError
        return (*t[0][: axis - 1], size[0], *t[0][axis:]), (*t[1][: axis - 1], None, *t[1][axis:])
    def computation(self, t):
        i, (sizes, grids) = int(self.u() * 13), t
        if i < 8:
            rows, width = sizes[0] if len(sizes) == 2 else sizes[0] * sizes[1], WIDTHS[int(self.u() * 8)]
            self.params, self.macs = self.params + (sizes[-1] + 1) * width, self.macs + rows * sizes[-1] * width
            return f"linear{width}", ((*sizes[:-1], width), (*grids[:-1], None))
        if i == 8: self.params += 2 * (sizes[0] if len(sizes) == 3 else sizes[-1])
        if i == 9: self.params += sizes[0] * sizes[1] * (sizes[2] if len(sizes) == 3 else 1)
        return ("norm", "pos_enc", "identity", "leaky_relu", "softmax")[i - 8], t
