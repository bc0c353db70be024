"""A chooser for code that has nothing to choose."""

from __future__ import annotations

from typing import NoReturn

from einsyn.derivation.choosers import Chooser


class NoChooser(Chooser):
    """Refuses every choice; declarations do not depend on any."""

    def choose(self, rule: object, types: object, path: object) -> NoReturn:
        """Never called by code that is compiled without choices."""
        raise AssertionError("a declaration cannot depend on a choice of the grammar")
