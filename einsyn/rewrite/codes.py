"""The stable codes of rewriting, each with its meaning."""

from __future__ import annotations

from typing import Final

CODES: Final[dict[str, str]] = {
    "R001": "rules undo one another for ever",
}
