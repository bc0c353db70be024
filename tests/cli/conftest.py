"""Running the command line inside the test process, as the `einsyn` script does."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from einsyn.cli.main import run


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


@pytest.fixture
def einsyn(capfd: pytest.CaptureFixture[str]) -> Command:
    """`einsyn("sample", "einspace")` runs that command line."""

    def command(*arguments: str) -> Done:
        capfd.readouterr()
        status = run(list(arguments))
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return command
