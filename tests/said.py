"""Command lines in this process, and what they said."""

from __future__ import annotations

import pytest

from einsyn.cli.main import run


class Said:
    """Runs a command line and keeps what it said."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self._capfd = capfd
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._capfd.readouterr()
        status = run(list(arguments))
        self.out, self.err = self._capfd.readouterr()
        return status
