"""Registers and instructions of a definition while it is compiled."""

from __future__ import annotations

from einsyn.elaborate.code import MISSING, Instruction, Opcode


class Emitter:
    """Instructions in order, and registers with what they hold at first.

    Attributes:
        instructions: what has been emitted.
        template: the initial registers, constants included.
        names: the register of every name in sight.
        constant_registers: those that never change.
        forced: registers known to hold no lazy value at this point of straight-line code.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.template: list[object] = []
        self.names: dict[str, int] = {}
        self.constant_registers: set[int] = set()
        self.forced: set[int] = set()
        self._constants: dict[tuple[type, object], int] = {}

    def declare(self, name: str) -> int:
        """A new register for a name."""
        register = self.register()
        self.names[name] = register
        return register

    def register(self, value: object = MISSING) -> int:
        """A new register."""
        self.template.append(value)
        return len(self.template) - 1

    def constant(self, value: object) -> int:
        """The register of a constant; 1, 1.0 and true are different ones."""
        return self.constant_for((type(value), value), value)

    def constant_for(self, key: tuple[type, object], value: object) -> int:
        """The register of a constant that is known by a key of its own."""
        found = self._constants.get(key)
        if found is None:
            found = self.register(value)
            self._constants[key] = found
            self.constant_registers.add(found)
        return found

    def emit(self, code: Opcode, *operands: object) -> int:
        """Add an instruction; returns where it is."""
        self.instructions.append((int(code), *operands))  # plain integers compare faster
        return len(self.instructions) - 1

    def patch(self, at: int, position: int) -> None:
        """Fill in a jump target: the next instruction."""
        instruction = list(self.instructions[at])
        instruction[position] = len(self.instructions)
        self.instructions[at] = tuple(instruction)
        self.forced.clear()

    def force(self, register: int, *, elements: bool = False) -> int:
        """Work out what a register holds, and with `elements` what a list in it holds; returns the register."""
        if elements and register not in self.constant_registers:
            self.emit(Opcode.FORCE_ALL, register)
        elif register not in self.forced and register not in self.constant_registers:
            self.emit(Opcode.FORCE, register)
            self.forced.add(register)
        return register
