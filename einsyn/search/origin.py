"""Where a space comes from, so that another process, or the same run later, loads the same one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from einsyn.diagnostics import Diagnostic
from einsyn.elaborate.limits import Limits
from einsyn.errors import FileError, RunError
from einsyn.files import replacing
from einsyn.ir.parse_type import exact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.grammar.model import Scalar
    from einsyn.space import Space


class Origin(NamedTuple):
    """What `einsyn.load` is given to load a space again.

    Args:
        file: its `.lark` file.
        inputs: types by name.
        params: parameters that were set.
        limits: in force, every one of them.
        digest: of the space's files.
    """

    file: str
    inputs: dict[str, str]
    params: dict[str, Scalar]
    limits: dict[str, int | None]
    digest: str

    @classmethod
    def of(cls, space: Space) -> Origin:
        """Where a loaded space comes from."""
        inputs = {name: exact(t) for name, t in space.inputs}
        file = str(Path(space.grammar.file).resolve())
        return cls(file, inputs, dict(space.settings), asdict(space.limits), space.grammar.digest)

    def load(self) -> Space:
        """The space, as it was."""
        from einsyn.loading import load

        space = load(Path(self.file), input=self.inputs, params=self.params)
        space.limits = Limits(**self.limits)
        return space

    def record(self) -> dict[str, Any]:
        """All of it, fit for JSON."""
        return self._asdict()


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Lay the files of a space out, those that are missing.

    Raises:
        RunError: Q002 one of them would lie elsewhere.
        FileError: F009 they cannot be written.
    """
    for name, text in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RunError(Diagnostic("Q002", f"`{folder}` names a file outside of it: `{name}`"))
        if path.is_file():
            continue
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            said = f"`{path.parent}` cannot be made: {error.strerror or error}"
            raise FileError(Diagnostic("F009", said, hint="check the folder")) from None
        with replacing(path) as stream:
            stream.write(text)
