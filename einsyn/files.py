"""Reading and writing files so that nothing surprises: clear refusals, and writes that are whole or not there."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, NoReturn

from einsyn.diagnostics import Diagnostic, closest
from einsyn.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Generator

    from einsyn.diagnostics import Span

MAX_TEXT_BYTES: Final = 4_000_000


def check_file(path: str | Path, what: str, span: Span | None = None, hint: str | None = None) -> int:
    """The size in bytes of a regular file.

    Args:
        path: the file.
        what: what it should be, for the message (`an architecture`).
        span: the place that names the file, if one does.
        hint: what to say of a file that is not a regular one.

    Raises:
        FileError: F001 missing, F002 a directory, F003 not a regular file, F006 unreadable.
    """

    def refuse(code: str, problem: str, hint: str) -> NoReturn:
        raise FileError(Diagnostic(code, f"`{path}` {problem}", span, hint=hint))

    try:
        status = Path(path).stat()
    except FileNotFoundError:
        near = _near(Path(path))
        refuse("F001", "does not exist", f"did you mean `{near}`?" if near else "check the path")
    except (OSError, ValueError) as error:
        refuse("F006", f"cannot be read: {_reason(error)}", "check the path, and who may read and write there")
    if stat.S_ISDIR(status.st_mode):
        refuse("F002", f"is a directory, not {what}", "name a file in it")
    if not stat.S_ISREG(status.st_mode):
        refuse("F003", "is not a regular file", hint or "name a file")
    return status.st_size


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)


def read_text(path: str | Path, what: str, span: Span | None = None) -> str:
    """The text of a regular UTF-8 file of bounded size.

    Args:
        path: the file.
        what: what it should be, for the message (`an architecture`).
        span: the place that names the file, if one does.

    Raises:
        FileError: F001 missing, F002 a directory, F003 not a regular file, F004 too large, F005 not UTF-8 text,
            F006 unreadable.
    """
    form = f"{what} is a text file in UTF-8"

    def refuse(code: str, problem: str, hint: str = form) -> NoReturn:
        raise FileError(Diagnostic(code, f"`{path}` {problem}", span, hint=hint))

    size = check_file(path, what, span, form)
    if size > MAX_TEXT_BYTES:
        refuse("F004", f"has {size:,} bytes; the limit is {MAX_TEXT_BYTES:,}")
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        refuse("F006", f"cannot be read: {_reason(error)}", "check the path, and who may read and write there")
    if b"\0" in data:
        refuse("F005", "is a binary file")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        refuse("F005", f"is not UTF-8 text (line {line})")


def _near(path: Path) -> str | None:
    """The file beside a missing one that was most likely meant."""
    try:
        names = [p.name for p in path.parent.iterdir()]
    except OSError:
        return None
    return closest(path.name, names)


@contextmanager
def replacing(path: str | Path, mode: str = "w") -> Generator[IO[Any]]:
    """Open a file for writing that takes the place of the one at `path` when all went well.

    Links are followed. A pipe or a device has nothing to keep: it is written to as it is.

    Raises:
        FileError: F002 a directory, F009 it cannot be written; a file that stood at `path` is as it was.
    """
    try:
        kind = _kind(path)
        if kind == stat.S_IFDIR:
            raise FileError(Diagnostic("F002", f"`{path}` is a directory", hint="name a file in it"))
        in_place = kind not in (None, stat.S_IFREG)
        with _directly(path, mode) if in_place else _beside(Path(os.path.realpath(path)), mode) as stream:
            yield stream
    except OSError as error:
        raise FileError(
            Diagnostic("F009", f"`{path}` cannot be written: {_reason(error)}", hint="check the path")
        ) from None


def _kind(path: str | Path) -> int | None:
    """What stands at a path, links followed, as `stat` names it; None for nothing."""
    try:
        return stat.S_IFMT(os.stat(path).st_mode)
    except FileNotFoundError:
        return None
    except ValueError as error:  # no name of a file at all
        raise OSError(str(error)) from None


def _directly(path: str | Path, mode: str) -> IO[Any]:
    # Without O_CREAT: what has gone in the meantime is not made a regular file.
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_NOCTTY), mode, **_form(mode))


@contextmanager
def _beside(target: Path, mode: str) -> Generator[IO[Any]]:
    """A file beside another one, which it replaces in the end; it is removed if something goes wrong."""
    temporary: str | None = None
    try:
        # The start of the name, which may have four bytes a character, leaves room for what is added.
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:40]}.", suffix=".part")
        with os.fdopen(handle, mode, **_form(mode)) as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(target)
        temporary = None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def _form(mode: str) -> dict[str, Any]:
    """How text is written: in UTF-8, and what UTF-8 cannot hold (bytes of a file name that are no text) escaped."""
    return {} if "b" in mode else {"encoding": "utf-8", "errors": "backslashreplace"}
