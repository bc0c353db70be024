"""Running the command line inside the test process, as the `einsyn` script does."""

from __future__ import annotations

import pytest
from command_line import Command, Done

from einsyn.cli.main import run


@pytest.fixture
def einsyn(capfd: pytest.CaptureFixture[str]) -> Command:
    """`einsyn("sample", "einspace")` runs that command line."""

    def command(*arguments: str) -> Done:
        capfd.readouterr()
        status = run(list(arguments))
        out, err = capfd.readouterr()
        return Done(status, out, err)

    return command
