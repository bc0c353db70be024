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
# Examples of a part that is given, and of the test part of a set that is split.
_LEAST: Final = 2
_FORM: Final = "arrays are x_train, y_train and, if there are, x_valid, y_valid, x_test, y_test; or x and y"
_NUMBERS: Final = "whole numbers or floating point; the first axis numbers the examples"
# Networks compute in 32 bits.
_LARGEST: Final = 3.4028234663852886e38
SCALE: Final = "divide them by what makes them about 1"


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
        given: whether the validation part came with the data, and was not taken from the training part.
    """

    name: str
    train: Part
    valid: Part
    test: Part | None
    classes: int
    digest: str
    given: bool


def location(name: str) -> str:
    """What names a data set from any folder."""
    return name if name == DIGITS else str(Path(name).resolve())


def read_data(name: str) -> Data:
    """A data set by name or path. Nothing in a file is executed.

    Args:
        name: `digits`, an `.npz` file, or a folder with `train_x.npy`, `train_y.npy` and so on.

    Raises:
        DataError: E003 it cannot be read, lacks arrays, or has arrays that nothing can be learned from.
        BackendError: B001 numpy or scikit-learn is not installed.
    """
    arrays = _digits() if name == DIGITS else _file(Path(name))
    parts = _parts(name, arrays)
    given = "valid" in parts
    if not given:
        parts["train"], parts["valid"] = _split(parts["train"], _VALID)
    digest = hashlib.sha256()
    for part in parts.values():
        for array in part:
            digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
    kinds = {part.y.dtype.kind in "iu" for part in parts.values()}
    if len(kinds) > 1:
        _refuse(name, "targets are whole numbers in one part and not in another")
    classes = 1 + max(int(part.y.max()) for part in parts.values()) if kinds == {True} else 0
    return Data(name, parts["train"], parts["valid"], parts.get("test"), classes, digest.hexdigest()[:16], given)


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
            if zipfile.is_zipfile(stream):
                stream.seek(0)
                with np.load(stream, allow_pickle=False) as archive:
                    return {key: archive[key] for key in archive.files}
    except FileNotFoundError:
        _refuse(str(path), "it does not exist")
    except Exception as error:  # what zipfile, its decompressors and numpy raise of a damaged file is listed nowhere
        said = f"it cannot be read: {str(error) or type(error).__name__}"
        _refuse(str(path), said[:300], "numpy.savez and numpy.save write what can be read, if no array holds objects")
    _refuse(str(path), "it is no .npz file")


def _parts(name: str, arrays: Mapping[str, Array]) -> dict[str, Part]:
    """The parts that are given; checked before anything is split, so that what is wrong has the name it was given."""
    found: dict[str, Part] = {}
    for part in PARTS:
        x, y = [next((key for key in (f"{axis}_{part}", f"{part}_{axis}") if key in arrays), None) for axis in "xy"]
        if x is not None and y is not None:
            found[part] = _part(name, arrays, x, y)
        elif x is not None or y is not None:
            _refuse(name, f"of the {part} part only one of x and y is there")
    if "train" in found:
        _check_shapes(name, found)
        return found
    if "x" not in arrays or "y" not in arrays:
        _refuse(name, f"its arrays are {', '.join(sorted(arrays)) or 'none'}")
    whole = _part(name, arrays, "x", "y")
    rest, test = _split(whole, _TEST)
    if len(test.x) < _LEAST:
        _refuse(name, f"`x` has {len(whole.x)} examples, too few to be split")
    return {"train": rest, "test": test}


def _part(name: str, arrays: Mapping[str, Array], x_name: str, y_name: str) -> Part:
    """Two arrays that belong together."""
    x, y = _array(name, arrays, x_name, "fiub"), _array(name, arrays, y_name, "fiu")
    if x.ndim < 1 or y.ndim < 1 or len(x) != len(y):
        said = f"`{x_name}` has the shape {x.shape} and `{y_name}` the shape {y.shape}"
        _refuse(name, said, "both have one row for each example")
    if len(x) < _LEAST:
        _refuse(name, f"`{x_name}` has {len(x)} examples")
    if y.dtype.kind == "i" and y.min() < 0:
        _refuse(name, f"`{y_name}` has a class {y.min()}; classes are numbered from 0")
    return Part(x, y)


def _array(name: str, arrays: Mapping[str, Array], key: str, kinds: str) -> Array:
    """An array of numbers of these kinds, in the byte order of this machine, which is all that torch takes."""
    import numpy as np

    array = arrays[key]
    # What is no .npy file is bytes to numpy, and what is an .npz file in a folder an archive.
    if not isinstance(array, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
        _refuse(name, f"`{key}` is no .npy file", "numpy.savez and numpy.save write them")
    if array.dtype.kind not in kinds:
        _refuse(name, f"`{key}` holds {array.dtype}, not numbers", _NUMBERS)
    if 0 in array.shape[1:]:
        _refuse(name, f"`{key}` has the shape {array.shape}, and no number for any example", _NUMBERS)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            _refuse(name, f"`{key}` holds numbers that are not finite", "leave out these examples, or fill them in")
        largest = max(float(array.max(initial=0)), -float(array.min(initial=0)))
        if largest > _LARGEST:
            _refuse(name, f"`{key}` holds numbers up to {largest:.3g}, too large for 32 bits", SCALE)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _check_shapes(name: str, parts: Mapping[str, Part]) -> None:
    """That an example, and what is to be found of it, has one shape in all parts."""
    for part, other in parts.items():
        for what, one, another in zip(("examples", "targets"), parts["train"], other, strict=True):
            if one.shape[1:] != another.shape[1:]:
                shapes = f"the shape {one.shape[1:]} in the train part and {another.shape[1:]} in the {part} part"
                _refuse(name, f"{what} have {shapes}", "they need the same in all parts")


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


def _refuse(name: str, problem: str, hint: str = _FORM) -> NoReturn:
    raise DataError(Diagnostic("E003", f"the data set `{name}`: {problem}", hint=hint))
