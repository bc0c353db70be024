"""What an objective is, and one evaluation with all that can go wrong in it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal, NamedTuple

from einsyn.evaluate.randomness import contained

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from einsyn.architecture import Architecture
    from einsyn.space import Space

# How an evaluation fails: no finite number, no answer in time, out of memory, the process died, an exception; nothing
# is known of the architecture; it does not meet a requirement; others of its batch were better before it was done.
FailureKind = Literal["nan", "timeout", "memory", "crash", "exception", "missing", "refused", "stopped"]
STOPPED: Final = "stopped"

# Characters of a failure's message that are kept.
_MESSAGE: Final = 2_000


class EvaluationError(Exception):
    """An evaluation has no value; recorded, and no end of a search.

    Args:
        kind: how it failed.
        message: in words.
    """

    def __init__(self, kind: FailureKind, message: str) -> None:
        self.kind: FailureKind = kind
        self.message = message
        super().__init__(message)


class Lineage(NamedTuple):
    """Where an evaluation takes weights from, and where it leaves them.

    Args:
        parent: a file of the weights that the architecture's parent ended with; None if it has no parent.
        own: the file that gets those that this evaluation ends with.
        preserve: begin with what the parent computes, where weights for that are found.
    """

    parent: Path | None
    own: Path
    preserve: bool = False


class Portion(NamedTuple):
    """A part of a training.

    Args:
        epochs: after which it pauses, counted from the beginning, and is scored.
        before: a file of the state in which it paused before; None to begin.
        after: the file that gets the state in which it pauses; None if it will not go on.
    """

    epochs: int
    before: Path | None
    after: Path | None


class Repetition(NamedTuple):
    """Another evaluation of what was evaluated, where each is one draw of many.

    Args:
        seed: of everything random in it.
        fold: which part of the examples judges; 0 for the validation part.
    """

    seed: int
    fold: int


class Objective(ABC):
    """Gives an architecture a number. Everything it needs is in its fields, so that it can be sent to a worker.

    Args:
        maximise: whether more is better; by default what `better` says.
    """

    # Whether more is better, unless told otherwise.
    better: ClassVar[Literal["more", "less"]] = "more"
    # Whether equal architectures and seeds give equal numbers.
    deterministic: ClassVar[bool] = True
    # Whether it takes no time and cannot fail in any way that ends a process.
    light: ClassVar[bool] = False
    # Whether other work on the machine changes it.
    alone: ClassVar[bool] = False
    # Whether it is the same for all networks of one canonical form, not only for one text.
    of_function: ClassVar[bool] = False
    # Whether it makes use of a parent's weights, and has some to leave.
    inherits: ClassVar[bool] = False

    def __init__(self, maximise: bool | None = None) -> None:
        self.maximise = self.better == "more" if maximise is None else maximise

    @property
    @abstractmethod
    def name(self) -> str:
        """What it is called on the command line and in results."""

    @property
    def looks_at(self) -> str | None:
        """The data set whose examples it looks at, if any."""
        return None

    @abstractmethod
    def evaluate(self, architecture: Architecture, seed: int) -> float:
        """The number of an architecture.

        Args:
            architecture: well typed.
            seed: of everything random in it. torch's, numpy's and Python's own generators are seeded with it too, and
                are afterwards as they were before.

        Raises:
            EvaluationError: it has none, and how that came about.
        """

    def evaluate_child(self, architecture: Architecture, seed: int, lineage: Lineage) -> float:
        """As `evaluate`, for an architecture that may begin with the weights of its parent.

        Where its own weights cannot be written there is no file, and whoever asked for it says so.
        """
        return self.evaluate(architecture, seed)

    def prepare(self, space: Space) -> None:  # noqa: B027  # there is something to do for some only
        """Read what is needed, and check that it fits the space; called once before evaluations.

        Raises:
            DataError: it does not.
        """

    def recipe(self) -> dict[str, Any]:
        """All that the number depends on beside architecture and seed, for the record of a run; fit for JSON."""
        return {"objective": self.name, "maximise": self.maximise}

    def score(self, value: float) -> float:
        """The number as a strategy wants it: more is better."""
        return value if self.maximise else -value


class InPortions(Objective):
    """An objective that can pause and go on, as training does."""

    @abstractmethod
    def evaluate_portion(self, architecture: Architecture, seed: int, portion: Portion) -> float:
        """As `evaluate`, up to a point from which it may go on.

        A state that cannot be read is made again from the beginning; one that cannot be written is missed by nobody.
        """


class Repeatable(Objective):
    """An objective whose number is one draw of many, as of a training."""

    @property
    @abstractmethod
    def folds(self) -> int:
        """How many parts of the examples may judge; asked when it is prepared."""

    @abstractmethod
    def evaluate_repetition(self, architecture: Architecture, repetition: Repetition) -> float:
        """As `evaluate`, with another seed and on another part of the examples."""


def differences(objective: Objective, known: Mapping[str, Any]) -> tuple[str, ...]:
    """What a prepared objective depends on that is not as a recipe says."""
    now = objective.recipe()
    return tuple(f"{key}: {known[key]}, now {now.get(key)}" for key in sorted(known) if now.get(key) != known[key])


class Result(NamedTuple):
    """What came of an evaluation.

    Args:
        values: a number for each objective, or None where one failed.
        failure: how it failed, or None.
        message: what was said about that.
    """

    values: tuple[float, ...] | None
    failure: FailureKind | None = None
    message: str = ""


def evaluate(
    objectives: Sequence[Objective], architecture: Architecture, seed: int, lineage: Lineage | None = None,
    portion: Portion | None = None, repetition: Repetition | None = None,
) -> Result:  # fmt: skip
    """Ask all objectives, in order, until one fails. Only what ends the process is not caught."""
    values: list[float] = []
    for objective in objectives:
        try:
            with contained(seed if repetition is None else repetition.seed):
                if repetition is not None:
                    assert isinstance(objective, Repeatable), f"{objective.name} is not repeated"
                    value = float(objective.evaluate_repetition(architecture, repetition))
                elif portion is not None:
                    assert isinstance(objective, InPortions), f"{objective.name} is not done in portions"
                    value = float(objective.evaluate_portion(architecture, seed, portion))
                elif lineage is not None and objective.inherits:
                    value = float(objective.evaluate_child(architecture, seed, lineage))
                else:
                    value = float(objective.evaluate(architecture, seed))
        except EvaluationError as error:
            return _failed(objective, error.kind, error.message)
        except SystemExit as error:  # in a worker it would end the process, in this one the search
            return _failed(objective, "crash", f"it asked to exit with {error.code!r}")
        except MemoryError as error:
            return _failed(objective, "memory", str(error) or "out of memory")
        except Exception as error:  # whatever a network, a runtime or a function of the user's raises is a result
            return _failed(
                objective, "memory" if _is_memory(error) else "exception", f"{type(error).__name__}: {error}"
            )
        if not math.isfinite(value):
            return _failed(objective, "nan", f"the value is {value}")
        values.append(value)
    return Result(tuple(values))


def _failed(objective: Objective, kind: FailureKind, message: str) -> Result:
    return Result(None, kind, f"{objective.name}: {message}"[:_MESSAGE])


def _is_memory(error: Exception) -> bool:
    """Torch says with an exception of its own that an allocation failed, on a CPU with a plain RuntimeError."""
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
