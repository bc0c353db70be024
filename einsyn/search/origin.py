"""Where a space comes from, so that another process, or the same run later, loads the same one."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from einsyn.elaborate.limits import Limits
from einsyn.ir.parse_type import exact

if TYPE_CHECKING:
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
