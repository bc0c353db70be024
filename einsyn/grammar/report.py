"""Collects findings while a grammar is loaded, with the source line of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from einsyn.diagnostics import Diagnostic, Span, in_order, source_excerpt
from einsyn.errors import GrammarError

if TYPE_CHECKING:
    from collections.abc import Sequence

# A space with hundreds of mistakes usually has one cause: the first ones tell enough.
MAX_ERRORS = 20


class Report:
    """Errors and notes about one grammar and the files that it takes in."""

    def __init__(self) -> None:
        self.errors: list[Diagnostic] = []
        self.notes: list[Diagnostic] = []
        self._texts: dict[str, str] = {}

    def add_source(self, file: str, text: str) -> None:
        """Make the lines of a file available as evidence."""
        self._texts[file] = text

    def diagnostic(
        self, code: str, message: str, span: Span | None, hint: str | None = None, *, evidence: Sequence[str] = ()
    ) -> Diagnostic:
        """A finding with the source line that it is about."""
        excerpt = source_excerpt(self._texts.get(span.file, ""), span) if span is not None else ()
        return Diagnostic(code, message, span, evidence=(*excerpt, *evidence), hint=hint)

    def error(
        self, code: str, message: str, span: Span | None, hint: str | None = None, *, evidence: Sequence[str] = ()
    ) -> None:
        """Note an error and go on, to report several at once."""
        found = self.diagnostic(code, message, span, hint, evidence=evidence)
        if found in self.errors:  # the expansions of one alternative share its mistakes
            return
        self.errors.append(found)
        if len(self.errors) >= MAX_ERRORS:
            self.check()

    def add(self, error: GrammarError) -> None:
        """Note what was raised and go on, where what follows does not rest on it."""
        self.errors += [found for found in error.diagnostics if found not in self.errors]
        if len(self.errors) >= MAX_ERRORS:
            self.check()

    def fail(
        self, code: str, message: str, span: Span | None, hint: str | None = None, *, evidence: Sequence[str] = ()
    ) -> NoReturn:
        """Stop at an error that makes further findings meaningless."""
        raise GrammarError(in_order([*self.errors, self.diagnostic(code, message, span, hint, evidence=evidence)]))

    def note(self, code: str, message: str, span: Span | None, hint: str | None = None) -> None:
        """A finding that is not an error."""
        self.notes.append(self.diagnostic(code, message, span, hint).with_(severity="note"))

    def check(self) -> None:
        """Raise what was found so far, if anything."""
        if self.errors:
            raise GrammarError(in_order(self.errors))
