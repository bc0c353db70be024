"""Data sets: scikit-learn's digits, `.npz` files, and folders of `.npy` files."""

from __future__ import annotations

import hashlib
import zipfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

from einsyn.diagnostics import Diagnostic
from einsyn.errors import BackendError, DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np

    Array = np.ndarray[Any, Any]

DIGITS: Final = "digits"
PARTS: Final = ("train", "valid", "test")
# Shares of a set that comes as one part, or without a validation part; which examples they are never changes.
_VALID: Final = 0.2
_TEST: Final = 0.2
_SPLIT_SEED: Final = 0
_FORM: Final = "arrays are x_train, y_train and, if there are, x_valid, y_valid, x_test, y_test; or x and y"


class Part(NamedTuple):
    """Examples and what is to be found of them.

    Args:
        x: the first axis numbers the examples.
        y: whole numbers are classes, of an example or of each place of it; other numbers are to be approximated.
    """

    x: Array
    y: Array


class Data(NamedTuple):
    """A data set.

    Args:
        name: `digits`, or the file or folder.
        train: what is learned from.
        valid: what a search looks at.
        test: what is looked at in the end, if there is any.
        classes: how many there are; 0 where numbers are to be approximated.
        digest: the first 16 hex digits of the SHA-256 of all arrays.
    """

    name: str
    train: Part
    valid: Part
    test: Part | None
    classes: int
    digest: str


def location(name: str) -> str:
    """What names a data set from any folder."""
    return name if name == DIGITS else str(Path(name).resolve())


def read_data(name: str) -> Data:
    """A data set by name or path. Nothing in a file is executed.

    Args:
        name: `digits`, an `.npz` file, or a folder with `train_x.npy`, `train_y.npy` and so on.

    Raises:
        DataError: E003 it cannot be read, or lacks arrays.
        BackendError: B001 numpy or scikit-learn is not installed.
    """
    arrays = _digits() if name == DIGITS else _file(Path(name))
    parts = _parts(name, arrays)
    for part, (x, y) in parts.items():
        _check(name, part, x, y)
    if "valid" not in parts:
        parts["train"], parts["valid"] = _split(parts["train"], _VALID)
    digest = hashlib.sha256()
    for part in parts.values():
        for array in part:
            digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    kinds = {part.y.dtype.kind in "iu" for part in parts.values()}
    if len(kinds) > 1:
        _refuse(name, "targets are whole numbers in one part and not in another")
    classes = 1 + max(int(part.y.max()) for part in parts.values()) if kinds == {True} else 0
    return Data(name, parts["train"], parts["valid"], parts.get("test"), classes, digest.hexdigest()[:16])


def _digits() -> dict[str, Array]:
    """1,797 images of 8x8 (Alpaydin & Kaynak, UCI 1998), which scikit-learn brings along."""
    try:
        # By name: it has no types.
        load: Any = import_module("sklearn.datasets").load_digits
    except ModuleNotFoundError as error:
        raise BackendError(
            Diagnostic("B001", "scikit-learn is not installed", hint="pip install 'einsyn[search]', or give --data")
        ) from error
    digits = load()
    return {"x": digits.images.astype("float32"), "y": digits.target.astype("int64")}


def _file(path: Path) -> dict[str, Array]:
    try:
        import numpy as np
    except ModuleNotFoundError as error:
        raise BackendError(Diagnostic("B001", "numpy is not installed", hint="pip install 'einsyn[search]'")) from error
    try:
        if path.is_dir():
            return {file.stem: np.load(file, allow_pickle=False) for file in sorted(path.glob("*.npy"))}
        with path.open("rb") as stream:
            if not zipfile.is_zipfile(stream):
                _refuse(str(path), "it is no .npz file")
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as archive:
                return {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        _refuse(str(path), "it does not exist")
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        _refuse(str(path), f"it cannot be read: {error}"[:300])


def _parts(name: str, arrays: Mapping[str, Array]) -> dict[str, Part]:
    found: dict[str, Part] = {}
    for part in PARTS:
        pair = [arrays.get(f"{axis}_{part}", arrays.get(f"{part}_{axis}")) for axis in "xy"]
        if pair[0] is not None and pair[1] is not None:
            found[part] = Part(pair[0], pair[1])
        elif (pair[0] is None) != (pair[1] is None):
            _refuse(name, f"of the {part} part only one of x and y is there")
    if "train" in found:
        return found
    if "x" not in arrays or "y" not in arrays:
        _refuse(name, f"its arrays are {', '.join(sorted(arrays)) or 'none'}")
    rest, test = _split(Part(arrays["x"], arrays["y"]), _TEST)
    return {"train": rest, "test": test}


def _check(name: str, part: str, x: Array, y: Array) -> None:
    import numpy as np

    if x.dtype.kind not in "fiub" or y.dtype.kind not in "fiu":
        _refuse(name, f"the {part} part holds {x.dtype} and {y.dtype}, not numbers")
    if x.ndim < 1 or y.ndim < 1 or len(x) != len(y):
        _refuse(name, f"the {part} part has examples of shape {x.shape} and targets of shape {y.shape}")
    if len(x) < 2:
        _refuse(name, f"the {part} part has {len(x)} examples")
    if (x.dtype.kind == "f" and not np.isfinite(x).all()) or (y.dtype.kind == "f" and not np.isfinite(y).all()):
        _refuse(name, f"the {part} part holds numbers that are not finite")
    if y.dtype.kind == "i" and y.min() < 0:
        _refuse(name, f"the {part} part has a class {y.min()}; classes are numbered from 0")


def _split(whole: Part, share: float) -> tuple[Part, Part]:
    """A part without, and with, a share of its examples; classes keep their shares as well as they can."""
    import numpy as np

    rng = np.random.default_rng(_SPLIT_SEED)
    order = rng.permutation(len(whole.x))
    if whole.y.ndim == 1 and whole.y.dtype.kind in "iu":
        # Every so manieth example of the classes laid one after the other.
        order = order[np.argsort(whole.y[order], kind="stable")]
    count = min(len(order) - 1, max(1, round(share * len(order))))
    taken = np.zeros(len(order), dtype=bool)
    taken[np.round((np.arange(count) + 0.5) * len(order) / count).astype(int).clip(0, len(order) - 1)] = True
    chosen, rest = np.sort(order[taken]), np.sort(order[~taken])
    return Part(whole.x[rest], whole.y[rest]), Part(whole.x[chosen], whole.y[chosen])


def _refuse(name: str, problem: str) -> NoReturn:
    raise DataError(Diagnostic("E003", f"the data set `{name}`: {problem}", hint=_FORM))
