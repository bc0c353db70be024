"""What definitions without tensors give for plain values, kept for every architecture of a space.

`conv_bn(64, 3)` makes no choice and emits nothing: it gives the same arrow whenever it is called. What it gave is kept
with its code, and the steps that it ran for are counted again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from einsyn.derivation.choice import Choice
from einsyn.elaborate.values import Bound, Macro, Open, Sequence, is_plain

if TYPE_CHECKING:
    from einsyn.elaborate.code import Code
    from einsyn.elaborate.frames import Frame

# Results kept with one definition, and parts of a result that are looked at to see whether it can be kept.
MAX_KNOWN: Final = 4096
_MAX_PARTS: Final = 64


class Plain(NamedTuple):
    """A call of a definition with plain values, while it runs.

    Args:
        code: the definition.
        key: the values.
        fuel: what was left before it.
        values: how many tensors there were before it.
    """

    code: Code
    key: tuple[Any, ...]
    fuel: int
    values: int

    def keep(self, result: Any, fuel: int, values: int) -> None:
        """Keep the result, unless tensors were made or something in it has a state of its own."""
        if values == self.values and _is_fixed(result):
            if len(self.code.known) >= MAX_KNOWN:
                self.code.known.clear()
            self.code.known[self.key] = result, self.fuel - fuel


def recall(code: Code, frame: Frame, fuel: int, values: int) -> tuple[Any, int] | None:
    """What a definition gave for the plain values that a frame begins with, and its steps.

    None where they are not plain, and where they are new: then the frame will keep what it gives.

    Args:
        code: the definition.
        frame: a call of it.
        fuel: what is left.
        values: how many tensors there are.
    """
    count = len(code.values)
    given = frame.regs[:count]
    key = _key(given)
    if key is None:
        return None
    found = code.known.get(key)
    if found is None:
        frame.regs[:count] = given
        frame.plain = Plain(code, key, fuel, values)
    return found


def _key(values: list[Any]) -> tuple[Any, ...] | None:
    """What tells calls with these values apart, None if one is not plain; tokens become what they stand for."""
    key: list[Any] = []
    for i, value in enumerate(values):
        if value.__class__ is Choice and value.production is None and value.index >= 0:
            values[i] = value = value.symbol.domain.value(value.index)
        if not is_plain(value):
            return None
        key.append(value.__class__)
        key.append(value)
    return tuple(key)


def _is_fixed(value: Any) -> bool:
    """Whether a value is the same whoever has it: plain, or an arrow or a list made of nothing else."""
    pending = [value]
    for _ in range(_MAX_PARTS):
        if not pending:
            return True
        part = pending.pop()
        if part.__class__ is Sequence:
            pending += part.items
        elif part.__class__ in (Bound, Macro, Open):
            pending += part.args
        elif part.__class__ is tuple:
            pending += part
        elif not is_plain(part):
            return False
    return False
