"""How networks are trained: a recipe, from a TOML file or the defaults."""

from __future__ import annotations

import math
import tomllib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic, Span, closest
from einsyn.errors import DataError
from einsyn.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OPTIMISERS: Final = ("adamw", "adam", "sgd")
SCHEDULES: Final = ("cosine", "constant")
_CHOICES: Final = {"optimiser": OPTIMISERS, "schedule": SCHEDULES}
# The least and the most that a setting may be.
_BOUNDS: Final[dict[str, tuple[float, float]]] = {
    "epochs": (1, 100_000),
    "batch_size": (1, 1_000_000),
    "learning_rate": (0.0, 1e6),
    "weight_decay": (0.0, 1e6),
    "momentum": (0.0, 1.0),
    "warmup": (0.0, 0.9),
    "clip": (0.0, math.inf),
    "label_smoothing": (0.0, 0.99),
    "shift": (0, 10_000),
    "noise": (0.0, 1e6),
    "train_examples": (0, math.inf),
    "valid_examples": (0, math.inf),
    "halving": (1, 1_000),
    "first_rung": (1, 100_000),
    "seed": (0, 2**63 - 1),
}


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe for training.

    Args:
        optimiser: `adamw`, `adam` or `sgd`.
        learning_rate: its highest value.
        weight_decay: of parameters with at least two axes; scales and shifts are left alone.
        momentum: of `sgd`; Nesterov's.
        schedule: of the learning rate after the warm-up: `cosine` to 0, or `constant`.
        warmup: the share of all steps over which the learning rate rises from 0.
        epochs: passes through the training part.
        batch_size: examples a step; a last batch that is not full is left out.
        clip: the longest gradient; longer ones are shortened; 0 for none.
        label_smoothing: of classes. A little tells networks apart on small data: linear ones gain nothing by it, others
            do (on digits, three seeds each: a perceptron 0.978 to 0.985, a convolutional network 0.983 to 0.993).
        shift: images and signals are moved by up to so many places a side, zeros come in.
        flip: images are mirrored left to right, each with probability 1/2.
        noise: standard deviation of normal noise on standardised examples.
        standardise: examples get mean 0 and deviation 1 by channel or feature, numbers to be approximated too.
        train_examples: how many to use, the first of a fixed shuffle; 0 for all.
        valid_examples: the same of the validation part.
        halving: in a search one of so many networks of a batch goes on at each rung; 1 trains all to the end.
        first_rung: epochs of the first rung, at least.
        seed: added to the seed of the search, for another initialisation and order.
    """

    optimiser: str = "adamw"
    learning_rate: float = 1e-2
    weight_decay: float = 0.02
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.2
    epochs: int = 20
    batch_size: int = 32
    clip: float = 1.0
    label_smoothing: float = 0.02
    shift: int = 0
    flip: bool = False
    noise: float = 0.0
    standardise: bool = True
    train_examples: int = 0
    valid_examples: int = 0
    halving: int = 1
    first_rung: int = 1
    seed: int = 0

    def record(self) -> dict[str, Any]:
        """All settings, fit for JSON."""
        return asdict(self)

    @property
    def rungs(self) -> tuple[int, ...]:
        """After how many epochs networks are compared, at last all: each the one after it divided by `halving`.

        Epochs that are not whole are rounded down. Without halving there is one rung.
        """
        found = [self.epochs]
        while self.halving > 1 and found[-1] // self.halving >= self.first_rung:
            found.append(found[-1] // self.halving)
        return tuple(reversed(found))


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a TOML file; what it does not say is as in `Recipe`.

    Raises:
        FileError: the file cannot be read.
        DataError: E002 it is no TOML, or a setting is unknown, of the wrong kind or out of range.
    """
    text = read_text(path, "a recipe")
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DataError(Diagnostic("E002", f"`{path}` is no TOML: {error}", hint="lines like `epochs = 20`")) from None
    return recipe_of(given, str(path), text)


def recipe_of(given: Mapping[str, Any], file: str, text: str = "") -> Recipe:
    """A recipe from settings by name. Raises DataError E002."""
    known = {f.name: f.default for f in fields(Recipe)}
    found: dict[str, Any] = {}
    for name, value in given.items():
        place = _place(file, text, name)
        if name not in known:
            near = closest(name, known)
            hint = f"did you mean `{near}`?" if near else f"settings are {', '.join(known)}"
            raise DataError(Diagnostic("E002", f"a recipe has no setting `{name}`", place, hint=hint))
        problem = _problem(name, value, known[name])
        if problem is not None:
            raise DataError(
                Diagnostic("E002", f"`{name}` {problem}, not {value!r}"[:300], place, hint=_like(name, known))
            )
        found[name] = float(value) if isinstance(known[name], float) else value
    return Recipe(**found)


def _problem(name: str, value: Any, default: Any) -> str | None:
    if isinstance(default, bool):
        return None if isinstance(value, bool) else "is true or false"
    if isinstance(default, str):
        return None if value in _CHOICES[name] else f"is {' or '.join(_CHOICES[name])}"
    kinds = int if isinstance(default, int) else int | float
    if isinstance(value, bool) or not isinstance(value, kinds):
        return "is a whole number" if isinstance(default, int) else "is a number"
    low, high = _BOUNDS[name]
    if not (low <= value <= high and math.isfinite(value)):
        return f"is {low:g} or more" if high == math.inf else f"is between {low:g} and {high:g}"
    return None


def _like(name: str, known: Mapping[str, Any]) -> str:
    default = known[name]
    return f"by default {name} = {str(default).lower() if isinstance(default, bool) else repr(default)}"


def _place(file: str, text: str, name: str) -> Span | None:
    for number, line in enumerate(text.splitlines(), 1):
        if line.split("=")[0].strip().strip("\"'") == name:
            return Span(file, number, 1)
    return None
