"""A table of known results as an objective."""

from __future__ import annotations

import csv
import hashlib
import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

from einsyn.diagnostics import Diagnostic, Span
from einsyn.errors import DataError, FileError
from einsyn.evaluate.objective import EvaluationError, Objective
from einsyn.files import read_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.architecture import Architecture
    from einsyn.space import Space

_COLUMNS: Final = ("arch", "value")


class Table(Objective):
    """`table:FILE`: JSON lines or CSV with `arch` (canonical text) and `value`; what is not in it fails as `missing`.

    Args:
        file: `.csv`, or JSON lines.
        maximise: whether more is better.
    """

    light = True

    def __init__(self, file: str | Path, maximise: bool | None = None) -> None:
        super().__init__(maximise)
        self.file = str(file)
        self._values: dict[str, float] | None = None
        self._digest = ""

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_values": None}

    @property
    def name(self) -> str:
        # The same wherever a run goes on.
        return f"table:{Path(self.file).resolve()}"

    def prepare(self, space: Space) -> None:
        if self._values is None:
            self._values, self._digest = read_table(self.file)

    def recipe(self) -> dict[str, Any]:
        return {**super().recipe(), "digest": self._digest}

    def evaluate(self, architecture: Architecture, seed: int) -> float:
        if self._values is None:
            self.prepare(architecture.space)
        assert self._values is not None
        value = self._values.get(architecture.text)
        if value is None:
            raise EvaluationError("missing", f"{Path(self.file).name} has no row for it")
        return value


def read_table(file: str) -> tuple[dict[str, float], str]:
    """The values by text, and the first 16 hex digits of the SHA-256 of the file.

    Raises:
        FileError: it cannot be read.
        DataError: E005 a row lacks a column, has no number, or contradicts another.
    """
    text = _text(file)
    rows = _csv_rows(file, text) if Path(file).suffix.lower() == ".csv" else _json_rows(file, text)
    found: dict[str, float] = {}
    for line, arch, value in rows:
        if found.setdefault(arch, value) != value and not (math.isnan(value) and math.isnan(found[arch])):
            _refuse(file, line, "there are two values for one architecture")
    if not found:
        _refuse(file, 1, "there are no rows")
    return found, hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(file: str) -> str:
    """Tables may be larger than the texts that people write."""
    path = Path(file)
    try:
        if path.is_file():
            return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise FileError(Diagnostic("F005", f"`{file}` is not UTF-8 text", hint="CSV or JSON lines")) from None
    except OSError:
        pass
    return read_text(path, "a table")


def _json_rows(file: str, text: str) -> Iterator[tuple[int, str, float]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            record: Any = json.loads(line)
        except (ValueError, RecursionError):
            _refuse(file, number, "the line is no JSON object")
        if not isinstance(record, dict):
            _refuse(file, number, "the line is no JSON object")
        yield number, *_row(file, number, record)


def _csv_rows(file: str, text: str) -> Iterator[tuple[int, str, float]]:
    reader = csv.DictReader(text.splitlines(), strict=True)
    try:
        for record in reader:
            yield reader.line_num, *_row(file, reader.line_num, record)
    except csv.Error as error:
        _refuse(file, reader.line_num, str(error))


def _row(file: str, line: int, record: Any) -> tuple[str, float]:
    for column in _COLUMNS:
        if record.get(column) is None:
            _refuse(file, line, f"the row has no `{column}`")
    arch, value = record["arch"], record["value"]
    try:
        if not isinstance(arch, str) or isinstance(value, bool):
            raise ValueError
        return arch, float(value)
    except (TypeError, ValueError):
        _refuse(file, line, f"`arch` is a text and `value` a number, not {value!r}"[:200])


def _refuse(file: str, line: int, message: str) -> NoReturn:
    hint = 'rows are {"arch": "...", "value": 0.93}, or lines of a CSV file with the columns arch and value'
    raise DataError(Diagnostic("E005", message, Span(file, line, 1), hint=hint))
