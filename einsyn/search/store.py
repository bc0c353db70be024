"""The store of a run: one SQLite file in which every finished evaluation is durable at once."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

from einsyn.diagnostics import Diagnostic
from einsyn.errors import RunError
from einsyn.evaluate.objective import STOPPED

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping
    from pathlib import Path

# Of the tables below; a store of another version is refused.
VERSION: Final = 1
SEARCH, BASELINE = "search", "random"

_TABLES: Final = (
    "CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE files (path TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE batches (
  arm TEXT NOT NULL, number INTEGER NOT NULL, asked INTEGER NOT NULL, PRIMARY KEY (arm, number)
) WITHOUT ROWID""",
    """CREATE TABLE evaluations (
  arm TEXT NOT NULL,        -- the search itself, or the random search of equal budget
  number INTEGER NOT NULL,  -- of the proposal, from 0
  arch TEXT NOT NULL,       -- canonical text
  same TEXT NOT NULL,       -- equal for architectures of which only one is evaluated
  parents TEXT NOT NULL,    -- JSON list of numbers of the same arm
  move TEXT NOT NULL,
  params INTEGER NOT NULL,
  macs INTEGER NOT NULL,
  status TEXT NOT NULL,     -- done, or how it failed
  result TEXT,              -- JSON list of a number for each objective
  message TEXT NOT NULL,
  seconds REAL,             -- that the evaluation took, NULL where it was remembered
  PRIMARY KEY (arm, number)
) WITHOUT ROWID""",
    """CREATE TABLE rungs (
  arm TEXT NOT NULL, number INTEGER NOT NULL,
  epochs INTEGER NOT NULL,  -- for which it had been trained
  value REAL NOT NULL,
  seconds REAL,             -- since the rung before, NULL where it was remembered
  PRIMARY KEY (arm, number, epochs)
) WITHOUT ROWID""",
    """CREATE TABLE confirmations (
  same TEXT NOT NULL,       -- as of the evaluations that it confirms
  number INTEGER NOT NULL,  -- from 1
  arch TEXT NOT NULL,       -- what was trained
  seed INTEGER NOT NULL, fold INTEGER NOT NULL,
  status TEXT NOT NULL, value REAL, message TEXT NOT NULL, seconds REAL NOT NULL,
  PRIMARY KEY (same, number)
) WITHOUT ROWID""",
    "CREATE INDEX by_same ON evaluations (same) WHERE seconds IS NOT NULL",
)
_COLUMNS: Final = "arm, number, arch, same, parents, move, params, macs, status, result, message, seconds"


class Evaluation(NamedTuple):
    """A finished evaluation.

    Args:
        arm: `search`, or `random` for the baseline.
        number: of the proposal in its arm, from 0.
        arch: canonical text.
        same: equal for architectures of which only one is evaluated: a text, or a canonical form.
        parents: numbers, in the same arm, of what it was made from.
        move: what made it.
        params: learned scalars.
        macs: multiply-accumulates.
        status: `done`, or how it failed.
        values: a number for each objective, None where it failed.
        message: what was said about a failure.
        seconds: that the evaluation took; None where an earlier one was remembered.
    """

    arm: str
    number: int
    arch: str
    same: str
    parents: tuple[int, ...]
    move: str
    params: int
    macs: int
    status: str
    values: tuple[float, ...] | None
    message: str
    seconds: float | None

    @property
    def failed(self) -> bool:
        """Whether it has no value, other than because it was stopped early."""
        return self.values is None and self.status != STOPPED

    @property
    def id(self) -> str:
        """What people call it: `12`, or `random:12` in the baseline."""
        return str(self.number) if self.arm == SEARCH else f"{self.arm}:{self.number}"


class Rung(NamedTuple):
    """What a training scored on its way.

    Args:
        arm: as of the evaluation.
        number: likewise.
        epochs: for which the network had been trained.
        value: of the objective then.
        seconds: that it took since the rung before; None where an earlier one was remembered.
    """

    arm: str
    number: int
    epochs: int
    value: float
    seconds: float | None


class Confirmation(NamedTuple):
    """Another training of what was among the best.

    Args:
        same: as of the evaluations that it confirms.
        number: which training of it, from 1.
        arch: canonical text of what was trained.
        seed: of everything random in it.
        fold: which part of the examples judged.
        status: `done`, or how it failed.
        value: of the objective; None where it failed.
        message: what was said about a failure.
        seconds: that it took.
    """

    same: str
    number: int
    arch: str
    seed: int
    fold: int
    status: str
    value: float | None
    message: str
    seconds: float


class Store:
    """The SQLite file of a run.

    Args:
        path: the file; made if it is not there.

    Raises:
        RunError: Q002 it is no store, Q005 it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._guarded():
            self._connection = sqlite3.connect(path, isolation_level=None)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
        # Whether it says what the run is; a process may have been killed before it did.
        self.begun = version != 0
        if self.begun and version != VERSION:
            self.close()
            said = f"`{path}` is a store of version {version}, this einsyn writes version {VERSION}"
            raise RunError(Diagnostic("Q002", said, hint="use the einsyn that wrote it"))

    def close(self) -> None:
        """Close the file; safe to do twice."""
        self._connection.close()

    @contextmanager
    def _guarded(self) -> Generator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            hint = "what was evaluated is kept: make room, and go on with --resume"
            raise RunError(Diagnostic("Q005", f"`{self.path}` cannot be written: {error}", hint=hint)) from error
        except sqlite3.DatabaseError as error:
            raise RunError(
                Diagnostic("Q002", f"`{self.path}` is damaged: {error}", hint="name the folder of a run")
            ) from error

    @contextmanager
    def _transaction(self) -> Generator[None]:
        with self._guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._connection.execute("COMMIT")
            except BaseException:  # nothing of it stays, whatever happens, Ctrl-C too
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise

    # What the run is.

    def begin(self, facts: Mapping[str, Any], files: Mapping[str, str]) -> None:
        """Make the tables and write what the run is: all of it or nothing."""
        with self._transaction():
            for statement in _TABLES:
                self._connection.execute(statement)
            for name, value in facts.items():
                self._connection.execute("INSERT INTO facts VALUES (?, ?)", (name, json.dumps(value, sort_keys=True)))
            self._connection.executemany("INSERT INTO files VALUES (?, ?)", list(files.items()))
            self._connection.execute(f"PRAGMA user_version = {VERSION}")
        self.begun = True

    def state(self, name: str, value: Any) -> None:
        """Write a fact that changes while the run goes on."""
        with self._transaction():
            text = json.dumps(value, sort_keys=True)
            self._connection.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, text))

    def facts(self) -> dict[str, Any]:
        """What the run is and how it stands."""
        with self._guarded():
            rows = self._connection.execute("SELECT name, value FROM facts").fetchall()
        return {name: json.loads(value) for name, value in rows}

    def files(self) -> dict[str, str]:
        """The files of the space, by their path in it."""
        with self._guarded():
            return dict(self._connection.execute("SELECT path, text FROM files ORDER BY path").fetchall())

    # Batches and evaluations.

    def asked(self, arm: str, batch: int) -> int | None:
        """How many proposals a batch asked for, if it was begun."""
        query = "SELECT asked FROM batches WHERE arm = ? AND number = ?"
        with self._guarded():
            row = self._connection.execute(query, (arm, batch)).fetchone()
        return row[0] if row else None

    def ask(self, arm: str, batch: int, asked: int) -> None:
        """Note that a batch begins."""
        with self._transaction():
            self._connection.execute("INSERT INTO batches VALUES (?, ?, ?)", (arm, batch, asked))

    def batches(self, arm: str) -> list[int]:
        """How many proposals each batch of an arm asked for, in order."""
        with self._guarded():
            query = "SELECT asked FROM batches WHERE arm = ? ORDER BY number"
            return [row[0] for row in self._connection.execute(query, (arm,)).fetchall()]

    def add(self, evaluation: Evaluation) -> None:
        """Keep a finished evaluation; it is durable when this returns."""
        row = evaluation._replace(
            parents=cast("Any", json.dumps(evaluation.parents)),
            values=cast("Any", None if evaluation.values is None else json.dumps(evaluation.values)),
        )
        with self._transaction():
            self._connection.execute(f"INSERT INTO evaluations ({_COLUMNS}) VALUES ({', '.join('?' * len(row))})", row)

    def add_rung(self, rung: Rung) -> None:
        """Keep what a training scored on its way; it is durable when this returns."""
        with self._transaction():
            self._connection.execute("INSERT INTO rungs VALUES (?, ?, ?, ?, ?)", rung)

    def rungs(self, arm: str, number: int) -> list[Rung]:
        """What an evaluation scored on its way, the shortest first."""
        query = "SELECT arm, number, epochs, value, seconds FROM rungs WHERE arm = ? AND number = ? ORDER BY epochs"
        with self._guarded():
            return [Rung(*row) for row in self._connection.execute(query, (arm, number)).fetchall()]

    def epochs(self, arm: str) -> int:
        """How many epochs an arm has been trained for, as far as it came to a rung."""
        query = (
            "SELECT coalesce(sum(most), 0) FROM (SELECT max(epochs) AS most FROM rungs "
            "WHERE arm = ? AND seconds IS NOT NULL GROUP BY number)"
        )
        with self._guarded():
            return self._connection.execute(query, (arm,)).fetchone()[0]

    def add_confirmation(self, confirmation: Confirmation) -> None:
        """Keep another training of what was among the best; it is durable when this returns."""
        with self._transaction():
            places = ", ".join("?" * len(confirmation))
            self._connection.execute(f"INSERT INTO confirmations VALUES ({places})", confirmation)

    def confirmations(self, same: str) -> list[Confirmation]:
        """The further trainings of what is the same, in order."""
        with self._guarded():
            query = "SELECT * FROM confirmations WHERE same = ? ORDER BY number"
            return [Confirmation(*row) for row in self._connection.execute(query, (same,)).fetchall()]

    def find(self, arm: str, number: int) -> Evaluation | None:
        """An evaluation by its number."""
        return self._one("arm = ? AND number = ?", (arm, number))

    def remembered(self, same: str) -> Evaluation | None:
        """What was evaluated for all that is the same."""
        return self._one("same = ? AND seconds IS NOT NULL", (same,))

    def _one(self, condition: str, values: tuple[Any, ...]) -> Evaluation | None:
        with self._guarded():
            query = f"SELECT {_COLUMNS} FROM evaluations WHERE {condition} LIMIT 1"
            row = self._connection.execute(query, values).fetchone()
        return None if row is None else _evaluation(row)

    def evaluations(self, arm: str | None = None) -> Iterator[Evaluation]:
        """All evaluations, by arm and number."""
        condition, values = ("WHERE arm = ?", (arm,)) if arm else ("", ())
        with self._guarded():
            query = f"SELECT {_COLUMNS} FROM evaluations {condition} ORDER BY arm DESC, number"
            yield from map(_evaluation, self._connection.execute(query, values))

    def counts(self) -> dict[tuple[str, str, bool], int]:
        """How many evaluations there are by arm, status, and whether they were remembered."""
        query = "SELECT arm, status, seconds IS NULL, count(*) FROM evaluations GROUP BY 1, 2, 3"
        with self._guarded():
            rows: Iterable[Any] = self._connection.execute(query).fetchall()
        return {(arm, status, bool(remembered)): count for arm, status, remembered, count in rows}


def _evaluation(row: tuple[Any, ...]) -> Evaluation:
    found = Evaluation(*row)
    return found._replace(
        parents=tuple(json.loads(row[4])), values=None if row[9] is None else tuple(json.loads(row[9]))
    )
