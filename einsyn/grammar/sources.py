"""Reads the files of a space, and only files that belong to it."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from einsyn.diagnostics import Span, closest
from einsyn.files import read_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.report import Report


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

    def files(self) -> dict[str, str]:
        """The text of everything read so far by its path in the folder of the space, or of shipped files.

        What comes with Lark is left out. Written into a folder, these files are the space again.
        """
        found: dict[str, str] = {}
        for path, text in self._texts.items():
            root = next((r for r in self._roots if path.is_relative_to(r)), None)
            if root is not None:
                found.setdefault(path.relative_to(root).as_posix(), text)
        return found

    def read(self, path: Path, span: Span | None = None) -> str:
        """The text of a file; read once."""
        resolved = _resolved(path)
        if resolved not in self._texts:
            self.add(path, read_text(path, "a space", span))
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


def _resolved(path: Path) -> Path:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or no name of a file at all
        return path.absolute()
