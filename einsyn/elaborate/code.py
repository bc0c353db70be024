"""Instructions that definitions are compiled to, and the code objects that hold them.

A definition becomes straight-line code over registers. Only what may run for long or go deep (applying,
forcing a choice, iterating) is an instruction of its own, so the machine needs no Python recursion.
Constants, macros and primitives sit in the register template that a call copies.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from einsyn.diagnostics import Span

MISSING: Final = object()


class Opcode(IntEnum):
    """Instruction codes with their operands; registers are numbers, `pc` is an instruction number."""

    CALL = 0  # dst, function, argument registers, spread flags | None, ((name, register), ...) | None, span
    FORCE = 1  # register: replace a lazy value by what it denotes
    RETURN = 2  # register
    UNPACK = 3  # registers, source, span
    BINARY = 4  # dst, function, symbol, left, right, span
    UNARY = 5  # dst, function, symbol, operand, span
    JUMP = 6  # pc
    BRANCH = 7  # register, pc if false, span
    MOVE = 8  # dst, source
    BUILTIN = 9  # dst, builtin, argument registers, whether the one register is the list of them, span
    LIST = 10  # dst, item registers, spread flags | None, span
    INDEX = 11  # dst, items, index, span
    NEW = 12  # dst: an empty list under construction
    APPEND = 13  # list, value
    FREEZE = 14  # list: finish it
    ITERATE = 15  # dst, items, span
    NEXT = 16  # iterator, register of the item, pc when done, span
    FORCE_ALL = 17  # register: force a list's elements too
    REQUIRE = 18  # register, message | None, span
    DEFAULT = 19  # register, pc if it already has a value
    SEQUENCE = 20  # the steps of `seq` and `repeat`
    SHARE = 21  # enter a `shared` arrow
    UNSHARE = 22  # leave it
    SCAN = 23  # enter the step of a loop
    UNSCAN = 24  # leave it


Instruction = tuple[object, ...]


class Code:
    """A compiled definition.

    Args:
        name: what people call it.
        values: names of the value parameters; they are the first registers.
        required: how many of them have no default.
        rest: whether the last value parameter takes all that remain.
        tensors: names of the tensor parameters, the next registers; None for a plain value.
        tensor_rest: whether the last tensor parameter takes all that remain.
        template: the initial registers, constants included.
        span: the definition.
    """

    __slots__ = (
        "instructions",
        "known",
        "name",
        "required",
        "rest",
        "span",
        "tapes",
        "template",
        "tensor_rest",
        "tensors",
        "values",
    )

    def __init__(
        self,
        name: str,
        values: tuple[str, ...],
        required: int,
        rest: bool,
        tensors: tuple[str, ...] | None,
        tensor_rest: bool,
        span: Span | None,
    ) -> None:
        self.name = name
        self.values = values
        self.required = required
        self.rest = rest
        self.tensors = tensors
        self.tensor_rest = tensor_rest
        self.span = span
        self.instructions: tuple[Instruction, ...] = ()
        self.template: list[object] = []
        # What it emitted when applied to plain values, by values and tensor types.
        self.tapes: dict[object, Any] = {}
        # What it gave for plain values, if it takes no tensors: the value, and how many steps it ran for.
        self.known: dict[object, tuple[Any, int]] = {}

    def usage(self) -> str:
        """The head of the definition: `block(width, stride=...)(x)`."""

        def shown(names: tuple[str, ...], rest: bool, required: int) -> str:
            parts = [n if i < required or (rest and i == len(names) - 1) else f"{n}=..." for i, n in enumerate(names)]
            if rest:
                parts[-1] = f"*{parts[-1]}"
            return f"({', '.join(parts)})"

        head = f"{self.name}{shown(self.values, self.rest, self.required)}"
        return head if self.tensors is None else head + shown(self.tensors, self.tensor_rest, len(self.tensors))

    def tensors_apart(self, given: int) -> str:
        """What to do about a definition whose values after the first `given` are meant to be tensors."""
        written = f"define {self.name}({', '.join(self.values)})"
        arrow = f"define {self.name}({', '.join(self.values[:given])})({', '.join(self.values[given:])})"
        return f"`{written}` at {self.span} is no arrow: tensors have brackets of their own, `{arrow}`"
