"""Reference architectures: `<space>.refs/NAME.arch` beside a space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from einsyn.diagnostics import Diagnostic, Span, closest
from einsyn.errors import FileError, UsageError
from einsyn.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.architecture import Architecture
    from einsyn.grammar.model import Scalar
    from einsyn.space import Space


class References:
    """The reference architectures of a space.

    Args:
        file: the space's `.lark` file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._folder = file.with_suffix(".refs")

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, in alphabetical order."""
        return tuple(sorted(p.stem for p in self._folder.glob("*.arch")))

    def load(self, space: Space, name: str) -> Architecture:
        """The architecture of that name, in its space with the parameters and the input that it states.

        Args:
            space: the space as loaded; what was given then wins over the file.
            name: of the reference.

        Raises:
            UsageError: U004 there is none of that name.
            FileError: F007 a line of the file is not understood.
        """
        placed, text = self.text(space, name)
        return placed.parse(text)

    def text(self, space: Space, name: str) -> tuple[Space, str]:
        """The text of that name, parsed or not, and the space with what its file states; see `load`."""
        if name not in self.names:
            near = closest(name, self.names)
            hint = f"did you mean ref:{near}?" if near else f"there are {', '.join(self.names) or 'none'}"
            raise UsageError(Diagnostic("U004", f"`{space.name}` has no reference `{name}`", hint=hint))
        return place_architecture(space, self._file, self._folder / f"{name}.arch")


class Given(NamedTuple):
    """What was said when a space was loaded; it wins over what the file of an architecture says.

    Args:
        params: parameters of the space.
        inputs: input types by name, "" for the only one.
        profiled: keep the space's parameters and inputs as a profile set them.
    """

    params: Mapping[str, Scalar | str] = {}
    inputs: Mapping[str, str] = {}
    profiled: bool = False


def place_architecture(space: Space, space_file: Path, path: Path) -> tuple[Space, str]:
    """The text of an `.arch` file, and the space with the parameters and the input that the file states."""
    text, params, inputs = read_architecture(path)
    given = space.given
    if (params or inputs) and not given.profiled:
        from einsyn.loading import load

        placed = load(
            space_file,
            params={**space.params, **params, **given.params},
            input=given.inputs or inputs or {n: str(t) for n, t in space.inputs},
        )
        # What this file states is not to hide what another one does.
        placed.given, placed.limits = given, space.limits
        return placed, text
    return space, text


def read_architecture(path: Path) -> tuple[str, dict[str, str], dict[str, str]]:
    """The text of an `.arch` file, the parameters it sets and the inputs it states, by name.

    An input without a name has the name "".
    """
    source = read_text(path, "an architecture")
    params: dict[str, str] = {}
    inputs: dict[str, str] = {}
    text: list[str] = []
    for number, line in enumerate(source.splitlines(), 1):
        if not line.startswith("//@"):
            text.append(line)
            continue
        word, _, rest = line[3:].strip().partition(" ")
        rest = rest.strip()
        if word == "set" and "=" in rest:
            for part in rest.split():
                key, _, value = part.partition("=")
                params[key] = value
        elif word == "input" and rest:
            name, _, given = rest.rpartition("=")
            inputs[name.strip()] = given.strip()
        elif word != "cite":
            raise FileError(
                Diagnostic(
                    "F007",
                    f"`{line.strip()}` is not understood",
                    Span(str(path), number, 1),
                    hint="an .arch file has `//@ set NAME=VALUE`, `//@ input TYPE` and `//@ cite ...` lines",
                )
            )
    return "\n".join(text).strip(), params, inputs
