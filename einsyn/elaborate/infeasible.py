"""Why a derivation is not an architecture: a value, raised only inside the elaborator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.diagnostics import Diagnostic

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.diagnostics import Span
    from einsyn.elaborate.values import Tensor


class Infeasible(Exception):
    """The cause that ended an elaboration. Cheap to make: text is put together only when it is shown.

    Args:
        code: T (types), V (values of definitions) or L (limits) and three digits.
        message: one sentence.
        hint: what to do about it.
        origin: the derivation node where it happened.
        span: the place in the grammar or definition.
        operands: the tensors involved.
    """

    def __init__(
        self,
        code: str,
        message: str,
        hint: str | None = None,
        origin: Choice | None = None,
        span: Span | None = None,
        operands: tuple[Tensor, ...] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.origin = origin
        self.span = span
        self.operands = operands
        self.histories: tuple[str, ...] = ()

    def diagnostic(self) -> Diagnostic:
        """The cause as a person would want to be told."""
        span = self.span
        path = None
        if self.origin is not None:
            path = str(self.origin)
            if self.origin.production is not None:
                span = self.origin.production.span
        return Diagnostic(self.code, self.message, span, path, evidence=self.histories, hint=self.hint)
