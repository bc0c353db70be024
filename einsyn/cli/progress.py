"""One line on stderr that says how far a long command is."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Final

from einsyn.cli.output import OUTPUT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

# Seconds between two lines, on a terminal and elsewhere.
_LIVE: Final = 0.2
_LOGGED: Final = 15.0


class StatusLine:
    """A line that is rewritten on a terminal, and written now and then elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty() and not OUTPUT.as_json
        self._shown = time.monotonic()

    def show(self, say: Callable[[], tuple[str, Mapping[str, Any]]]) -> None:
        """Show the line if it is time.

        Args:
            say: the line for people, and what `--json` says instead.
        """
        now = time.monotonic()
        if now - self._shown < (_LIVE if self._live else _LOGGED):
            return
        self._shown = now
        text, record = say()
        if self._live:
            OUTPUT.say(f"\r\x1b[K{text}")
        else:
            OUTPUT.message(text, {"progress": record})

    def end(self) -> None:
        """Leave the line."""
        if self._live:
            OUTPUT.say("\r\x1b[K")


def clock(seconds: float) -> str:
    """A time as people read it: 1:02, or 2:00:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
