"""What running a command line leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple


class Done(NamedTuple):
    """What a command left."""

    status: int
    out: str
    err: str

    def records(self) -> list[dict[str, Any]]:
        """Its JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]

    def findings(self) -> list[dict[str, Any]]:
        """The JSON lines on stderr that are diagnostics."""
        found = [json.loads(line) for line in self.err.splitlines()]
        return [record for record in found if "code" in record]


Command = Callable[..., Done]
