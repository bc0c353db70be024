"""Why something does not fit: a type rule that does not hold, or what makes a derivation infeasible."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    # Written out only when somebody reads it: most draws fail, and nobody looks at why.
    Text = str | Callable[[], str]


class Reason(Exception):
    """A code, one sentence, and what to do about it.

    Args:
        code: see `einsyn.codes`.
        message: the sentence, or a function that writes it.
        hint: the same for what to do.
    """

    def __init__(self, code: str, message: Text, hint: Text | None = None) -> None:
        super().__init__()
        self.code = code
        self.texts = (message, hint)

    @property
    def message(self) -> str:
        """The sentence."""
        message = self.texts[0]
        return message if isinstance(message, str) else message()

    @property
    def hint(self) -> str | None:
        """What to do about it, if anything is known."""
        hint = self.texts[1]
        return hint if hint is None or isinstance(hint, str) else hint()

    def __str__(self) -> str:
        return self.message


class Mismatch(Reason):
    """A type rule does not hold for its operands.

    Raised by type rules and caught by the elaborator, which adds the place and the operands and turns
    it into a value: an infeasible draw never reaches users as an exception.
    """

    def kept(self) -> Mismatch:
        """The same without the frames that it was raised in."""
        return Mismatch(self.code, *self.texts)
