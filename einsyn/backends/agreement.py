"""What it means that two runs of one network agree: the one place that knows the tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import numpy as np

TOLERANCE: Final = 1e-4
# Of narrow floats so many roundings, each half of the distance from 1 to the next number.
_ROUNDINGS: Final = 16

# What differs: nothing, the shape, where elements are not finite (or which infinity they are), finite elements.
Difference = Literal["", "shape", "pattern", "values"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How an array compares with the one that it should be.

    Args:
        differs: "" where they agree: equal shapes, the same elements not finite and in the same way, and
            `max|a - b| <= 1e-4 * max(1, max|b|)` over the finite ones, b being the reference; of f16, which has no
            digits for that, sixteen roundings (0.008) in place of 1e-4.
        gap: the largest `|a - b|` over elements that are finite in both; infinite for different shapes.
        magnitude: the largest finite `|b|`.
        finite: whether every element of the reference is finite.
    """

    differs: Difference
    gap: float
    magnitude: float
    finite: bool


def tolerated(gap: float, magnitude: float, rounding: float = 0.0) -> bool:
    """Whether a largest difference is within the tolerance for a reference of a largest magnitude.

    Args:
        gap: that difference.
        magnitude: that magnitude.
        rounding: the largest relative error of rounding to the reference's dtype.
    """
    return gap <= max(TOLERANCE, _ROUNDINGS * rounding) * max(1.0, magnitude)


def agreement(reference: np.ndarray[Any, Any], result: np.ndarray[Any, Any]) -> Agreement:
    """Compare a result with its reference, element by element."""
    import numpy as np

    zeros: np.ndarray[Any, Any] = np.zeros(reference.shape)
    known = np.isfinite(reference)
    finite = bool(known.all())
    magnitude = float(np.abs(reference, where=known, out=zeros.copy()).max(initial=0.0))
    if reference.shape != result.shape:
        return Agreement("shape", float("inf"), magnitude, finite)
    both = known & np.isfinite(result)
    # In 64 bits: a difference of large f32 numbers may not fit into 32.
    gaps = np.subtract(reference, result, where=both, out=zeros, dtype=np.float64)
    gap = float(np.abs(gaps).max(initial=0.0))
    if not np.array_equal(reference[~both], result[~both], equal_nan=True):
        return Agreement("pattern", gap, magnitude, finite)
    rounding = float(np.finfo(reference.dtype).eps) / 2 if reference.dtype.kind == "f" else 0.0
    return Agreement("" if tolerated(gap, magnitude, rounding) else "values", gap, magnitude, finite)
