"""Where results go: stdout for results, stderr for messages, one JSON object a line with `--json`."""

from __future__ import annotations

import json
import math
import os
import sys
from contextlib import contextmanager, suppress
from typing import IO, TYPE_CHECKING, Any, cast

from einsyn.diagnostics import Diagnostic, encodable
from einsyn.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path


class ReaderGoneError(Exception):
    """Whoever read the results has closed the pipe; typer would turn BrokenPipeError into exit status 1."""


class Output:
    """How this run speaks. `as_json` is set by `--json` anywhere on the command line."""

    def __init__(self) -> None:
        self.as_json = False
        self.results: IO[str] | None = None

    def begin(self, as_json: bool) -> None:
        """Speak for one command line."""
        self.as_json = as_json
        fill_closed_streams()
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:  # a stream in memory has no encoding
            # JSON is UTF-8 wherever it is written; for people, what their encoding lacks is escaped.
            reconfigure(encoding="utf-8" if as_json else None, errors="backslashreplace")

    def result(self, record: Mapping[str, Any], text: str) -> None:
        """One result: its JSON object, or the text for people."""
        self.line(json.dumps(finite(record), ensure_ascii=False) if self.as_json else text)

    def line(self, text: str) -> None:
        """One line of results."""
        whole = encodable(text) + "\n"
        if self.results is not None:
            self.results.write(whole)
            return
        with standard_output() as stream:
            stream.write(whole)

    def flush(self) -> None:
        """Hand over the results so far. Raises as `standard_output`."""
        with standard_output() as stream:
            stream.flush()

    def message(self, text: str, record: Mapping[str, Any] | None = None) -> None:
        """Something about the run, on stderr."""
        shown = json.dumps(finite(record)) if self.as_json and record is not None else text
        self.flush()
        self.say(shown + "\n")

    def say(self, text: str) -> None:
        """Text on stderr, as it is. Where nobody can be told, nothing is said."""
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except OSError:
            _discard(sys.stderr)

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


@contextmanager
def standard_output() -> Generator[IO[str]]:
    """Standard output, to write to.

    Raises:
        ReaderGoneError: whoever read it has closed the pipe.
        FileError: F009 it cannot be written.
    """
    stream = sys.stdout
    try:
        yield stream
    except BrokenPipeError:
        _discard(stream)
        raise ReaderGoneError from None
    except OSError as error:
        _discard(stream)
        said = f"standard output cannot be written: {error.strerror or error}"
        raise FileError(Diagnostic("F009", said, hint="check where it goes")) from None


def _discard(stream: IO[str]) -> None:
    """Let what a stream still holds go nowhere: Python flushes it at exit, and would fail once more."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def fill_closed_streams() -> None:
    """Put streams that refuse everything where standard streams were closed, which Python shows as None.

    They hold the numbers of those as well: the next file to be opened would get them, and all that C libraries print.
    """
    for name, mode, refusing in (
        ("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_RDONLY)
    ):  # fmt: skip
        if getattr(sys, name) is None:
            handle = os.open(os.devnull, refusing)
            # It stays open as long as the process runs.
            setattr(sys, name, os.fdopen(handle, mode, 1, "utf-8", "backslashreplace", closefd=False))


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
