"""The exceptions of the public API. Each carries the diagnostics that the command line would print."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.diagnostics import Diagnostic, Span


class EinsynError(Exception):
    """Something given to einsyn is wrong; `diagnostics` says what, where and what to do."""

    def __init__(self, diagnostics: Diagnostic | Iterable[Diagnostic]) -> None:
        from einsyn.diagnostics import Diagnostic

        self.diagnostics: tuple[Diagnostic, ...] = (
            (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        )
        super().__init__("\n".join(d.render() for d in self.diagnostics))

    @property
    def code(self) -> str:
        """The stable code of the first diagnostic."""
        return self.diagnostics[0].code


class GrammarError(EinsynError):
    """The search space is wrong: its grammar (G...) or its definitions (D...)."""


class ArchitectureError(EinsynError):
    """A text is not a sentence of the space (A...)."""


class InfeasibleError(EinsynError):
    """A derivation does not type-check (T...), fails in a definition (V...) or exceeds a limit (L...)."""


class SamplingError(EinsynError):
    """No architecture could be drawn, or not as many as asked for (S...)."""


class FileError(EinsynError):
    """A file cannot be read or written (F...)."""


class UsageError(EinsynError):
    """An argument or option is wrong (U...)."""


class OpError(EinsynError):
    """A method of an operation of your own fails, or answers what cannot be used (O...).

    `__cause__` is the exception that the method raised, where it raised one.
    """

    def at(self, path: str | None, span: Span | None) -> OpError:
        """The same with its place in a derivation, where none is known yet."""
        first, *rest = self.diagnostics
        if first.path is not None or path is None:
            return self
        return OpError([first.with_(path=path, span=span or first.span), *rest])


class BackendError(EinsynError):
    """A backend cannot do what was asked (B...)."""


class WeightsError(EinsynError):
    """Weights that are given are not those of a network, or cannot be taken over (W...)."""


class DataError(EinsynError):
    """A data set, a recipe or a table is wrong, or does not fit the space (E...)."""


class RunError(EinsynError):
    """A run of a search cannot be started, continued or read (Q...)."""
