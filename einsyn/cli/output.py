"""Where results go: stdout for results, stderr for messages, one JSON object a line with `--json`."""

from __future__ import annotations

import json
import math
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    from einsyn.diagnostics import Diagnostic


class ReaderGoneError(Exception):
    """Whoever read the results has closed the pipe; typer would turn BrokenPipeError into exit status 1."""


class Output:
    """How this run speaks. `as_json` is set by `--json` anywhere on the command line."""

    def __init__(self) -> None:
        self.as_json = False
        self.results: IO[str] | None = None

    def result(self, record: Mapping[str, Any], text: str) -> None:
        """One result: its JSON object, or the text for people."""
        self.line(json.dumps(finite(record), ensure_ascii=False) if self.as_json else text)

    def line(self, text: str) -> None:
        """One line of results."""
        stream = self.results or sys.stdout
        try:
            stream.write(text + "\n")
        except BrokenPipeError:
            raise ReaderGoneError from None

    def message(self, text: str, record: Mapping[str, Any] | None = None) -> None:
        """Something about the run, on stderr."""
        shown = json.dumps(finite(record)) if self.as_json and record is not None else text
        sys.stdout.flush()
        sys.stderr.write(shown + "\n")

    def diagnostics(self, found: tuple[Diagnostic, ...]) -> None:
        """Findings, on stderr."""
        for diagnostic in found:
            self.message(diagnostic.render(), diagnostic.as_json())

    @contextmanager
    def to(self, path: Path | None) -> Generator[None]:
        """Send results to a file, whole or not at all, instead of stdout."""
        if path is None:
            yield
            return
        from einsyn.files import replacing

        with replacing(path) as stream:
            self.results = stream
            try:
                yield
            finally:
                self.results = None


def finite(value: Any) -> Any:
    """JSON has no infinity: a number that is not finite becomes null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in cast("list[Any]", value)]
    return value


OUTPUT = Output()
