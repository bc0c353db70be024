"""What all pictures share: text that is safe and has a width, numbers in short, the document around it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple
from unicodedata import combining, east_asian_width

from einsyn.diagnostics import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

FONT: Final = "DejaVu Sans Mono, Menlo, Consolas, monospace"
# Width of a character of that font as a share of its size, a little more than it is.
_ADVANCE: Final = 0.61
_SUFFIXES: Final = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))


class Picture(NamedTuple):
    """A part of a drawing.

    Args:
        width, height: in pixels; it lies between 0 and these.
        elements: SVG, one element an item.
    """

    width: float
    height: float
    elements: list[str]


def escaped(text: str) -> str:
    """Text that stays text in SVG and HTML, in quoted attributes too, whatever a file says."""
    return escape(printable(text))


def shortened(text: str, most: int) -> str:
    """Text of at most so many characters; three dots stand for what is left out."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def text_width(text: str, size: float) -> float:
    """Pixels that a text takes in the font of drawings, a little more than less."""
    wide = sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)
    return wide * size * _ADVANCE


def short_number(value: float) -> str:
    """Three digits and a suffix: 1.23M."""
    for size, suffix in _SUFFIXES:
        if value >= 0.9995 * size:
            return f"{value / size:.3g}{suffix}"
    return f"{value:.3g}"


def moved(picture: Picture, x: float, y: float) -> list[str]:
    """The elements of a picture at another place."""
    return [f'<g transform="translate({x:g} {y:g})">', *picture.elements, "</g>"]


def document(picture: Picture, title: str, *, font: str = FONT, size: int = 12, style: str = "") -> str:
    """A whole SVG image on white.

    Args:
        picture: what it shows.
        title: its name, for programs and tooltips.
        font: of its text.
        size: of its text.
        style: rules in CSS for the classes of its elements.
    """
    return "\n".join([*element(picture, title, font=font, size=size, style=style), ""])


def element(
    picture: Picture, title: str, *, font: str = FONT, size: int = 12, style: str = "", background: bool = True
) -> Sequence[str]:
    """The lines of an `svg` element: see `document`."""
    width, height = f"{picture.width:g}", f"{picture.height:g}"
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="{escape(font)}" font-size="{size}">',
        f"<title>{escaped(title)}</title>",
        *([f"<style>\n{style.strip()}\n</style>"] if style else []),
        *([f'<rect width="{width}" height="{height}" fill="white"/>'] if background else []),
        *picture.elements,
        "</svg>",
    ]
