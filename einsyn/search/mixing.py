"""How well chains have mixed: R-hat and the effective sample size.

Source: Vehtari, Gelman, Simpson, Carpenter & Burkner 2021, Rank-normalization, folding, and localization: an improved
R-hat for assessing convergence of MCMC (arXiv:1903.08008); here without rank normalisation. The autocorrelations end
with Geyer's initial monotone sequence.
"""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

# Chains shorter than this say nothing.
_SHORTEST = 4


def r_hat(chains: Sequence[Sequence[float]]) -> float:
    """Split R-hat: near 1 where chains, and both halves of each, agree; NaN where there is too little to say.

    Args:
        chains: what was measured along each; longer ones lose their beginning.
    """
    split = _split(chains)
    if split is None:
        return nan
    _, total, within = _variances(split)
    return float((total / within) ** 0.5) if within > 0 else nan


def effective_size(chains: Sequence[Sequence[float]]) -> float:
    """How many independent draws say as much about the mean; NaN where there is too little to say, or no variation."""
    import numpy as np

    split = _split(chains)
    if split is None:
        return nan
    length, total, within = _variances(split)
    if within <= 0:
        return nan
    centred = split - split.mean(axis=1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * length, axis=1)
    covariances = np.fft.irfft(abs(spectrum) ** 2, axis=1)[:, :length].mean(axis=0) / length
    correlations = 1 - (within * (length - 1) / length - covariances) / total
    correlations[0] = 1.0
    pairs = correlations[: length // 2 * 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs < 0)
    kept = np.minimum.accumulate(pairs[: negative[0]] if len(negative) else pairs)
    time = max(float(2 * kept.sum() - 1), 1 / np.log10(split.size))
    return split.size / time


def _split(chains: Sequence[Sequence[float]]) -> Matrix | None:
    """The halves of all chains as rows, if there are any to speak of."""
    import numpy as np

    half = min([len(chain) for chain in chains], default=0) // 2
    if half < _SHORTEST:
        return None
    rows = [part for chain in chains for part in (chain[len(chain) - 2 * half : len(chain) - half], chain[-half:])]
    return np.array(rows, dtype=np.float64)


def _variances(split: Matrix) -> tuple[int, float, float]:
    """The length of the rows, the variance of the target as overestimated by all of them, the mean of their own."""
    length = split.shape[1]
    within = float(split.var(axis=1, ddof=1).mean())
    between = float(split.mean(axis=1).var(ddof=1))
    return length, within * (length - 1) / length + between, within
