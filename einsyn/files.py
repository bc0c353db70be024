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
    """Open a file beside `path` for writing and put it in place when all went well.

    Raises:
        FileError: F002 a directory, F009 it cannot be written; whatever stood at `path` is as it was.
    """
    target = Path(path)
    if target.is_dir():
        raise FileError(Diagnostic("F002", f"`{path}` is a directory", hint="name a file in it"))
    temporary: str | None = None
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:80]}.", suffix=".part")
        with os.fdopen(handle, mode, encoding=None if "b" in mode else "utf-8") as stream:
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        Path(temporary).chmod(0o666 & ~mask)
        Path(temporary).replace(target)
        temporary = None
    except OSError as error:
        raise FileError(
            Diagnostic("F009", f"`{path}` cannot be written: {error.strerror or error}", hint="check the folder")
        ) from None
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
