"""The elaborator: runs compiled definitions along the data flow and asks a chooser at every choice.

It keeps its own stack of frames, so the depth of a derivation is bounded by memory alone. An instruction
that meets a value which is not worked out yet pushes a frame for it and runs again afterwards.
"""

from __future__ import annotations

from typing import Any, Final, cast

from einsyn.derivation.choice import Choice
from einsyn.diagnostics import Span
from einsyn.elaborate.arithmetic import MAX_LIST
from einsyn.elaborate.calls import Calls, with_name
from einsyn.elaborate.code import MISSING, Opcode
from einsyn.elaborate.frames import Frame
from einsyn.elaborate.infeasible import Infeasible, placed
from einsyn.elaborate.loops import check_sharing, enter_loop, leave_loop
from einsyn.elaborate.tensors import tensor_binary, tensor_function, tensor_unary
from einsyn.elaborate.values import Bound, Deferred, Tensor, Value, kind_name
from einsyn.errors import OpError
from einsyn.ir.mismatch import Mismatch

_CALL, _FORCE, _RETURN, _UNPACK, _BINARY = (
    int(i) for i in (Opcode.CALL, Opcode.FORCE, Opcode.RETURN, Opcode.UNPACK, Opcode.BINARY)
)
_UNARY, _JUMP, _BRANCH, _MOVE, _BUILTIN = (
    int(i) for i in (Opcode.UNARY, Opcode.JUMP, Opcode.BRANCH, Opcode.MOVE, Opcode.BUILTIN)
)
_LIST, _INDEX, _NEW, _APPEND, _FREEZE = (
    int(i) for i in (Opcode.LIST, Opcode.INDEX, Opcode.NEW, Opcode.APPEND, Opcode.FREEZE)
)
_ITERATE, _NEXT, _FORCE_ALL, _REQUIRE = (
    int(i) for i in (Opcode.ITERATE, Opcode.NEXT, Opcode.FORCE_ALL, Opcode.REQUIRE)
)
_DEFAULT, _SEQUENCE, _SHARE, _UNSHARE = (
    int(i) for i in (Opcode.DEFAULT, Opcode.SEQUENCE, Opcode.SHARE, Opcode.UNSHARE)
)

_SCAN, _UNSCAN = (int(i) for i in (Opcode.SCAN, Opcode.UNSCAN))

_END: Final = object()
# Tapes kept with one definition; a space meets ever new types.
MAX_TAPES: Final = 4096


class Machine(Calls):
    """One elaboration: see `Calls` for its state and `run` for its loop."""

    def run_arrow(self, arrow: Value, args: tuple[Tensor, ...]) -> Value:
        """Apply an arrow to tensors and return its result. Raises Infeasible."""
        while True:
            result = self.apply(arrow, args, None, None)
            if result.__class__ is not Frame:
                return result
            again = result.store is not None
            result = self.run(result)
            if not again:
                return result

    def run(self, frame: Frame) -> Any:
        """Run a frame to its end and return its result. Raises Infeasible."""
        instruction: Any = None
        try:
            while True:
                regs = frame.regs
                instructions = frame.instructions
                pc = frame.pc
                result: Any = _END
                # Straight-line code of one frame; leaves with `result` when another frame is to run.
                while True:
                    instruction = instructions[pc]
                    code = instruction[0]
                    if code == _CALL:
                        _, dst, f, registers, spread, named, span = instruction
                        args = [regs[r] for r in registers] if spread is None else _spread(regs, registers, spread)
                        names = None if named is None else {name: regs[r] for name, r in named}
                        result = self.apply_or_call(regs[f], args, names, frame, span)
                        if result.__class__ is Frame:
                            result.dst = dst
                            break
                        regs[dst] = result
                    elif code == _FORCE:
                        r = instruction[1]
                        value = regs[r]
                        if value.__class__ is Choice or value.__class__ is Deferred:
                            regs[r], result = self.value(value)
                            if result is not None:
                                regs[r] = value
                                break
                    elif code == _MOVE:
                        regs[instruction[1]] = regs[instruction[2]]
                    elif code == _RETURN:
                        break
                    elif code == _UNPACK:
                        _, targets, source, span = instruction
                        _unpack(regs, targets, regs[source])
                    elif code == _BINARY:
                        _, dst, function, symbol, a, b, span = instruction
                        a, b = regs[a], regs[b]
                        if a.__class__ is Tensor or b.__class__ is Tensor:
                            regs[dst] = self.combine(symbol, a, b, frame.origin, span)
                        else:
                            regs[dst] = function(a, b)
                    elif code == _BRANCH:
                        value = regs[instruction[1]]
                        if value is False:
                            pc = instruction[2]
                            continue
                        if value is not True:
                            raise Infeasible("V002", f"a condition must be a boolean, not {kind_name(value)}")
                    elif code == _JUMP:
                        pc = instruction[1]
                        continue
                    elif code == _SEQUENCE:
                        result = self._sequence(regs, frame)
                        if result.__class__ is Frame:
                            break
                        regs[5] = result
                        code = _RETURN
                        instruction = (_RETURN, 5)
                        break
                    elif code == _BUILTIN:
                        _, dst, builtin, registers, collected, span = instruction
                        args = regs[registers[0]] if collected else [regs[r] for r in registers]
                        twin = tensor_function(builtin, args)
                        if twin is None:
                            regs[dst] = builtin.call(*args)
                        else:
                            regs[dst] = self.apply_or_call(twin, list(args), None, frame, span)
                    elif code == _FORCE_ALL:
                        r = instruction[1]
                        value, result = self.forced(regs[r])
                        if result is not None:
                            break
                        regs[r] = value
                    elif code == _LIST:
                        _, dst, registers, spread, span = instruction
                        items = [regs[r] for r in registers] if spread is None else _spread(regs, registers, spread)
                        if len(items) > MAX_LIST:
                            raise Infeasible("L008", f"a list has more than {MAX_LIST} elements")
                        regs[dst] = tuple(items)
                    elif code == _ITERATE:
                        _, dst, source, span = instruction
                        if regs[source].__class__ is not tuple:
                            raise Infeasible("V002", f"only lists can be gone through, not {kind_name(regs[source])}")
                        regs[dst] = iter(regs[source])
                    elif code == _NEXT:
                        _, iterator, target, done, span = instruction
                        value = next(regs[iterator], _END)
                        if value is _END:
                            pc = done
                            continue
                        self.burn()
                        regs[target] = value
                    elif code == _APPEND:
                        regs[instruction[1]].append(regs[instruction[2]])
                    elif code == _NEW:
                        regs[instruction[1]] = []
                    elif code == _FREEZE:
                        regs[instruction[1]] = tuple(regs[instruction[1]])
                    elif code == _INDEX:
                        _, dst, items, index, span = instruction
                        regs[dst] = _index(regs[items], regs[index])
                    elif code == _UNARY:
                        _, dst, function, symbol, a, span = instruction
                        a = regs[a]
                        if a.__class__ is Tensor:
                            regs[dst] = self.trace.emit(tensor_unary(symbol), (a,), frame.origin, span)
                        else:
                            regs[dst] = function(a)
                    elif code == _REQUIRE:
                        _, r, message, span = instruction
                        if regs[r] is False:
                            shown = f": {message}" if message else ""
                            raise Infeasible("V005", f"a requirement does not hold{shown}")
                        if regs[r] is not True:
                            raise Infeasible("V002", f"`require` needs a boolean, not {kind_name(regs[r])}")
                    elif code == _DEFAULT:
                        if regs[instruction[1]] is not MISSING:
                            pc = instruction[2]
                            continue
                    elif code == _SHARE:
                        result = self._share(regs, frame)
                        if result.__class__ is Frame:
                            break
                        regs[2] = result
                    elif code == _UNSHARE:
                        self.trace.sharing.pop()
                        code = _RETURN
                        instruction = (_RETURN, 2)
                        break
                    elif code == _SCAN:
                        result = self._enter_loop(regs, frame)
                        if result.__class__ is Frame:
                            break
                        regs[2] = result
                    else:  # _UNSCAN
                        regs[2] = leave_loop(self.trace, regs[0], regs[1], regs[3], regs[2], frame.origin)
                        code = _RETURN
                        instruction = (_RETURN, 2)
                        break
                    pc += 1
                if code == _RETURN:
                    value = regs[instruction[1]]
                    parent = frame.parent
                    if frame.opened:
                        self.trace.records.append(None)
                    elif frame.name is not None:
                        value = with_name(value, frame.name)
                    if frame.taped is not None:
                        self.keep(frame, value)
                    if frame.plain is not None:
                        frame.plain.keep(value, self.fuel, self.trace.values)
                    if frame.store is not None:
                        frame.store.denotation = value
                    elif parent is not None:
                        parent.regs[frame.dst] = value
                    if parent is None:
                        return value
                    frame = parent
                    continue
                self.burn()
                # A frame that works out a lazy value: the same instruction runs again after it.
                # So does a sequence until its last item is done.
                entered: Any = result
                frame.pc = pc if entered.store is not None or code == _SEQUENCE else pc + 1
                entered.parent = frame
                frame = entered
        except Infeasible as cause:
            if cause.origin is None:
                cause.origin = frame.origin
            if cause.span is None and instruction is not None and isinstance(instruction[-1], Span):
                cause.span = instruction[-1]
            raise
        except OpError as error:
            raise placed(error, frame.origin, None) from error.__cause__
        except Mismatch as m:  # a function asks a tensor for an axis that it lacks
            span = instruction[-1] if isinstance(instruction[-1], Span) else None
            raise Infeasible.of(m, frame.origin, span) from None

    def keep(self, frame: Frame, result: Value) -> None:
        """Keep what an application emitted, with its arrow, or with its code where nothing was chosen."""
        tape = self.trace.tape(frame.args, frame.mark, result)
        arrow: Any = frame.taped
        if tape is None:
            return
        if arrow.__class__ is not Bound:
            arrow.tapes = (*arrow.tapes, tape)
        else:
            tapes = arrow.code.tapes
            if len(tapes) >= MAX_TAPES:
                tapes.clear()
            tapes[(arrow.key, *[t.type for t in frame.args])] = tape

    def _sequence(self, regs: list[Any], frame: Frame) -> Any:
        """Go on with `seq` or `repeat`: the result, or a frame to run for the next item."""
        items, count, at, done, current, result = cast("tuple[Any, ...]", regs)
        while True:
            if result is not MISSING:
                if result.__class__ is Tensor:
                    current = (result,)
                elif result.__class__ is tuple and all([t.__class__ is Tensor for t in result]):
                    current = result
                else:
                    raise Infeasible("V006", f"an arrow gives {kind_name(result)} instead of tensors")
                regs[4] = current
                regs[5] = result = MISSING
            if at == len(items):
                at = 0
                done += 1
                regs[3] = done
            if done >= count or not items:
                return current[0] if len(current) == 1 else current
            result = self.apply(items[at], current, frame.origin, None)
            if result.__class__ is Frame:
                if result.store is None:
                    result.dst = 5
                    at += 1
                regs[2] = at
                return result
            at += 1
            regs[2] = at
            self.burn()

    def _share(self, regs: list[Any], frame: Frame) -> Any:
        shared, args, _, entered = cast("tuple[Any, ...]", regs)
        if not entered:
            check_sharing(self.trace, shared, frame.origin)
            self.trace.sharing.append([shared, 0])
            self.trace.shares += 1
            regs[3] = True
        result = self.apply(shared.arrow, args, frame.origin, None)
        if result.__class__ is Frame:
            result.dst = 2
        return result

    def _enter_loop(self, regs: list[Any], frame: Frame) -> Any:
        loop, args, _, inputs = cast("tuple[Any, ...]", regs)
        if inputs is None:
            inputs = regs[3] = enter_loop(self.trace, loop, args, frame.origin)
        result = self.apply(loop.arrow, inputs, frame.origin, None)
        if result.__class__ is Frame:
            result.dst = 2
        return result

    def combine(self, symbol: str, a: Any, b: Any, origin: Choice | None, span: Span | None) -> Any:
        """Emit what an operator on tensors means: a chain of operations, each on what came before."""
        ops, operands = tensor_binary(symbol, a, b)
        value = self.trace.emit(ops[0], operands, origin, span)
        for op in ops[1:]:
            assert isinstance(value, Tensor)
            value = self.trace.emit(op, (value,), origin, span)
        return value


def _spread(regs: list[Any], registers: tuple[int, ...], spread: tuple[bool, ...]) -> list[Any]:
    found: list[Any] = []
    for r, flag in zip(registers, spread, strict=True):
        value = regs[r]
        if not flag:
            found.append(value)
        elif value.__class__ is tuple:
            found.extend(value)
        elif value.__class__ is Tensor:
            # An arrow with one output gives the tensor itself, not a list.
            found.append(value)
        else:
            raise Infeasible("V002", f"`*` needs a list, not {kind_name(value)}")
    return found


def _unpack(regs: list[Any], targets: tuple[int, ...], value: Any) -> None:
    if value.__class__ is not tuple:
        raise Infeasible("V004", f"{len(targets)} names need a list, not {kind_name(value)}")
    if len(value) != len(targets):
        raise Infeasible("V004", f"{len(targets)} names cannot take a list of {len(value)}")
    for target, item in zip(targets, value, strict=True):
        regs[target] = item


def _index(items: Any, index: Any) -> Any:
    if items.__class__ is not tuple or index.__class__ is not int:
        raise Infeasible("V002", f"{kind_name(items)} cannot be indexed with {kind_name(index)}")
    if not -len(items) <= index < len(items):
        raise Infeasible("V003", f"index {index} is outside a list of {len(items)}")
    return items[index]
