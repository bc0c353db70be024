"""What names mean outside a definition's own body."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.elaborate.builtins import BUILTINS, COMBINATORS
from einsyn.elaborate.code import MISSING, Code
from einsyn.elaborate.values import Macro, Value
from einsyn.ops import OPS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.grammar.model import Scalar


class Scope:
    """What names mean outside a definition's own body.

    Args:
        macros: compiled definitions visible in the file, by name.
        params: the space's parameters, empty in a `.ein` file.
    """

    def __init__(self, macros: Mapping[str, Code], params: Mapping[str, Scalar]) -> None:
        self.macros = macros
        self.params = params

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

    def names(self) -> set[str]:
        """All names, for suggestions."""
        return {*self.params, *self.macros, *COMBINATORS, *OPS, *BUILTINS}
