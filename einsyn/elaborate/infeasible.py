"""Why a derivation is not an architecture: a value, raised only inside the elaborator."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Diagnostic
from einsyn.elaborate.codes import LIMIT_CODES, VALUE_CODES
from einsyn.ir.mismatch import Reason

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.diagnostics import Span
    from einsyn.elaborate.values import Tensor
    from einsyn.errors import OpError
    from einsyn.ir.mismatch import Text

# What definitions that belong to the language have for a file.
LANGUAGE: Final = "the language"
_REQUIREMENT: Final = "V005"
# What to do where the one who raised it had nothing better to say.
_HINTS: Final = {
    "L002": "raise it with --max-params, or `//@ max_params` in the space",
    "L003": "raise it with --max-macs",
    "L004": "raise it with --max-memory, or `//@ max_memory` in the space",
    "L005": "raise it with --max-depth, or `//@ max_depth` in the space",
    "L006": "raise it with --max-size, or `//@ max_size` in the space",
    _REQUIREMENT: "change the architecture, or the `require` line",
    "T014": "make the shapes equal, or join them with `concat`",
    "T020": "make the sizes equal, or keep an axis of size 1 with `keep=true`",
    "T060": "change `//@ output`, or what `main` ends with",
}


def placed(error: OpError, origin: Choice | None, span: Span | None) -> OpError:
    """A mistake in an operation of the user's at the production where the operation is applied, where that is known."""
    if origin is None:
        return error
    return error.at(str(origin), span if origin.production is None else origin.production.span)


class Infeasible(Reason):
    """The cause that ended an elaboration. Cheap to make: text is put together only when it is shown.

    Args:
        code: T (types), V (values of definitions) or L (limits) and three digits.
        message: one sentence, or a function that writes it.
        hint: what to do about it.
        origin: the derivation node where it happened.
        span: the place in the grammar or definition.
        operands: the tensors involved.
    """

    def __init__(
        self,
        code: str,
        message: Text,
        hint: Text | None = None,
        origin: Choice | None = None,
        span: Span | None = None,
        operands: tuple[Tensor, ...] = (),
    ) -> None:
        super().__init__(code, message, hint)
        self.origin = origin
        self.span = span
        self.operands = operands

    @classmethod
    def of(
        cls,
        reason: Reason,
        origin: Choice | None = None,
        span: Span | None = None,
        operands: tuple[Tensor, ...] = (),
    ) -> Infeasible:
        """A reason as the cause of a failure at a place."""
        return cls(reason.code, *reason.texts, origin, span, operands)

    @property
    def is_limit(self) -> bool:
        """Whether a limit ended it, rather than types or values."""
        return self.code in LIMIT_CODES

    @property
    def inside(self) -> Span | None:
        """The place in a definition where it happened, if it did: limits have none, nor does the language itself."""
        production = self.origin.production if self.origin is not None else None
        span = self.span
        if span is None or production is None or span == production.span or span.file == LANGUAGE or self.is_limit:
            return None
        return span

    def diagnostic(self) -> Diagnostic:
        """The cause as a person would want to be told.

        The place is that of the production where it happened. A requirement that is not met is a place itself, and
        where a call or a value in a definition is wrong, its place is evidence.
        """
        span = self.span
        path = None
        evidence: tuple[str, ...] = ()
        if self.origin is not None:
            path = str(self.origin)
            production = self.origin.production
            if production is not None and not (self.code == _REQUIREMENT and span):
                # Where tensors are involved, what became of them is the evidence.
                shown = self.inside is not None and (self.code in VALUE_CODES or not self.operands)
                evidence = (f"in the definition at {self.inside}",) if shown else ()
                span = production.span
        hint = self.hint or _HINTS.get(self.code)
        return Diagnostic(self.code, self.message, span, path, evidence, hint=hint)
