"""The search spaces that come with einsyn."""

from __future__ import annotations

from pathlib import Path


def grammars_folder() -> Path:
    """Where the shipped `.lark` files are: inside the installed package, or beside it in a checkout."""
    inside = Path(__file__).parent / "grammars"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "grammars"


def shipped_spaces() -> dict[str, Path]:
    """Names and files of the shipped spaces, in alphabetical order."""
    return {p.stem: p for p in sorted(grammars_folder().glob("*.lark"))}


def title_of(file: Path) -> str:
    """What a space's `//@ title` line says, without loading the space."""
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("//@ title "):
            return line.removeprefix("//@ title ").strip()
    return file.stem
