"""Reads the files of a space, and only files that belong to it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NoReturn

from einsyn.diagnostics import Diagnostic, Span, closest
from einsyn.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.report import Report

MAX_BYTES: Final = 4_000_000


class Sources:
    """Finds and reads the files that a space takes in.

    A file may only be taken in from the folder of the space (or one below it) or from the folders of
    shipped files, also after symbolic links are followed.

    Args:
        main: the file of the space.
        search: folders of shipped files.
        report: gets the text of every file, as evidence.
    """

    def __init__(self, main: Path, search: Sequence[Path], report: Report) -> None:
        self._report = report
        self._search = [Path(p) for p in search]
        self._roots = [_resolved(p) for p in (main.parent, *self._search)]
        self._texts: dict[Path, str] = {}
        self._digest = hashlib.sha256()

    def add(self, path: Path, text: str) -> None:
        """Make the text of a file part of the space."""
        self._texts[_resolved(path)] = text
        self._report.add_source(str(path), text)
        data = text.encode("utf-8", "surrogatepass")
        self._digest.update(b"%d:" % len(data) + data)

    @property
    def digest(self) -> str:
        """First 16 hex digits of the SHA-256 of everything read so far."""
        return self._digest.hexdigest()[:16]

    def read(self, path: Path, span: Span | None = None) -> str:
        """The text of a file; read once."""
        resolved = _resolved(path)
        if resolved not in self._texts:
            self.add(path, read_text(path, span))
        return self._texts[resolved]

    def find(self, name: str, beside: Path, span: Span, suffixes: Sequence[str], what: str) -> Path:
        """The file that `use` or `%import` names: beside the file that names it, else a shipped one."""
        if os.path.isabs(name) or "\\" in name or "\0" in name or name.startswith("~"):
            self._report.fail(
                "G070",
                f"`{name}` is not a path relative to the space",
                span,
                "put the file beside the space and write its name",
            )
        if not name.endswith(tuple(suffixes)):
            self._report.fail(
                "G071",
                f"`{name}` is not a {' or '.join(suffixes)} file",
                span,
                f"{what} takes {' and '.join(suffixes)} files only",
            )
        folders = [beside.parent, *self._search]
        for folder in folders:
            candidate = folder / name
            if os.path.lexists(candidate):
                if not any(_resolved(candidate).is_relative_to(root) for root in self._roots):
                    self._outside(name, span)
                return candidate
            if not any(_resolved(candidate).is_relative_to(root) for root in self._roots):
                self._outside(name, span)
        near = closest(name, (p.name for f in folders if f.is_dir() for s in suffixes for p in f.glob(f"*{s}")))
        hint = f"did you mean `{near}`?" if near else "it is looked for beside the file that names it"
        self._report.fail("G072", f"`{name}` does not exist", span, hint)

    def _outside(self, name: str, span: Span) -> NoReturn:
        self._report.fail(
            "G073",
            f"`{name}` lies outside the folder of the space",
            span,
            "a space takes in files of its own folder only; copy it there",
        )


def read_text(path: Path, span: Span | None = None) -> str:
    """The text of a regular UTF-8 file of bounded size; anything else is a FileError."""
    shown = str(path)
    try:
        status = os.stat(path)
        if stat.S_ISDIR(status.st_mode):
            _fail("F002", f"{shown} is a directory", "give the file of the space", span)
        if not stat.S_ISREG(status.st_mode):
            _fail("F003", f"{shown} is not a regular file", None, span)
        if status.st_size > MAX_BYTES:
            _fail("F004", f"{shown} has {status.st_size:,} bytes; the limit is {MAX_BYTES:,}", None, span)
        data = path.read_bytes()
    except FileNotFoundError:
        near = _near(path)
        _fail("F001", f"{shown} does not exist", f"did you mean `{near}`?" if near else None, span)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        _fail("F006", f"{shown} cannot be read: {reason}", None, span)
    if b"\0" in data:
        _fail("F005", f"{shown} is a binary file", "a space is a text file in UTF-8", span)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        _fail("F005", f"{shown} is not UTF-8 text (line {line})", "save it as UTF-8", span)


def _near(path: Path) -> str | None:
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        return None
    return closest(path.name, names)


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no name of a file at all
        return path.absolute()


def _fail(code: str, message: str, hint: str | None, span: Span | None) -> NoReturn:
    raise FileError(Diagnostic(code, message, span, hint=hint))
