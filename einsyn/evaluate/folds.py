"""Other validation parts of a data set whose validation part was chosen here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from einsyn.evaluate.data import Part

if TYPE_CHECKING:
    import numpy as np

    from einsyn.evaluate.data import Data

    Array = np.ndarray[Any, Any]

_SEED: Final = 1


def folds_of(data: Data) -> int:
    """Into how many folds training and validation part can be divided: 1 where both were given.

    Each fold is as large as the validation part, which is the first.
    """
    return 1 if data.given else max(1, round((len(data.train.x) + len(data.valid.x)) / len(data.valid.x)))


def with_fold(data: Data, number: int) -> Data:
    """The data set with one of its folds as validation part, and all others to learn from; the test part stays.

    Args:
        data: with its own validation part, which is fold 0.
        number: of the fold; from 1 on they are parts of the training part.
    """
    import numpy as np

    if number == 0:
        return data
    taken = _dealt(data.train, folds_of(data) - 1) == number - 1
    x, y = (np.concatenate([rest[~taken], valid]) for rest, valid in zip(data.train, data.valid, strict=True))
    return data._replace(train=Part(x, y), valid=Part(data.train.x[taken], data.train.y[taken]))


def _dealt(whole: Part, hands: int) -> Array:
    """To which of so many folds each example goes; classes keep their shares as well as they can."""
    import numpy as np

    order = np.random.default_rng(_SEED).permutation(len(whole.x))
    if whole.y.ndim == 1 and whole.y.dtype.kind in "iu":
        order = order[np.argsort(whole.y[order], kind="stable")]
    found = np.empty(len(order), dtype=np.int64)
    found[order] = np.arange(len(order)) % hands
    return found
