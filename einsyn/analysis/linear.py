"""Linear equations of mean matrices, and the largest eigenvalue of one: sparse, exact where the numbers are.

A matrix is a list of rows, each a mapping from column to entry; entries are fractions or floats and not negative.
`I - M` of a mean matrix M needs no pivoting as long as the spectral radius of M is below 1 (it is an M-matrix): every
pivot is positive, and one that is not proves that the radius is 1 or more.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

N = TypeVar("N", Fraction, float)
Rows = "Sequence[Mapping[int, N]]"

# Relative width of the interval that the spectral radius is known to lie in when iteration ends.
_TOLERANCE: Final = 1e-14
_STEPS: Final = 200


def solve(matrix: Sequence[Mapping[int, N]], right: Sequence[Sequence[N]], scale: N) -> list[list[N]] | None:
    """The solutions x of `scale * x = M x + b` for every right-hand side b.

    Args:
        matrix: M, square, entries not negative.
        right: one list for each b.
        scale: a positive number.

    Returns:
        None where the spectral radius of M is `scale` or more: there is no solution that is not negative.
    """
    size = len(matrix)
    rows: list[dict[int, N]] = []
    for i, row in enumerate(matrix):
        negated = {j: -value for j, value in row.items() if value}
        negated[i] = negated.get(i, scale - scale) + scale
        rows.append(negated)
    values = [[b[i] for b in right] for i in range(size)]
    above: list[set[int]] = [set() for _ in range(size)]  # for every column the rows that have it
    for i, row in enumerate(rows):
        for j in row:
            above[j].add(i)
    order: list[int] = []
    left = set(range(size))
    while left:
        # The pivot that fills in the fewest entries (Markowitz); ties by number, so that results are the same always.
        pivot = min(left, key=lambda i: ((len(rows[i]) - 1) * (len(above[i]) - 1), i))
        left.discard(pivot)
        order.append(pivot)
        top = rows[pivot]
        if not top[pivot] > 0:
            return None
        for i in sorted(above[pivot] & left):
            row = rows[i]
            factor = row.pop(pivot) / top[pivot]
            for j, value in top.items():
                if j != pivot:
                    if j not in row:
                        above[j].add(i)
                    row[j] = row.get(j, scale - scale) - factor * value
            values[i] = [a - factor * b for a, b in zip(values[i], values[pivot], strict=True)]
        for j in top:
            above[j].discard(pivot)
    for i in reversed(order):
        row = rows[i]
        known = [(value, values[j]) for j, value in row.items() if j != i]
        values[i] = [
            (b - sum((value * x[k] for value, x in known), scale - scale)) / row[i] for k, b in enumerate(values[i])
        ]
    return [list(x) for x in zip(*values, strict=True)]


def is_below(matrix: Sequence[Mapping[int, N]], scale: N) -> bool:
    """Whether the spectral radius of a matrix is below a positive number."""
    return solve(matrix, [[scale] * len(matrix)], scale) is not None


def spectral_radius(matrix: Sequence[Mapping[int, float]]) -> float:
    """The largest absolute eigenvalue of an irreducible matrix without negative entries.

    Noda's iteration: inverse iteration whose shift comes down on the eigenvalue from above, quadratically. The
    smallest and the largest quotient of `M x` and `x` enclose the eigenvalue at every step (Collatz and Wielandt).
    """
    size = len(matrix)
    x = [1.0] * size
    high = 0.0
    for _ in range(_STEPS):
        image = [sum(value * x[j] for j, value in row.items()) for row in matrix]
        quotients = [y / v for y, v in zip(image, x, strict=True)]
        low, high = min(quotients), max(quotients)
        if high - low <= _TOLERANCE * high:
            return (low + high) / 2
        solved = solve(matrix, [x], high)
        if solved is None:  # the upper bound cannot be told from the eigenvalue any more
            return high
        largest = max(solved[0])
        x = [max(v / largest, 1e-290) for v in solved[0]]
    return high
