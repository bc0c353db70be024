"""Makes a data set fit a space: the space's input from the data, or the data for the space's input."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from einsyn.backends.torch_module import import_torch
from einsyn.diagnostics import Diagnostic
from einsyn.errors import DataError
from einsyn.evaluate.data import SCALE

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from torch import Tensor

    from einsyn.evaluate.data import Data, Part
    from einsyn.ir.types import TensorType
    from einsyn.space import Space

    Array = np.ndarray[Any, Any]

# Channels of images that may stand behind height and width.
_COLOURS = (1, 3, 4)


class Examples(NamedTuple):
    """A part of a data set as tensors.

    Args:
        x: `[N, ...]` as the space's input, standardised unless they are tokens.
        y: `[N, ...]`, i64 for classes, f32 for numbers, which are standardised too.
    """

    x: Tensor
    y: Tensor


class Fitted(NamedTuple):
    """A data set that fits a space; as `Data`."""

    train: Examples
    valid: Examples
    test: Examples | None
    classes: int


def natural_input(data: Data, declared: TensorType) -> str | None:
    """The input type of the declared kind that takes the examples as they are, as `--input` takes it.

    Numbers in one row are no image: a space of images is given a signal, if it can work on one. None where examples
    have no form of that kind; `fit` will say why.
    """
    shape = data.train.x.shape[1:]
    kind = declared.kind
    if kind == "image2d" and (len(shape) == 1 or (len(shape) == 2 and shape[0] == 1)):
        kind = "image1d"
    if kind == "image2d" and len(shape) in (2, 3):
        c, h, w = _image(shape)
        return f"c:{c},h:{h},w:{w}"
    if kind == "image1d" and len(shape) in (1, 2):
        return f"c:{shape[0] if len(shape) == 2 else 1},l:{shape[-1]}"
    if kind == "sequence" and len(shape) in (1, 2):
        return f"s:{shape[0]},d:{shape[1] if len(shape) == 2 else 1}"
    if kind == "vector":
        size = 1
        for n in shape:
            size *= n
        return f"d:{size}"
    if kind == "tokens" and len(shape) == 1:
        return f"t:{shape[0]}"
    return None


def fit(data: Data, space: Space, *, standardise: bool = True) -> Fitted:
    """The data set as tensors of the space's input and output.

    Images are resized (bilinear) and signals too (linear), one channel is repeated, anything is flattened for a vector.

    Raises:
        DataError: E004 it cannot be made to fit; E003 its numbers are too large to be standardised.
    """
    torch = import_torch()

    if len(space.inputs) != 1:
        _refuse(data, f"`{space.name}` has {len(space.inputs)} inputs", "train with python:module:function")
    declared = space.inputs[0][1]
    _check_output(data, space)
    parts = [data.train, data.valid, *([data.test] if data.test else [])]
    xs = [_examples(data, part, declared) for part in parts]
    if declared.kind != "tokens" and standardise:
        # By channel or feature, over all else, with what the training part says.
        axes = (0, *range(2, xs[0].ndim)) if declared.kind in ("image2d", "image1d") else tuple(range(xs[0].ndim - 1))
        mean = xs[0].mean(axes, keepdim=True)
        deviation = xs[0].std(axes, keepdim=True, correction=0)
        xs = _standardised(data, "examples", xs, mean, deviation, 1e-6)
    ys: list[Any] = [torch.from_numpy(part.y.astype("int64" if data.classes else "float32")) for part in parts]
    if not data.classes and standardise:
        ys = _standardised(data, "targets", ys, ys[0].mean(0), ys[0].std(0, correction=0), 0.0)
    found = [Examples(x.contiguous(), y) for x, y in zip(xs, ys, strict=True)]
    return Fitted(found[0], found[1], found[2] if len(found) > 2 else None, data.classes)


def check_targets(data: Data, fitted: Fitted) -> None:
    """That numbers to be approximated are not all the same: R2 divides by their variance.

    Raises:
        DataError: E003 they are, in the training or validation part.
    """
    if data.classes:
        return
    for part, (_, y) in (("training", fitted.train), ("validation", fitted.valid)):
        if bool((y == y[:1]).all()):
            said = f"the {len(y)} targets of the {part} part are all the same in 32 bits, which leaves R2 undefined"
            hint = "numbers to be approximated have to differ; classes are whole numbers"
            raise DataError(Diagnostic("E003", f"the data set `{data.name}`: {said}", hint=hint))


def _standardised(data: Data, what: str, parts: list[Any], mean: Tensor, deviation: Tensor, least: float) -> list[Any]:
    """Tensors less a mean and divided by a deviation, unless that is no more than the least one."""
    torch = import_torch()

    divisor = torch.where(deviation > least, deviation, torch.ones_like(deviation))
    found = [(part - mean) / divisor for part in parts]
    # Sums of numbers that are finite need not be; what is divided by an infinite deviation is 0.
    if not all(bool(torch.isfinite(tensor).all()) for tensor in (deviation, *found)):
        said = f"its {what} are too large to be standardised in 32 bits"
        raise DataError(Diagnostic("E003", f"the data set `{data.name}`: {said}", hint=SCALE))
    return found


def _image(shape: tuple[int, ...]) -> tuple[int, int, int]:
    if len(shape) == 2:
        return (1, *shape)
    if shape[2] in _COLOURS and shape[0] not in _COLOURS:
        return shape[2], shape[0], shape[1]
    return shape[0], shape[1], shape[2]


def _examples(data: Data, part: Part, declared: TensorType) -> Tensor:
    torch = import_torch()
    from torch.nn import functional

    wanted = declared.sizes
    shape = part.x.shape[1:]
    kind = declared.kind
    natural = natural_input(data, declared)
    if natural is None or not all(isinstance(n, int) for n in wanted):
        _refuse(data, f"examples of shape {list(shape)} are no {declared}", "write the input with --input")
    if kind == "tokens":
        if part.x.dtype.kind not in "iu":
            _refuse(data, f"the input is tokens, and the examples are {part.x.dtype}", "tokens are whole numbers")
        x = torch.from_numpy(part.x.astype("int64"))
    else:
        x = torch.from_numpy(part.x.astype("float32"))
        if kind == "image2d" and _image(shape) != (shape if len(shape) == 3 else (1, *shape)):
            x = x.permute(0, 3, 1, 2)
        x = x.reshape(len(x), *[int(size.partition(":")[2]) for size in natural.split(",")])
        if kind in ("image2d", "image1d"):
            if x.shape[1] == 1 and wanted[0] != 1:
                x = x.expand(-1, int(wanted[0]), *x.shape[2:])
            sides = [int(n) for n in wanted[1:]]
            if list(x.shape[2:]) != sides and x.shape[1] == wanted[0]:
                x = functional.interpolate(
                    x, sides, mode="bilinear" if kind == "image2d" else "linear", antialias=kind == "image2d"
                )
    if tuple(x.shape[1:]) != wanted:
        _refuse(
            data, f"examples of shape {list(shape)} do not fit {declared}", f"--input {natural} takes them as they are"
        )
    return x


def class_parameter(space: Space, classes: int, with_parameter: Callable[[str], Space]) -> str | None:
    """The parameter that says how many classes the declared output has; None unless there is exactly one.

    Args:
        space: with another number of classes.
        classes: how many there are in the data.
        with_parameter: the space with that number for a parameter of this name.
    """
    there = _classes_of(space)
    asked = [name for name, value in space.params.items() if value == there]
    found = [name for name in asked if _classes_of(with_parameter(name)) == classes]
    return found[0] if len(found) == 1 else None


def _classes_of(space: Space) -> int | str | None:
    """The size of the axis of classes in the declared output, if there is one."""
    output = space.output
    return None if output is None else output.sizes[output.axes.index(class_axis(output))]


def _check_output(data: Data, space: Space) -> None:
    """That the declared output, if any, has a place for each class or number."""
    if space.output is None:
        return
    sizes = dict(zip(space.output.axes, space.output.sizes, strict=True))
    if data.classes:
        axis = class_axis(space.output)
        if sizes[axis] != data.classes:
            _refuse_classes(data, space, space.output)
        places = [n for name, n in sizes.items() if name != axis]
    else:
        places = list(sizes.values())
    shape = list(data.train.y.shape[1:])
    if shape != places and not (not data.classes and not shape and places == [1]):
        _refuse(
            data,
            f"targets have the shape {shape}, and the output is {space.output}",
            "a parameter of the space may set it",
        )


def _refuse_classes(data: Data, space: Space, output: TensorType) -> NoReturn:
    """Say how many classes there are, and why, and which parameter of the space says so, if there is one."""
    import numpy as np

    parts = [data.train, data.valid, *([data.test] if data.test else [])]
    labels = {int(label) for part in parts for label in np.unique(part.y)}
    said = f"{data.classes} classes, one more than its largest label, and the output is {output}"
    declared = space.grammar.directives.output
    axis = class_axis(output)
    written = re.search(rf"\b{axis}\s*:\s*(\w+)\s*[,\]]", declared.type_text) if declared else None
    hint = "the line `//@ output` says how many it takes"
    if written and written[1] in space.params:
        hint = f"--set {written[1]}={data.classes}"
    if len(labels) < data.classes:
        hint += f"; only {len(labels)} labels occur, and can be numbered from 0"
    _refuse(data, said, hint)


def class_axis(output: TensorType) -> str:
    """The axis of an output that has a place for each class: channels of an image, else the last."""
    return "c" if "c" in output.axes else output.axes[-1]


def _refuse(data: Data, problem: str, hint: str) -> NoReturn:
    raise DataError(Diagnostic("E004", f"the data set `{data.name}`: {problem}", hint=hint))
