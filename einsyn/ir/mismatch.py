"""The signal of a type rule that does not apply."""

from __future__ import annotations


class Mismatch(Exception):
    """A type rule does not hold for its operands.

    Raised by type rules and caught by the elaborator, which adds the place and the operands and turns
    it into a value: an infeasible draw never reaches users as an exception.
    """

    def __init__(self, code: str, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
