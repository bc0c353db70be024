"""What names mean outside a definition's own body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import closest
from einsyn.elaborate.builtins import BUILTINS, COMBINATORS
from einsyn.elaborate.code import MISSING, Code
from einsyn.elaborate.values import Macro, Value
from einsyn.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from einsyn.elaborate.elsewhere import Elsewhere
    from einsyn.grammar.model import Scalar

# Words of the language that stand where a name could.
_CONSTANTS: Final = ("true", "false", "none")


class Scope:
    """What names mean outside a definition's own body.

    Args:
        macros: compiled definitions visible in the file, by name.
        params: the space's parameters, empty in a `.ein` file.
        elsewhere: what is known of names that mean nothing here.
    """

    def __init__(self, macros: Mapping[str, Code], params: Mapping[str, Scalar], elsewhere: Elsewhere) -> None:
        self.macros = macros
        self.params = params
        self._elsewhere = elsewhere

    def lookup(self, name: str) -> Value:
        """The value of a name, or MISSING. The order is that of the language: params, macros, primitives."""
        if name in self.params:
            return self.params[name]
        code = self.macros.get(name)
        if code is not None:
            return Macro(code)
        if name in COMBINATORS:
            return COMBINATORS[name]
        if name in OPS:
            return OPS[name]
        return BUILTINS.get(name, MISSING)

    def unbound(self, name: str, locals_: Iterable[str], file: str) -> str:
        """What to do about a name that means nothing in a file, beside the locals there."""
        known = self._elsewhere.hint(name, file)
        if known is not None:
            return known
        near = closest(name, {*locals_, *self.names(), *_CONSTANTS})
        return f"did you mean `{near}`?" if near else "bind it, define it, or make it an argument"

    def names(self) -> set[str]:
        """All names, for suggestions."""
        return {*self.params, *self.macros, *COMBINATORS, *OPS, *BUILTINS}
