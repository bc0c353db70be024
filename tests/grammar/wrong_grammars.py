"""Wrong search spaces, each with the code, line, column and a part of the message that it must give.

Line 1 is `//@ einsyn 1` unless the text brings its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Wrong(NamedTuple):
    """A wrong grammar and the first diagnostic that it gives."""

    name: str
    text: str
    code: str
    line: int
    column: int
    message: str


CASES: Final = [
