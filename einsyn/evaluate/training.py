"""Training as an objective: the score on the validation part of a network that was trained by a recipe."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.backends.torch_module import import_torch
from einsyn.errors import FileError, WeightsError
from einsyn.evaluate.checkpoint import Course, read_checkpoint, write_checkpoint
from einsyn.evaluate.data import location, read_data
from einsyn.evaluate.fit import check_targets, class_axis, fit
from einsyn.evaluate.folds import folds_of, with_fold
from einsyn.evaluate.objective import EvaluationError, InPortions, Repeatable
from einsyn.evaluate.recipe import Recipe
from einsyn.weights.transfer import take_over

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from torch import Tensor, nn

    from einsyn.architecture import Architecture
    from einsyn.evaluate.data import Data
    from einsyn.evaluate.fit import Examples, Fitted
    from einsyn.evaluate.objective import Lineage, Portion, Repetition
    from einsyn.space import Space

# A mean loss so many times above that of the first step is no training any more.
_DIVERGED: Final = 20.0


class Trained(NamedTuple):
    """A trained network.

    Args:
        module: in eval mode.
        valid: its score on the validation part.
        test: on the test part, if there is one.
        losses: mean training loss of each epoch.
    """

    module: nn.Module
    valid: float
    test: float | None
    losses: list[float]


class Training(InPortions, Repeatable):
    """`train`: accuracy (classes) or R2, the explained share of the variance (numbers), on the validation part.

    Args:
        data: `digits`, an `.npz` file or a folder; see `read_data`.
        recipe: how to train.
        maximise: whether more is better.
    """

    of_function = True
    inherits = True

    def __init__(self, data: str, recipe: Recipe | None = None, maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.data = data
        self.how = recipe or Recipe()
        self._fitted: dict[int, Fitted] = {}
        self._digest = ""
        self._folds = 1

    def __getstate__(self) -> dict[str, Any]:
        # A worker reads the data itself.
        return {**vars(self), "_fitted": {}}

    @property
    def name(self) -> str:
        return "train"

    @property
    def looks_at(self) -> str | None:
        return self.data

    @property
    def folds(self) -> int:
        return self._folds

    def prepare(self, space: Space) -> None:
        if self._fitted:
            return
        torch = import_torch()

        # The first optimiser imports seconds' worth of torch: here, and not in every fork of a worker.
        torch.optim.SGD([torch.zeros(1, requires_grad=True)])
        data = read_data(self.data)
        self._digest = data.digest
        self._folds = folds_of(data)
        self._fitted[0] = self._fit(data, space)

    def _fit(self, data: Data, space: Space) -> Fitted:
        fitted = fit(data, space, standardise=self.how.standardise)
        fitted = fitted._replace(
            train=_first(fitted.train, self.how.train_examples), valid=_first(fitted.valid, self.how.valid_examples)
        )
        check_targets(data, fitted)
        return fitted

    def _fold(self, space: Space, number: int) -> Fitted:
        """The examples with another validation part, read when they are first asked for: most workers never do."""
        self.prepare(space)
        if number not in self._fitted:
            data = read_data(self.data)
            if data.digest != self._digest:
                raise EvaluationError("exception", f"the data set `{self.data}` is not what it was")
            self._fitted[number] = self._fit(with_fold(data, number), space)
        return self._fitted[number]

    def recipe(self) -> dict[str, Any]:
        return {**super().recipe(), "data": location(self.data), "digest": self._digest, "recipe": self.how.record()}

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        return self.train(architecture, seed).valid

    def evaluate_child(self, architecture: Architecture, seed: int, lineage: Lineage) -> float:
        trained = self.train(architecture, seed, lineage.parent, preserve=lineage.preserve)
        with suppress(FileError):  # the file is missed by whoever asked for it
            architecture.save_weights(lineage.own, trained.module)
        return trained.valid

    def evaluate_portion(self, architecture: Architecture, seed: int, portion: Portion) -> float:
        if portion.before is not None:
            # What is not there any more, or is no state, is made again: the number is the same.
            with suppress(FileError, WeightsError):
                return self.train(architecture, seed, portion=portion).valid
        return self.train(architecture, seed, portion=portion._replace(before=None)).valid

    def evaluate_repetition(self, architecture: Architecture, repetition: Repetition) -> float:
        data = self._fold(architecture.space, repetition.fold)
        return train(architecture, data, self.how, repetition.seed).valid

    def train(
        self,
        architecture: Architecture,
        seed: int,
        parent: Path | None = None,
        portion: Portion | None = None,
        *,
        preserve: bool = False,
    ) -> Trained:
        """Train a network and keep it.

        Args:
            architecture: what to train.
            seed: of everything random.
            parent: a file of weights that are taken over where they are of what is unchanged.
            portion: which part of the training; all of it if None.
            preserve: begin with what the parent computes, where weights for that are found.

        Raises:
            EvaluationError: `nan`, training diverges.
        """
        return train(
            architecture, self._fold(architecture.space, 0), self.how, seed, parent, portion, preserve=preserve
        )


def train(
    architecture: Architecture, data: Fitted, recipe: Recipe, seed: int, parent: Path | None = None,
    portion: Portion | None = None, *, preserve: bool = False,
) -> Trained:  # fmt: skip
    """Train a network.

    Args:
        architecture: what to train, from an initialisation of its own.
        data: what to learn from.
        recipe: how.
        seed: of initialisation, order and augmentation; that of the recipe is added. Layers that drop use torch's own
            generator, which `evaluate` seeds.
        parent: a file of weights that are taken over, see `take_over`.
        portion: which part of the training; all of it if None. Parts done one after the other are the whole, bit for
            bit: the schedule is that of all epochs, and everything random goes on as it would have.
        preserve: see there.

    Raises:
        EvaluationError: `nan`, a loss or an output is not finite, or the loss grows without bound.
        FileError: the state to go on from cannot be read.
        WeightsError: W001 it is damaged.
    """
    torch = import_torch()

    seed += recipe.seed
    random = torch.Generator().manual_seed(seed)
    module = architecture.module(seed)
    if parent is not None:
        take_over(parent, architecture, module, preserve=preserve)
    axis = axis_of_classes(architecture) if data.classes else 0
    size = min(recipe.batch_size, len(data.train.x))
    per_epoch = len(data.train.x) // size
    steps = recipe.epochs * per_epoch
    optimiser = optimiser_of(module, recipe)
    first, losses = math.inf, list[float]()
    if portion is not None and portion.before is not None:
        first, losses = read_checkpoint(portion.before, module, optimiser, random)
    epochs = (recipe.epochs if portion is None else portion.epochs) - len(losses)
    module.train()
    for step, (x, y) in enumerate(_batches(data, recipe, random, epochs), len(losses) * per_epoch):
        for group in optimiser.param_groups if optimiser else ():
            group["lr"] = recipe.learning_rate * _rate(recipe, step, steps)
        loss = loss_of(module(x), y, axis, recipe.label_smoothing if data.classes else None)
        if optimiser is not None and loss.requires_grad:
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            if recipe.clip:
                torch.nn.utils.clip_grad_norm_(module.parameters(), recipe.clip)
            optimiser.step()
        value = loss.item()
        if not math.isfinite(value):
            raise EvaluationError("nan", f"the loss is {value} in step {step + 1} of {steps}")
        first = min(first, 1.0 + value) if step == 0 else first
        if step % per_epoch == 0:
            losses.append(0.0)
        losses[-1] += value / per_epoch
        if (step + 1) % per_epoch == 0 and losses[-1] > _DIVERGED * first:
            raise EvaluationError("nan", f"the loss grew to {losses[-1]:.3g} in epoch {len(losses)}")
    if portion is not None and portion.after is not None:
        with suppress(FileError):
            write_checkpoint(portion.after, module, optimiser, random, Course(first, losses))
    module.eval()
    valid = _score(module, data.valid, axis, recipe.batch_size)
    test = None if data.test is None else _score(module, data.test, axis, recipe.batch_size)
    return Trained(module, valid, test, losses)


def axis_of_classes(architecture: Architecture) -> int:
    """The axis of classes in a batch of outputs."""
    graph = architecture.graph
    output = graph.types[graph.outputs[0]]
    return output.axes.index(class_axis(output)) + output.batched


def _first(examples: Examples, count: int) -> Examples:
    """So many of them, spread over all by a fixed shuffle."""
    torch = import_torch()

    if not 0 < count < len(examples.x):
        return examples
    chosen = torch.randperm(len(examples.x), generator=torch.Generator().manual_seed(0))[:count].sort().values
    return type(examples)(examples.x[chosen], examples.y[chosen])


def optimiser_of(module: nn.Module, recipe: Recipe) -> Any:
    """The recipe's optimiser of a network's parameters; None for a network that has none."""
    torch = import_torch()

    parameters = list(module.parameters())
    if not parameters:
        return None
    groups = [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimiser == "sgd":
        nesterov = recipe.momentum > 0
        return torch.optim.SGD(groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=nesterov)
    made = torch.optim.AdamW if recipe.optimiser == "adamw" else torch.optim.Adam
    return made(groups, lr=recipe.learning_rate)


def _rate(recipe: Recipe, step: int, steps: int) -> float:
    """The learning rate of a step, as a share of its highest value."""
    rising = recipe.warmup * steps
    if step < rising:
        return (step + 1) / math.ceil(rising)
    if recipe.schedule == "constant":
        return 1.0
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1.0, steps - rising)))


def _batches(data: Fitted, recipe: Recipe, random: Any, epochs: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All batches of so many epochs."""
    torch = import_torch()

    count = len(data.train.x)
    size = min(recipe.batch_size, count)
    for _ in range(epochs):
        order = torch.randperm(count, generator=random)
        for at in range(0, count // size * size, size):
            chosen = order[at : at + size]
            yield _augmented(data.train.x[chosen], recipe, random), data.train.y[chosen]


def _augmented(x: Tensor, recipe: Recipe, random: Any) -> Tensor:
    torch = import_torch()

    if not x.is_floating_point():
        return x
    if recipe.flip and x.ndim == 4:
        turned = torch.rand(len(x), generator=random) < 0.5
        x = torch.where(turned[:, None, None, None], x.flip(-1), x)
    if recipe.shift and x.ndim in (3, 4):
        x = _shifted(x, recipe.shift, random)
    if recipe.noise:
        x = x + recipe.noise * torch.randn(x.shape, generator=random)
    return x


def _shifted(x: Tensor, most: int, random: Any) -> Tensor:
    """Every example moved along each of its axes of places by its own number, from `-most` to `most`."""
    torch = import_torch()

    for axis in range(2, x.ndim):
        size = x.shape[axis]
        moved = torch.arange(size) + torch.randint(-most, most + 1, (len(x), 1), generator=random)
        inside = (moved >= 0) & (moved < size)
        shape = [len(x), *[1] * (x.ndim - 1)]
        shape[axis] = size
        index = moved.clamp(0, size - 1).reshape(shape).expand(x.shape)
        x = x.gather(axis, index) * inside.reshape(shape)
    return x


def loss_of(output: Tensor, y: Tensor, axis: int, smoothing: float | None) -> Tensor:
    """Cross entropy where there is smoothing of classes (perhaps 0), else the mean squared error."""
    from torch.nn import functional

    if smoothing is None:
        return functional.mse_loss(output.reshape(y.shape), y)
    return functional.cross_entropy(output.movedim(axis, 1), y, label_smoothing=smoothing)


def _score(module: nn.Module, examples: Examples, axis: int, size: int) -> float:
    """Accuracy, or R2."""
    torch = import_torch()

    with torch.no_grad():
        output = torch.cat([module(examples.x[at : at + 4 * size]) for at in range(0, len(examples.x), 4 * size)])
    if not bool(torch.isfinite(output).all()):
        raise EvaluationError("nan", "an output is not finite")
    y = examples.y
    if not y.is_floating_point():
        return float((output.argmax(axis) == y).double().mean())
    y = y.double()
    residual = (output.double().reshape(y.shape) - y).square().sum()
    total = (y - y.mean(0)).square().sum()
    return float(1 - residual / total) if total > 0 else float("nan")
