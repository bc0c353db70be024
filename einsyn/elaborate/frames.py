"""What the machine keeps of every definition that is being run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.elaborate.plain import Plain
    from einsyn.elaborate.values import Bound, Deferred
    from einsyn.ir.types import TensorType

Types = tuple["TensorType", ...]


class Frame:
    """A definition being run.

    `store` is the lazy value that its result belongs to, if any; `taped` is the arrow whose application to `args`
    it is, where what it emits since `mark` is to be kept. `plain` says whose result it is to be kept as, if any.
    `name` is that of a definition that works out a value; `opened` says that the trace knows of its beginning.
    """

    __slots__ = (
        "args",
        "dst",
        "instructions",
        "mark",
        "name",
        "opened",
        "origin",
        "parent",
        "pc",
        "plain",
        "regs",
        "store",
        "taped",
    )

    def __init__(self, instructions: tuple[Any, ...], regs: list[Any], origin: Choice | None) -> None:
        self.instructions = instructions
        self.regs = regs
        self.origin = origin
        self.pc = 0
        self.dst = 0
        self.parent: Frame | None = None
        self.name: str | None = None
        self.opened = False
        self.store: Choice | Deferred | None = None
        self.plain: Plain | None = None
        self.taped: Choice | Deferred | Bound | None = None
