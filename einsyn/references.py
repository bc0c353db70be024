"""Reference architectures: `<space>.refs/NAME.arch` beside a space."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic, Span, closest
from einsyn.errors import FileError, UsageError
from einsyn.files import read_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.architecture import Architecture
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

    def load(
        self,
        space: Space,
        name: str,
        *,
        params: Mapping[str, str] | None = None,
        inputs: Mapping[str, str] | None = None,
        limits: Mapping[str, int | None] | None = None,
        profiled: bool = False,
    ) -> Architecture:
        """The architecture of that name, in its space with the parameters and the input that it states.

        Args:
            space: the space as loaded.
            name: of the reference.
            params: parameters that win over the file's.
            inputs: input types that win over the file's.
            limits: for the architecture.
            profiled: keep the space's parameters and input as they are.

        Raises:
            UsageError: U004 there is none of that name.
            FileError: F007 a line of the file is not understood.
        """
        if name not in self.names:
            near = closest(name, self.names)
            hint = f"did you mean ref:{near}?" if near else f"there are {', '.join(self.names) or 'none'}"
            raise UsageError(Diagnostic("U004", f"`{space.name}` has no reference `{name}`", hint=hint))
        text, stated_params, stated_inputs = read_architecture(self._folder / f"{name}.arch")
        if (stated_params or stated_inputs) and not profiled:
            from einsyn.loading import load

            space = load(
                self._file,
                params={**space.params, **stated_params, **(params or {})},
                input=inputs or stated_inputs or {n: str(t) for n, t in space.inputs},
            )
        return space.parse(text, **(limits or {}))


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
