"""Options and arguments that several commands share, and how they become a space and an architecture."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError, UsageError

if TYPE_CHECKING:
    from einsyn.architecture import Architecture
    from einsyn.space import Space

SpaceArgument = Annotated[str, typer.Argument(metavar="SPACE", help="A shipped space or a .lark file.")]
ArchArgument = Annotated[str, typer.Argument(metavar="ARCH", help="Text, @FILE, - for standard input, or ref:NAME.")]
InputOption = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="TYPE", help="Input, as c:3,h:32,w:32 or 3x32x32; NAME=TYPE if there are several."),
]
SetOption = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Set a parameter of the space.")
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", metavar="NAME", help="Apply a profile of the space, such as test.")
]
# What every generator takes, torch's too, with the seed of a recipe added to it.
_SEEDS = range(-(2**63), 2**63)


def _seed(value: int) -> int:
    if value not in _SEEDS:
        raise typer.BadParameter(f"a seed has 64 bits, {value} has more")
    return value


SeedOption = Annotated[int, typer.Option("--seed", callback=_seed, help="Seed; the same seed gives the same result.")]
MaxParams = Annotated[str | None, typer.Option(metavar="N", help="Most learned scalars, such as 2e6.")]
MaxMacs = Annotated[str | None, typer.Option(metavar="N", help="Most multiply-accumulates.")]
MaxMemory = Annotated[
    str | None, typer.Option(metavar="N", help="Most bytes of activations and weights, such as 1GiB.")
]
MaxOps = Annotated[str | None, typer.Option(metavar="N", help="Most operations.")]
MaxDepth = Annotated[str | None, typer.Option(metavar="N", help="Most productions on a path.")]
MaxSize = Annotated[str | None, typer.Option(metavar="N", help="Most productions.")]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write results here.")]

_UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "k": 10**3, "M": 10**6, "G": 10**9}


def whole_number(name: str, text: str) -> int:
    """A bound as people write it: 5000, 2e6, 1.5M, 2GiB."""
    digits, factor = text, 1
    for unit, size in _UNITS.items():
        if text.endswith(unit):
            digits, factor = text[: -len(unit)], size
            break
    try:
        from fractions import Fraction

        if len(digits) > 40 or len(digits.lower().partition("e")[2]) > 4:
            raise ValueError
        value = Fraction(digits) * factor
    except (ValueError, ZeroDivisionError):
        value = None
    if value is None or value < 0 or value.denominator != 1:
        raise UsageError(
            Diagnostic(
                "U009", f"{name} must be a whole number of 0 or more, not `{text}`", hint="write 5000, 2e6 or 2GiB"
            )
        )
    return int(value)


def duration(text: str) -> float:
    """Seconds of a time as people write it: 90, 90s, 10m, 2h.

    Raises:
        UsageError: U023 it is no time.
    """
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*([smh]?)", text.strip())
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if seconds <= 0:
        raise UsageError(Diagnostic("U023", f"--time needs a time, not `{text}`", hint="--time 90s, 10m or 2h"))
    return seconds


def limits(**given: str | None) -> dict[str, int | None]:
    """Bounds from the command line, by name."""
    return {name: whole_number(f"--{name.replace('_', '-')}", text) for name, text in given.items() if text is not None}


def pairs(option: str, given: list[str] | None) -> dict[str, str]:
    """NAME=VALUE options as a dictionary."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                Diagnostic("U014", f"{option} needs NAME=VALUE, not `{text}`", hint=f"{option} classes=100")
            )
        if name.strip() in found:
            raise UsageError(Diagnostic("U014", f"{option} gives {name.strip()} twice", hint="give it once"))
        found[name.strip()] = value.strip()
    return found


def inputs(given: list[str] | None) -> dict[str, str]:
    """--input options: one type, or NAME=TYPE each."""
    found: dict[str, str] = {}
    for text in given or []:
        name, equals, value = text.partition("=")
        key, type_ = (name.strip(), value.strip()) if equals else ("", text.strip())
        if key in found:
            raise UsageError(Diagnostic("U014", f"--input gives {key or 'a type'} twice", hint="give it once"))
        found[key] = type_
    return found


def space_of(
    space: str, input_: list[str] | None, set_: list[str] | None, profile: str | None, bounds: dict[str, int | None]
) -> Space:
    """The space that a command line names."""
    from einsyn.loading import load

    return load(space, input=inputs(input_), params=pairs("--set", set_), profile=profile, **bounds)


def architecture_of(
    space: str,
    arch: str,
    input_: list[str] | None,
    set_: list[str] | None,
    profile: str | None,
    bounds: dict[str, int | None],
) -> Architecture:
    """The architecture that a command line names; what it says wins over what a reference file says."""
    placed, text = placed_text(space, arch, input_, set_, profile, bounds)
    return placed.parse(text)


def placed_text(
    space: str,
    arch: str,
    input_: list[str] | None,
    set_: list[str] | None,
    profile: str | None,
    bounds: dict[str, int | None],
) -> tuple[Space, str]:
    """The text that a command line names, parsed or not, and the space that it belongs to."""
    from einsyn.references import place_architecture

    loaded = space_of(space, input_, set_, profile, bounds)
    if arch.startswith("ref:"):
        return loaded.references.text(loaded, arch[4:])
    if arch.startswith("@"):
        from einsyn.loading import find_space

        return place_architecture(loaded, find_space(space)[0], Path(arch[1:]))
    return loaded, architecture_text(arch)


def architecture_text(arch: str) -> str:
    """The text of an ARCH argument: itself, or standard input for `-`."""
    if arch == "-":
        try:
            data = sys.stdin.buffer.read()
        except OSError as error:
            said = f"standard input cannot be read: {error.strerror or error}"
            raise FileError(Diagnostic("F006", said, hint="check where it comes from")) from None
        try:
            return data.decode("utf-8-sig").strip()
        except UnicodeDecodeError:
            raise FileError(
                Diagnostic("F005", "standard input is not UTF-8 text", hint="an architecture is a text")
            ) from None
    return arch
