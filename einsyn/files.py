"""Reading and writing files so that nothing surprises: clear refusals, and writes that are whole or not there."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError

if TYPE_CHECKING:
    from collections.abc import Generator

MAX_TEXT_BYTES: Final = 16 * 2**20


def read_text(path: str | Path, what: str) -> str:
    """The text of a file.

    Args:
        path: the file.
        what: what it should be, for the message (`an architecture`).

    Raises:
        FileError: F001 missing, F002 a directory, F004 too large, F005 not UTF-8 text, F006 unreadable.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise FileError(Diagnostic("F002", f"`{path}` is a directory, not {what}", hint="name a file in it"))
        with file.open("rb") as stream:
            data = stream.read(MAX_TEXT_BYTES + 1)
    except FileNotFoundError:
        raise FileError(Diagnostic("F001", f"there is no file `{path}`", hint="check the path")) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileError(Diagnostic("F006", f"`{path}` cannot be read: {reason}")) from None
    if len(data) > MAX_TEXT_BYTES:
        raise FileError(Diagnostic("F004", f"`{path}` is larger than {MAX_TEXT_BYTES} bytes"))
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileError(
            Diagnostic("F005", f"`{path}` is not UTF-8 text (byte {error.start})", hint=f"{what} is a text file")
        ) from None
    if "\0" in text:
        raise FileError(Diagnostic("F005", f"`{path}` is a binary file", hint=f"{what} is a text file"))
    return text


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
