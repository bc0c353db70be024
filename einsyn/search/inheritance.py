"""The weights that children of a run begin with: one file an evaluation, as long as it may have children.

RUN/weights/NUMBER.safetensors
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError, RunError
from einsyn.evaluate.objective import EvaluationError, Lineage
from einsyn.evaluate.randomness import contained
from einsyn.evaluate.training import Training
from einsyn.search.store import SEARCH

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from einsyn.search.run import Run
    from einsyn.search.store import Evaluation

_FOLDER: Final = "weights"


class KeptWeights:
    """The files of weights of a run.

    Only the search itself has them; in the baseline nothing is made from anything. A file is there before its
    evaluation is stored, and goes when the strategy says that the architecture will have no more children, unless it or
    a child of it is among what nothing beats: those are looked at again when the search has ended.

    Args:
        run: whose plan says `inherit`.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._folder = run.folder / _FOLDER
        self._kept: set[int] = set()

    def lineage(self, number: int, parents: Sequence[int]) -> Lineage:
        """Where an evaluation takes weights from, and where it leaves its own.

        Raises:
            FileError: F009 the folder cannot be made.
            RunError: Q012 the parent's weights are gone and cannot be made again.
        """
        try:
            self._folder.mkdir(exist_ok=True)
        except OSError as error:
            said = f"`{self._folder}` cannot be made: {error.strerror or error}"
            raise FileError(Diagnostic("F009", said, hint="check the folder")) from None
        return Lineage(self.of_parent(parents, self._folder), self._file(number), self._run.plan.preserve)

    def check(self, number: int) -> None:
        """See that an evaluation has left its weights. Raises RunError Q012."""
        if not self._file(number).is_file():
            said = f"`{self._file(number)}` cannot be written"
            hint = "what was evaluated is kept: make room, and go on with --resume"
            raise RunError(Diagnostic("Q012", said, hint=hint))

    def prune(self, told: Sequence[int], living: Collection[int] | None, front: Sequence[Evaluation]) -> None:
        """Remove the weights of what will have no more children.

        Args:
            told: numbers of what the strategy has just been told of.
            living: what later proposals may be made from; None for anything.
            front: what nothing beats.
        """
        self._kept.update(told)
        if living is None:
            return
        needed = {*living, *(number for each in front for number in (each.number, *each.parents[:1]))}
        for number in sorted(self._kept - needed):
            self._file(number).unlink(missing_ok=True)
            self._kept.discard(number)

    def of_parent(self, parents: Sequence[int], scratch: Path) -> Path | None:
        """The weights that the first parent ended with, None if there is no parent.

        Where they are not kept any more, the parent is trained again, and before it its own parent, and so on back to
        one whose weights are there, or that has no parent.

        Args:
            parents: numbers of proposals; a second one gave a subtree and no weights.
            scratch: where weights go that are made again.

        Raises:
            RunError: Q012 an ancestor is not stored, or fails now.
        """
        lost: list[int] = []
        start: Path | None = None
        while parents and start is None:
            if self._file(parents[0]).is_file():
                start = self._file(parents[0])
            else:
                lost.append(parents[0])
                parents = self._stored(parents[0]).parents
        return self._trained(lost[::-1], start, scratch) if lost else start

    def _trained(self, line: Sequence[int], start: Path | None, scratch: Path) -> Path | None:
        """Train a line of ancestors again, the oldest first; returns the weights of the last."""
        training = next(o for o in self._run.objectives if isinstance(o, Training))
        seed = self._run.plan.seed
        for number in line:
            architecture = self._run.space.parse(self._stored(number).arch)
            with contained(seed):
                try:
                    trained = training.train(architecture, seed, start, preserve=self._run.plan.preserve)
                except EvaluationError as error:
                    said = f"evaluation {number}, whose weights are needed, fails when it is done again"
                    hint = "this machine or its versions are not those of the run"
                    raise RunError(Diagnostic("Q012", said, evidence=(error.message,), hint=hint)) from None
            start = scratch / self._file(number).name
            architecture.save_weights(start, trained.module)
        return start

    def _stored(self, number: int) -> Evaluation:
        found = self._run.store.find(SEARCH, number)
        if found is None:
            said = f"evaluation {number}, whose weights are needed, is not stored"
            raise RunError(Diagnostic("Q012", said, hint="begin a new run in another folder"))
        return found

    def _file(self, number: int) -> Path:
        return self._folder / f"{number}.safetensors"
