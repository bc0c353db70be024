"""A run of a search: a folder with a store, its space, and a lock.

RUN/run.sqlite   what the run is, and every finished evaluation
RUN/space/       the files of the space, as they were; the run is continued with these
RUN/lock         held by the process that works on it
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Diagnostic, encodable
from einsyn.errors import FileError, RunError
from einsyn.evaluate.objective import differences
from einsyn.search.confirming import check_confirming
from einsyn.search.front import Front
from einsyn.search.halving import check_halving
from einsyn.search.origin import Origin, write_files
from einsyn.search.plan import Plan
from einsyn.search.store import SEARCH, Store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.evaluate.objective import Objective
    from einsyn.search.store import Evaluation
    from einsyn.space import Space

STORE: Final = "run.sqlite"
_LOCK: Final = "lock"
SPACE: Final = "space"


class Run:
    """A run that is stored in a folder. `create` and `open_` give one; close it, or use it in `with`.

    Args:
        folder: where it is.
        store: its store.
        space: loaded from the files in the folder.
        plan: what it does.
        objectives: prepared.
    """

    def __init__(
        self, folder: Path, store: Store, space: Space, plan: Plan, objectives: Sequence[Objective], lock: int | None
    ) -> None:
        self.folder = folder
        self.store = store
        self.space = space
        self.plan = plan
        self.objectives = objectives
        self._lock = lock

    @classmethod
    def create(cls, folder: Path, space: Space, plan: Plan, objectives: Sequence[Objective]) -> Run:
        """Begin a run in a folder that has none.

        Args:
            folder: made if it is not there.
            space: what to search, with its limits.
            plan: what to do; its `objectives` are filled in.
            objectives: what to ask; prepared here.

        Raises:
            RunError: Q001 the folder holds a run, Q003 another process works on it, Q005 it cannot be written.
            DataError: an objective does not fit the space.
            UsageError: Q007 the strategy cannot be made, Q015 the recipe asks for halving and this does not allow it,
                Q016 its best cannot be confirmed.
        """
        from einsyn.versions import versions

        for objective in objectives:
            objective.prepare(space)
        plan = plan.with_(objectives=[objective.recipe() for objective in objectives])
        for arm in (SEARCH, "random"):
            strategy = plan.make_strategy(space, arm)  # what is wrong is said before anything is written
            check_halving(plan, objectives, strategy.samples)
        check_confirming(plan, objectives)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = f"`{folder}` cannot be made: {error.strerror or error}"
            raise FileError(Diagnostic("F009", said, hint="check the folder")) from None
        lock = _locked(folder)
        try:
            store = Store(folder / STORE)
            if store.begun:
                store.close()
                said = f"`{folder}` holds a run already"
                hint = f"go on with it: einsyn search --resume {folder}; or name another folder"
                raise RunError(Diagnostic("Q001", said, hint=hint))
            # Other files are named by a grammar, which is UTF-8; the grammar's own name may be anything.
            files = {encodable(name): text for name, text in space.grammar.files.items()}
            write_files(folder / SPACE, files)
            origin = Origin.of(space)._replace(file=encodable(Path(space.grammar.file).name))
            facts = {
                "plan": plan.record(),
                "origin": origin.record(),
                "versions": versions("einsyn", "torch", "scikit-learn"),
                "title": space.title or space.name,
            }
            store.begin(facts, files)
        except BaseException:  # the lock goes whatever happens, and what happened goes on
            os.close(lock)
            raise
        return cls(folder, store, _load(folder, origin), plan, objectives, lock)

    @classmethod
    def open_(cls, folder: Path, *, write: bool = False) -> Run:
        """A run that was begun.

        Args:
            folder: where it is.
            write: whether it is to go on; reading needs no lock.

        Raises:
            RunError: Q002 there is no run or it is damaged, Q003 another process works on it, Q004 data sets or tables
                are not those that it was begun with.
        """
        if not os.path.isfile(folder / STORE):
            said = f"`{folder}` holds no run"
            raise RunError(Diagnostic("Q002", said, hint="einsyn search SPACE ... -o RUN begins one"))
        lock = _locked(folder) if write else None
        store = None
        try:
            store = Store(folder / STORE)
            if not store.begun:
                said = f"`{folder}` holds a run that was never begun"
                raise RunError(Diagnostic("Q002", said, hint="begin it again: einsyn search SPACE ... -o RUN"))
            facts = store.facts()
            try:
                plan, origin = Plan.read(facts["plan"]), Origin(**facts["origin"])
            except (KeyError, TypeError, ValueError):
                said = f"`{folder / STORE}` does not say what the run is"
                raise RunError(Diagnostic("Q002", said, hint="begin a new run in another folder")) from None
            write_files(folder / SPACE, store.files())
            space = _load(folder, origin)
            objectives = plan.make_objectives()
            if write:
                _prepare(folder, space, plan, objectives)
        except BaseException:  # the lock goes whatever happens, and what happened goes on
            if store is not None:
                store.close()
            if lock is not None:
                os.close(lock)
            raise
        return cls(folder, store, space, plan, objectives, lock)

    def close(self) -> None:
        """Close the store and give up the lock; safe to do twice."""
        self.store.close()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prepare(self) -> None:
        """Read what objectives need; a run that is open for writing has done so. Raises Q004, DataError."""
        _prepare(self.folder, self.space, self.plan, self.objectives)

    # How it stands.

    @property
    def budget(self) -> int | None:
        """Evaluations of each arm, with what was added since the run was begun."""
        return self.store.facts().get("budget", self.plan.budget)

    def extend(self, more: int) -> int:
        """Add to the budget; the new one, which counts from what is there if only time bounded the run."""
        known = self.budget
        done = sum(1 for _ in self.store.evaluations(SEARCH)) if known is None else known
        self.store.state("budget", done + more)
        return done + more

    @property
    def reproducible(self) -> bool:
        """Whether the same plan gives the same run; time has no part in it."""
        return self.plan.seconds is None and not self.store.facts().get("timed", False)

    def not_reproducible(self) -> None:
        """Note that time had a part in it."""
        self.store.state("timed", True)

    # What is known.

    def scores(self, evaluation: Evaluation) -> tuple[float, ...] | None:
        """The values of an evaluation as strategies get them: more is better."""
        if evaluation.values is None:
            return None
        return tuple(o.score(v) for o, v in zip(self.objectives, evaluation.values, strict=True))

    def front(self, arm: str = SEARCH) -> list[Evaluation]:
        """What nothing else in an arm beats: the best one, or with several objectives the Pareto front."""
        found: Front[Evaluation] = Front()
        for evaluation in self.store.evaluations(arm):
            scores = self.scores(evaluation)
            if scores is not None:
                found.add(scores, evaluation)
        return found.items()

    def find(self, id_: str) -> Evaluation:
        """The evaluation that people call `12`, or `random:12`. Raises RunError Q006."""
        arm, _, number = id_.rpartition(":")
        found = None
        if number.isascii() and number.isdigit() and len(number) < 16:
            found = self.store.find(arm or SEARCH, int(number))
        if found is None:
            hint = "evaluations are numbered from 0, those of the baseline random:0; `einsyn export RUN` lists them"
            raise RunError(Diagnostic("Q006", f"`{self.folder}` has no evaluation `{id_}`", hint=hint))
        return found

    def lineage(self, evaluation: Evaluation) -> Iterator[Evaluation]:
        """An evaluation and all that it was made from, each once, the latest first."""
        waiting, seen = {evaluation.number}, set[int]()
        while waiting:
            number = max(waiting)
            waiting.discard(number)
            seen.add(number)
            found = self.store.find(evaluation.arm, number)
            if found is not None:
                yield found
                waiting.update(set(found.parents) - seen)


def _locked(folder: Path) -> int:
    """A descriptor that holds the lock; it is given up when the process ends, however that happens."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        said = f"`{folder}` cannot be written: {error.strerror or error}"
        raise RunError(Diagnostic("Q005", said, hint="check the folder")) from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        said = f"another process is working on `{folder}`"
        raise RunError(Diagnostic("Q003", said, hint="wait until it has ended, or end it")) from None
    return descriptor


def _load(folder: Path, origin: Origin) -> Space:
    space = origin._replace(file=str(folder / SPACE / origin.file)).load()
    if space.grammar.digest != origin.digest:
        said = f"the space in `{folder / SPACE}` is not the one that the run was begun with"
        raise RunError(Diagnostic("Q004", said, hint="remove that folder: the run has a copy"))
    return space


def _prepare(folder: Path, space: Space, plan: Plan, objectives: Sequence[Objective]) -> None:
    """Prepare objectives, and refuse data that changed since the run was begun."""
    for objective, known in zip(objectives, plan.objectives, strict=True):
        objective.prepare(space)
        other = differences(objective, known)
        if other:
            said = f"`{folder}` was begun with another {objective.name}"
            raise RunError(Diagnostic("Q004", said, evidence=other, hint="begin a new run"))
