"""An evaluation done again: the files of its network, and its values."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.evaluate.objective import STOPPED, EvaluationError, Portion, Repetition, evaluate
from einsyn.evaluate.randomness import contained
from einsyn.evaluate.training import Trained, Training
from einsyn.files import replacing
from einsyn.search.halving import halves
from einsyn.search.inheritance import KeptWeights
from einsyn.search.store import SEARCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import nn

    from einsyn.architecture import Architecture
    from einsyn.evaluate.objective import Result
    from einsyn.search.run import Run
    from einsyn.search.store import Confirmation, Evaluation

SOURCE: Final = ".py"
MODEL: Final = ".onnx"
WEIGHTS: Final = ".safetensors"


class Again(NamedTuple):
    """What an evaluation gives when it is done again.

    Args:
        architecture: the one evaluated.
        values: a number for each objective; None where it fails again, or was not to be evaluated.
        same: whether values of deterministic objectives are those that are stored; None where nothing can be compared.
        test: score on the test part, where it was trained and there is one.
        message: what was said about a failure.
    """

    architecture: Architecture
    values: tuple[float, ...] | None
    same: bool | None
    test: float | None
    message: str = ""


def do_again(
    run: Run, evaluation: Evaluation, files: Sequence[Path], *, score: bool = True, trained_only: bool = False
) -> Again:
    """Evaluate again in this process, and write the network: with its trained weights where it is trained.

    Args:
        run: with objectives that are prepared.
        evaluation: one of its evaluations.
        files: `.py` for torch source, `.onnx` for the model, `.safetensors` for its weights.
        score: whether to evaluate at all; without it weights are those of the initialisation.
        trained_only: whether only training is done again, for its weights; other values are those that are stored.

    Raises:
        FileError: a file cannot be written.
    """
    architecture = run.space.parse(evaluation.arch)
    seed = run.plan.seed
    module: nn.Module | None = None
    values: list[float] | None = [] if score else None
    test: float | None = None
    message = ""
    stopped = run.store.rungs(evaluation.arm, evaluation.number)[-1] if evaluation.status == STOPPED else None
    for place, objective in enumerate(run.objectives if score else ()):
        if isinstance(objective, Training):
            portion = None if stopped is None else Portion(stopped.epochs, None, None)
            trained = _trained(run, objective, architecture, evaluation, portion)
            if isinstance(trained, EvaluationError):
                values, message = None, trained.message
                break
            module, test, value = trained.module, trained.test, trained.valid
        elif trained_only and evaluation.values is not None:
            value = evaluation.values[place]
        else:
            result = evaluate([objective], architecture, seed)
            if result.values is None:
                values, message = None, result.message
                break
            value = result.values[0]
        assert values is not None
        values.append(value)
    for file in files:
        if file.suffix == MODEL:
            architecture.onnx(file, seed=seed, module=module)
        elif file.suffix == WEIGHTS:
            architecture.save_weights(file, module, seed=seed)
        else:
            with replacing(file) as stream:
                stream.write(architecture.source())
    again = tuple(values) if values is not None else None
    if stopped is not None and again is not None:
        said = f"after {stopped.epochs} epochs: {run.plan.names[0]} {again[0]:.6g}"
        return Again(architecture, None, again[0] == stopped.value, test, said)
    return Again(architecture, again, _same(run, evaluation, again) if score else None, test, message)


def _trained(
    run: Run, objective: Training, architecture: Architecture, evaluation: Evaluation, portion: Portion | None
) -> Trained | EvaluationError:
    seed = run.plan.seed
    inherited = run.plan.inherit and evaluation.arm == SEARCH
    with TemporaryDirectory() as scratch:
        parent = KeptWeights(run).of_parent(evaluation.parents, Path(scratch)) if inherited else None
        with contained(seed):
            try:
                return objective.train(architecture, seed, parent, portion, preserve=run.plan.preserve)
            except EvaluationError as error:
                return error


def _same(run: Run, evaluation: Evaluation, values: tuple[float, ...] | None) -> bool | None:
    if evaluation.values is None or values is None:
        # Time, memory and crashes depend on the machine; other failures come again.
        return values is None if evaluation.status == "nan" else None
    compared = [
        stored == now
        for objective, stored, now in zip(run.objectives, evaluation.values, values, strict=True)
        if objective.deterministic
    ]
    return all(compared) if compared else None


def confirm_again(run: Run, evaluation: Evaluation) -> list[tuple[Confirmation, Result]]:
    """Do the further trainings of an evaluation again in this process; none where it was not among the best."""
    if not run.plan.confirm:
        return []
    return [
        (
            each,
            evaluate(
                run.objectives, run.space.parse(each.arch), each.seed, repetition=Repetition(each.seed, each.fold)
            ),
        )
        for each in run.store.confirmations(evaluation.same)
    ]


def same_again(stored: Confirmation, now: Result) -> bool | None:
    """Whether a further training gave again what is stored; None where that depends on the machine."""
    if stored.value is None:
        return now.values is None if stored.status == "nan" else None
    return now.values == (stored.value,)


def record(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """An evaluation as JSON shows it; with what it scored on its way and in further trainings."""
    values = dict(zip(run.plan.names, evaluation.values, strict=True)) if evaluation.values is not None else None
    found: dict[str, Any] = {
        "id": evaluation.id,
        "arch": evaluation.arch,
        "status": evaluation.status,
        "values": values,
        "params": evaluation.params,
        "macs": evaluation.macs,
        "move": evaluation.move,
        "parents": list(evaluation.parents),
        "seconds": evaluation.seconds,
        "message": evaluation.message,
    }
    if halves(run.objectives) is not None:
        rungs = run.store.rungs(evaluation.arm, evaluation.number)
        found["rungs"] = [{"epochs": each.epochs, "value": each.value, "seconds": each.seconds} for each in rungs]
    if run.plan.confirm:
        rows = run.store.confirmations(evaluation.same)
        names = ("seed", "fold", "status", "value", "message", "seconds")
        found["confirmations"] = [{name: getattr(each, name) for name in names} for each in rows]
    return found
