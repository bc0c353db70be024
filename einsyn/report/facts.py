"""What a run holds, read once, in the form in which it is told."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.search.confirming import confirmed
from einsyn.search.front import Front
from einsyn.search.store import BASELINE, SEARCH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.search.run import Run
    from einsyn.search.store import Evaluation

# Architectures of the best that are drawn, and ancestors that are listed.
_DRAWN: Final = 12
_ANCESTORS: Final = 60


class Failure(NamedTuple):
    """How evaluations of an arm failed.

    Args:
        arm: `search` or `random`.
        kind: of failure.
        evaluations: how many.
        ids: of the first ones.
        message: what was said about the first.
    """

    arm: str
    kind: str
    evaluations: int
    ids: tuple[str, ...]
    message: str


class Move(NamedTuple):
    """What became of the proposals of one move.

    Args:
        move: its name, `start`, or `sample` for what was drawn.
        proposed: how many.
        repeated: of these, known from an earlier evaluation.
        done: of these, with a value.
        better: of these, better in the first objective than every parent; None where none has a parent with a value.
        accepted: of those proposed, parents of later proposals.
    """

    move: str
    proposed: int
    repeated: int
    done: int
    better: int | None
    accepted: int


class Facts:
    """What a run holds.

    Args:
        run: open for reading; it may be unfinished, and may go on meanwhile.

    Attributes:
        arms: evaluations by arm, in order; the baseline is absent where there is none.
        front: what nothing else in the search beats; of one objective, what has the best score for its parameters.
        confirmed: the candidates of each arm as further trainings confirmed them; none where that was not done.
        best: the first of these, else of what nothing beats; None where nothing has a value.
        shown: the architectures that are drawn, the best first.
        lineage: the best one and its ancestors, the latest first, and how many older ones are left out.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.names = run.plan.names
        self.arms: dict[str, list[Evaluation]] = {SEARCH: list(run.store.evaluations(SEARCH))}
        if run.plan.baseline:
            self.arms[BASELINE] = list(run.store.evaluations(BASELINE))
        self.confirmed = {arm: confirmed(run, arm) for arm in self.arms}
        best = run.front()
        chosen = [each.evaluation for each in self.confirmed[SEARCH]] or best
        self.best = chosen[0] if chosen else None
        self.front = best if len(self.names) > 1 else self._by_params()
        self.shown = thinned(self.front, _DRAWN)
        if self.confirmed[SEARCH] and self.best is not None and self.best not in self.shown:
            self.shown.insert(0, self.best)
        ancestors = [] if self.best is None else list(run.lineage(self.best))
        self.lineage = ancestors[:_ANCESTORS]
        self.older = len(ancestors) - len(self.lineage)

    def score(self, evaluation: Evaluation) -> float | None:
        """The first objective of an evaluation, more is better."""
        scores = self.run.scores(evaluation)
        return None if scores is None else scores[0]

    def _by_params(self) -> list[Evaluation]:
        found: Front[Evaluation] = Front()
        for evaluation in self.arms[SEARCH]:
            score = self.score(evaluation)
            if score is not None:
                found.add((score, -float(evaluation.params)), evaluation)
        return found.items()

    def course(self, arm: str, objective: int) -> list[tuple[int, float]]:
        """The best value of an objective after so many evaluations: where it changes, and at the end."""
        better = self.run.objectives[objective].score
        found: list[tuple[int, float]] = []
        for count, evaluation in enumerate(self.arms[arm], 1):
            if evaluation.values is None:
                continue
            value = evaluation.values[objective]
            if not found or better(value) > better(found[-1][1]):
                found.append((count, value))
        if found and found[-1][0] < len(self.arms[arm]):
            found.append((len(self.arms[arm]), found[-1][1]))
        return found

    def failures(self) -> list[Failure]:
        """How evaluations failed, the commonest first."""
        found: list[Failure] = []
        for arm, evaluations in self.arms.items():
            kinds: dict[str, list[Evaluation]] = {}
            for evaluation in evaluations:
                if evaluation.failed:
                    kinds.setdefault(evaluation.status, []).append(evaluation)
            for kind, failed in sorted(kinds.items(), key=lambda item: (-len(item[1]), item[0])):
                ids = tuple(each.id for each in failed[:5])
                found.append(Failure(arm, kind, len(failed), ids, failed[0].message))
        return found

    def moves(self) -> list[Move]:
        """What became of proposals, by move, the commonest first."""
        evaluations = self.arms[SEARCH]
        scores = {each.number: self.score(each) for each in evaluations}
        parents = {number for each in evaluations for number in each.parents}
        found: list[Move] = []
        for move, count in sorted(Counter(each.move for each in evaluations).items(), key=lambda m: (-m[1], m[0])):
            mine = [each for each in evaluations if each.move == move]
            compared = [better for each in mine if (better := _better(each, scores)) is not None]
            found.append(
                Move(
                    move,
                    count,
                    sum(each.seconds is None for each in mine),
                    sum(each.values is not None for each in mine),
                    sum(compared) if compared else None,
                    sum(each.number in parents for each in mine),
                )
            )
        return found


def _better(evaluation: Evaluation, scores: dict[int, float | None]) -> bool | None:
    """Whether an evaluation is better than every parent that has a value; None if there is no such parent."""
    above = [score for number in evaluation.parents if (score := scores.get(number)) is not None]
    if not above:
        return None
    mine = scores[evaluation.number]
    return mine is not None and mine > max(above)


def thinned(items: Sequence[Evaluation], most: int) -> list[Evaluation]:
    """At most so many items, evenly spaced, the first among them."""
    if len(items) <= most:
        return list(items)
    return [items[i * len(items) // most] for i in range(most)]
