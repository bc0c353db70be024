"""A model of scores that were seen, which says what to expect of networks that were not, and how surely.

A Gaussian process (Rasmussen and Williams 2006) over networks. Two of them are alike as their features are: by each
aspect of these as exp(-distance / length), and altogether as a weighted mean of that. Weights, lengths and noise are
those of a number of random ones under which the scores are most likely.
"""

from __future__ import annotations

from math import erf, exp, log, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError
from einsyn.search.features import ASPECTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from einsyn.search.features import Features

    Array = NDArray[np.float64]

# Of so many the likeliest kernel is taken.
_KERNELS: Final = 64
# Shortest and longest lengths, in medians of the distances; least and most noise, in variances of a score.
_LENGTHS: Final = 0.3, 3.0
_NOISE: Final = 0.01, 0.5
# What is chosen must not depend on the last digits, which differ between machines.
_DIGITS: Final = 6
# The least variance of scores, and of what is expected of a candidate.
_LEAST: Final = 1e-12


def check_numpy() -> None:
    """Raise UsageError Q017 where numpy is not installed."""
    try:
        import numpy as np
    except ModuleNotFoundError as error:
        hint = "pip install 'einsyn[search]', or another --strategy"
        raise UsageError(Diagnostic("Q017", "numpy is not installed", hint=hint)) from error
    del np


def normal_scores(values: Sequence[float]) -> Array:
    """Values by their ranks, as if they were drawn from a normal distribution; mean 0 and variance 1.

    So it does not matter on what scale an objective is, nor how bad the bad ones are. Equal values stay equal.
    """
    import numpy as np

    ordered = np.sort(values)
    below, up_to = [np.searchsorted(ordered, values, side) for side in ("left", "right")]
    shares = (below + up_to) / 2 / len(values)
    least = 0.5 / len(values)
    scores = np.array([NormalDist().inv_cdf(min(max(share, least), 1 - least)) for share in shares.tolist()])
    scores -= scores.mean()
    return scores / (scores.std() or 1.0)


def distances(rows: Sequence[Features]) -> Array:
    """How far networks are from each other by each aspect: [aspects, networks, networks], in medians of the aspect."""
    import numpy as np

    found = np.zeros((ASPECTS, len(rows), len(rows)))
    for aspect in range(ASPECTS):
        columns: dict[Any, int] = {}
        for row in rows:
            for what in row[aspect]:
                columns.setdefault(what, len(columns))
        dense = np.zeros((len(rows), len(columns)))
        for place, row in enumerate(rows):
            dense[place, [columns[what] for what in row[aspect]]] = list(row[aspect].values())
        squares = (dense**2).sum(axis=1)
        apart = np.sqrt(np.maximum(squares[:, None] + squares - 2 * dense @ dense.T, 0.0))
        np.fill_diagonal(apart, 0.0)
        usual = float(np.median(apart[np.triu_indices(len(rows), 1)])) if len(rows) > 1 else 0.0
        found[aspect] = apart / (usual or 1.0)
    return found


class Kernel(NamedTuple):
    """How alike networks are by their distances, and how far scores of one network differ.

    Args:
        weights: of the aspects; they add to 1, so everything is as like itself as can be: 1.
        lengths: of the aspects.
        noise: the variance of a score, where that of all networks is 1.
    """

    weights: Array
    lengths: Array
    noise: float

    def __call__(self, apart: Array) -> Array:
        """Covariances, for distances of each aspect along the first axis."""
        import numpy as np

        alike: Array = np.exp(-apart / self.lengths[:, None, None])
        return np.tensordot(self.weights, alike, axes=1)


def likeliest(apart: Array, scores: Array, seed: int) -> tuple[Kernel, float]:
    """Of some random kernels the one under which scores are most likely, with the variance that goes with it."""
    import numpy as np

    random = np.random.default_rng(seed)
    found: list[tuple[float, Kernel, float]] = []
    for _ in range(_KERNELS):
        weights = random.dirichlet(np.full(ASPECTS, 0.5))
        lengths: Array = np.exp(random.uniform(*np.log(_LENGTHS), size=ASPECTS))
        kernel = Kernel(weights, lengths, exp(random.uniform(log(_NOISE[0]), log(_NOISE[1]))))
        root = np.linalg.cholesky(kernel(apart) + kernel.noise * np.eye(len(scores)))
        whitened = np.linalg.solve(root, scores)
        # Where all scores are equal it would be 0.
        variance = max(float(whitened @ whitened) / len(scores), _LEAST)
        log_likelihood = -len(scores) / 2 * np.log(variance) - np.log(np.diag(root)).sum()
        found.append((round(float(log_likelihood), _DIGITS), kernel, variance))
    _, kernel, variance = max(found, key=lambda each: each[0])
    return kernel, variance


class Surrogate:
    """What to expect of candidates, for scores of some networks.

    Args:
        known: features of networks with scores.
        scores: theirs, of mean 0 and variance 1.
        waiting: features of networks whose scores will be known.
        candidates: features of those that one can choose from.
        seed: of the kernels that are tried.

    Attributes:
        kernel: how alike networks are.
        variance: of the scores, noise left out.
    """

    def __init__(
        self,
        known: Sequence[Features],
        scores: Array,
        waiting: Sequence[Features],
        candidates: Sequence[Features],
        seed: int,
    ) -> None:
        import numpy as np

        apart = distances([*known, *waiting, *candidates])
        self.kernel, self.variance = likeliest(apart[:, : len(known), : len(known)], scores, seed)
        self._alike = self.kernel(apart)
        self._scores = scores
        self._known = len(known)
        self._waiting = list(range(len(known), len(known) + len(waiting)))
        self._candidates = np.arange(len(known) + len(waiting), len(apart[0]))
        self._left = np.ones(len(candidates), dtype=bool)

    def choose(self, among: Sequence[bool] | None = None) -> int:
        """The candidate with the greatest expected improvement, which is waited for from now on.

        Source: Mockus 1978; of what is waited for the score is taken to be as expected (Ginsbourger et al. 2010).

        Args:
            among: for each candidate whether it may be that one; if none may that is left, any may.
        """
        import numpy as np

        mean, deviation, best = self.expected()
        gain = (mean - best) / deviation
        below = np.array([(1 + erf(g / sqrt(2))) / 2 for g in gain.tolist()])
        improvement = deviation * (gain * below + np.exp(-(gain**2) / 2) / sqrt(2 * np.pi))
        wanted = self._left if among is None else self._left & np.array(among)
        left: Array = np.where(wanted if wanted.any() else self._left, np.round(improvement, _DIGITS), -1.0)
        number = int(left.argmax())
        self._left[number] = False
        self._waiting.append(int(self._candidates[number]))
        return number

    def expected(self) -> tuple[Array, Array, float]:
        """Means and standard deviations of the candidates' scores without noise, and the best mean of what is known."""
        import numpy as np

        here = [*range(self._known), *self._waiting]
        among = self._alike[np.ix_(here, here)]
        noisy = among + self.kernel.noise * np.eye(len(here))
        scores = self._scores
        if self._waiting:
            first = noisy[: self._known, : self._known]
            believed = among[self._known :, : self._known] @ np.linalg.solve(first, scores)
            scores = np.concatenate([scores, believed])
        solved = np.linalg.solve(noisy, scores)
        to_candidates = self._alike[np.ix_(self._candidates.tolist(), here)]
        explained = (to_candidates * np.linalg.solve(noisy, to_candidates.T).T).sum(axis=1)
        deviation = np.sqrt(np.maximum(self.variance * (1 - explained), _LEAST))
        return to_candidates @ solved, deviation, float((among @ solved).max())


def spread(rows: Sequence[Features], count: int) -> list[int]:
    """The places of some networks that are far from each other: the first, then always the one farthest from those.

    Source: Gonzalez 1985, whose k-center is at most twice as wide as the best one.
    """
    import numpy as np

    apart: Array = distances(rows).sum(axis=0).round(_DIGITS)
    found = [0]
    nearest = apart[0]
    while len(found) < min(count, len(rows)):
        # What is there is not farther than what equals it.
        nearest[found[-1]] = -1.0
        found.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, apart[found[-1]])
    return found
