"""Choosing, working out lazy values, and applying things: what the machine's instructions are made of.

Nothing here recurses with the depth of a derivation. What needs a definition to run returns its frame; a
frame with `store` set works out a lazy value first, and whoever asked for it asks again afterwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.derivation.choice import UNSET, Choice
from einsyn.diagnostics import counted
from einsyn.elaborate import plan as plans
from einsyn.elaborate.arithmetic import MAX_NESTING, too_much
from einsyn.elaborate.bind import bind, entered, lacking
from einsyn.elaborate.code import MISSING, Opcode
from einsyn.elaborate.frames import Frame, Types
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.plain import recall
from einsyn.elaborate.tape import Mark
from einsyn.elaborate.tensors import with_number
from einsyn.elaborate.values import (
    Bound,
    Builtin,
    Combinator,
    Deferred,
    Loop,
    Macro,
    Open,
    Sequence,
    Shared,
    Tensor,
    Value,
    kind_name,
)
from einsyn.grammar.model import Production
from einsyn.ir.mismatch import Mismatch
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from einsyn.derivation.choosers import Chooser
    from einsyn.diagnostics import Span
    from einsyn.elaborate.limits import Limits
    from einsyn.elaborate.plan import Plan
    from einsyn.elaborate.trace import Trace


# An arrow has tapes for so many types.
MAX_TAPES: Final = 4
# Frames of `seq`, `shared` and `scan` run these; their registers are listed where the frames are made.
_RUN_SEQUENCE: Final = ((int(Opcode.SEQUENCE), None),)
_RUN_SHARED: Final = ((int(Opcode.SHARE), None), (int(Opcode.UNSHARE), None))
_RUN_LOOP: Final = ((int(Opcode.SCAN), None), (int(Opcode.UNSCAN), None))


def with_name(value: Value, name: str) -> Value:
    """What a rule or a definition of this name denotes: a sequence that has no name yet has it from now on."""
    if value.__class__ is Sequence and value.name is None:
        return Sequence(value.items, value.count, name)
    return value


class Calls:
    """The state of one elaboration.

    Args:
        plan: how each production denotes, by index.
        chooser: what decides.
        limits: bounds on depth and size; the trace holds the others.
        trace: where operations go.
    """

    def __init__(self, plan: list[Plan], chooser: Chooser, limits: Limits, trace: Trace) -> None:
        self.plans = plan
        self.chooser = chooser
        self.trace = trace
        self.size = 0
        self.depth = 0
        self.max_depth = limits.max_depth if limits.max_depth is not None else 1 << 62
        self.max_size = limits.nodes
        self.fuel = limits.fuel

    # Choices.

    def choose(self, choice: Choice, types: Types | None = None) -> None:
        """Ask the chooser and open the slots of what it answers."""
        answer: Any = self.chooser.choose(choice.symbol, types, choice)
        if answer.__class__ is not Production:
            choice.index = answer
            return
        choice.production = answer
        self.size += 1
        depth = choice.depth
        if depth > self.depth:
            self.depth = depth
        if self.size > self.max_size or depth > self.max_depth:
            choice.children = []
            if self.size > self.max_size:
                raise Infeasible("L006", f"more than {self.max_size} productions (max_size)", None, choice)
            raise Infeasible("L005", f"more than max_depth={self.max_depth} productions deep", None, choice)
        slots = answer.slots
        depth += 1
        if len(slots) == 1:
            choice.children = [Choice(slots[0], choice, 0, depth)]
        else:
            choice.children = [Choice(symbol, choice, i, depth) for i, symbol in enumerate(slots)]

    def denote(self, choice: Choice) -> Frame | None:
        """Work out what a chosen node means, or return the frame that has to run first."""
        production = choice.production
        if production is None:
            symbol = choice.symbol
            choice.denotation = symbol.domain.value(choice.index)
            return None
        plan = self.plans[production.index]
        kind = plan.kind
        if kind == plans.CHILD:
            choice.denotation = choice.children[plan.child]
        elif kind == plans.VALUE:
            choice.denotation = plan.target
        elif kind == plans.SEQUENCE:
            choice.denotation = Sequence(tuple(choice.children), 1, production.rule.name)
        elif kind == plans.ARROW:
            assert plan.code is not None
            args = tuple(choice.children) if plan.plain else tuple(plan.args(choice, self.choose))
            choice.denotation = Bound(plan.code, args)
        elif kind == plans.ARGUMENT:
            choice.denotation = plan.args(choice, self.choose)[0]
        elif kind == plans.PRIMITIVE:
            self._configure(choice, plan)
        else:
            result = self.call(plan.target, plan.args(choice, self.choose), {}, choice, production.span)
            if isinstance(result, Frame):
                if result.store is None:
                    result.store = choice
                return result
            choice.denotation = with_name(result, production.rule.name)
        return None

    def _configure(self, choice: Choice, plan: Plan) -> None:
        for child in choice.children:
            if child.index < 0:
                self.choose(child)
        key = tuple([child.index for child in choice.children])
        op = plan.cache.get(key)
        if op is None:
            args = [
                a.symbol.domain.value(a.index) if isinstance(a, Choice) else a for a in plan.args(choice, self.choose)
            ]
            op = self._make(plan.target, args, {}, choice, plan.production.span)
            plan.cache[key] = op
        choice.denotation = op

    def _make(self, cls: Any, args: list[Any], named: dict[str, Any], origin: Choice | None, span: Span | None) -> Op:
        try:
            return cls.configure(*args, **named)
        except Mismatch as m:
            raise Infeasible.of(m, origin, span) from None

    def burn(self, steps: int = 1) -> None:
        """Count evaluation steps; so that what emits nothing ends too."""
        self.fuel -= steps
        if self.fuel < 0:
            raise Infeasible("L007", "the definitions run for too many steps", "raise max_ops, or repeat less often")

    # Lazy values.

    def resolve(self, lazy: Value, types: Types | None = None) -> Frame | None:
        """Give a lazy value its denotation, or return the frame that has to run first."""
        if lazy.__class__ is Choice:
            if lazy.production is None and lazy.index < 0:
                self.choose(lazy, types)
            return self.denote(lazy)
        assert isinstance(lazy, Deferred)
        target, frame = self.value(lazy.function, types)
        if frame is not None:
            return frame
        origin = lazy.function if isinstance(lazy.function, Choice) else None
        args = list(lazy.args)
        if origin is not None and isinstance(target, Op):
            # The production gave the leading attributes of a primitive; these are the ones that it left.
            args = [*target.key[: self._given(origin)], *args]
            target = cast("Value", type(target))
        result = self.call(target, args, lazy.named, origin, None)
        if isinstance(result, Frame):
            if result.store is None:
                result.store = lazy
            return result
        lazy.denotation = result
        return None

    def _given(self, choice: Choice) -> int:
        """How many arguments the production gives that a chosen node's value comes from."""
        production = choice.production
        while production is not None and self.plans[production.index].kind == plans.CHILD:
            choice = choice.children[self.plans[production.index].child]
            production = choice.production
        return 0 if production is None else len(production.args)

    def value(self, value: Value, types: Types | None = None) -> tuple[Value, Frame | None]:
        """What a value stands for when it is not lazy, or the frame that has to run first."""
        while isinstance(value, Choice | Deferred):
            if value.denotation is UNSET:
                frame = self.resolve(value, types)
                if frame is not None:
                    return None, frame
            value = value.denotation
        return value, None

    def forced(self, value: Value, depth: int = 0) -> tuple[Value, Frame | None]:
        """Like `value`, for all that a list holds as well."""
        value, frame = self.value(value)
        if frame is None and value.__class__ is tuple:
            if depth == MAX_NESTING:
                raise too_much()
            self.burn()
            items: list[Value] = []
            for item in value:
                item, frame = self.forced(item, depth + 1)
                if frame is not None:
                    return None, frame
                items.append(item)
            return tuple(items), None
        return value, frame

    # Calls. Each returns a value, or a frame to run: one with `store` first, and then the call again.

    def call(self, f: Value, args: list[Any], named: dict[str, Any], origin: Choice | None, span: Span | None) -> Value:
        """Apply something to values."""
        if isinstance(f, Choice | Deferred):
            return Deferred(f, args, named)
        if f.__class__ is Bound and f.args and f.args[-1] is MISSING:
            # An arrow with arguments left at their defaults may still be given them.
            given = list(f.args)
            while given and given[-1] is MISSING:
                given.pop()
            f = Macro(f.code, tuple(given))
        if isinstance(f, Macro):
            made = bind(f, args, named, origin, span)
            found = recall(f.code, made, self.fuel, self.trace.values) if isinstance(made, Frame) else None
            if found is None:
                return made
            self.burn(found[1])
            return found[0]
        if isinstance(f, Combinator):
            if len(args) < f.minimum or (f.maximum is not None and len(args) > f.maximum) or named:
                raise Infeasible("V006", f"`{f.name}` is given {counted(len(args), 'argument')}", f.usage, origin, span)
            for i in f.forced:
                if i < len(args):
                    args[i], frame = self.value(args[i])
                    if frame is not None:
                        return frame
            return f.call(*args)
        if isinstance(f, Open):
            f, args = f.primitive, [*f.args, *args]
        if isinstance(f, type) and issubclass(f, Op):
            for i, arg in enumerate(args):
                args[i], frame = self.forced(arg)
                if frame is not None:
                    return frame
            settled: dict[str, Any] = {}
            for name, arg in named.items():
                settled[name], frame = self.forced(arg)
                if frame is not None:
                    return frame
            if len(args) < f.required() and not settled:
                return Open(f, tuple(args))
            return self._make(f, args, settled, origin, span)
        hint = "an arrow takes tensors" if not isinstance(f, Builtin) else f.usage
        raise Infeasible("V006", f"{kind_name(cast('Value', f))} cannot be applied to values", hint, origin, span)

    def apply(self, f: Value, args: tuple[Tensor, ...], origin: Choice | None, span: Span | None) -> Value:
        """Apply an arrow to tensors."""
        taped = None
        while True:
            cls = f.__class__
            if cls is Choice:
                if f.denotation is UNSET:
                    if f.production is None and f.index < 0:
                        self.choose(f, (args[0].type,) if len(args) == 1 else tuple([t.type for t in args]))
                    frame = self.denote(f)
                    if frame is not None:
                        return frame
                elif not self.trace.sharing:
                    # Applied before: keep what it emits this time, and play it from then on.
                    for tape in f.tapes:
                        if tape.fits(args):
                            return self.trace.replay(tape, args, f)
                    if len(f.tapes) < MAX_TAPES:
                        taped = taped or f
                origin = f
                span = None
                f = f.denotation
            elif cls is Bound:
                if f.key is not None and not self.trace.sharing:
                    played = self.trace.played(f, args, origin)
                    if played is not None:
                        return played
                    taped = f
                return self._begun(entered(f.code, f.args, args, origin, span), f.code.name, taped, args)
            elif cls is Sequence:
                # items, how often, next item, rounds done, current tensors, result
                frame = Frame(_RUN_SEQUENCE, [f.items, f.count, 0, 0, args, MISSING], origin)
                return self._begun(frame, f.name, taped, args)
            elif isinstance(f, Op):
                return self.trace.emit(f, args, origin, span)
            elif isinstance(f, Deferred):
                if f.denotation is UNSET:
                    frame = self.resolve(f, tuple([t.type for t in args]))
                    if frame is not None:
                        return frame
                elif not self.trace.sharing and f.repeatable:
                    for tape in f.tapes:
                        if tape.fits(args):
                            return self.trace.replay(tape, args, origin)
                    if len(f.tapes) < MAX_TAPES:
                        taped = taped or f
                if isinstance(f.function, Choice):
                    origin = f.function
                f = f.denotation
            elif isinstance(f, Macro):
                f = bind(f, [], {}, origin, span)
                if isinstance(f, Macro):
                    raise lacking(f, len(args), origin, span)
                if isinstance(f, Frame):
                    raise Infeasible("V006", "a macro without tensors is applied to tensors", None, origin, span)
            elif isinstance(f, type) and issubclass(f, Op):
                f = self._make(f, [], {}, origin, span)
            elif isinstance(f, Open):
                f = self._make(f.primitive, list(f.args), {}, origin, span)  # says which attribute lacks
            elif isinstance(f, Shared):
                # the arrow, its tensors, the result, whether it has been entered
                return Frame(_RUN_SHARED, [f, args, MISSING, False], origin)
            elif isinstance(f, Loop):
                # the loop, its tensors, what the step gives, what the step is applied to
                return Frame(_RUN_LOOP, [f, args, MISSING, None], origin)
            else:
                raise Infeasible(
                    "V006", f"{kind_name(cast('Value', f))} cannot be applied to tensors", None, origin, span
                )

    def _begun(
        self, frame: Frame, name: str | None, taped: Choice | Deferred | Bound | None, args: tuple[Tensor, ...]
    ) -> Frame:
        """A frame that runs next, what it emits to be kept with `taped` if that is an arrow."""
        if taped is not None:
            frame.taped = taped
            frame.args = args
            frame.mark = Mark(self.trace)
        if name is not None:
            frame.opened = True
            self.trace.records.append(name)
        return frame

    def apply_or_call(
        self, f: Value, args: list[Any], named: dict[str, Any] | None, frame: Frame, span: Span | None
    ) -> Value:
        """A call as written: tensors run an arrow, values configure it, both in one list are a mistake."""
        if len(args) == 1:
            tensors = 1 if args[0].__class__ is Tensor else 0
        else:
            tensors = sum([1 for a in args if a.__class__ is Tensor])
        if tensors == 0 and not self._wants_nothing(f, args, named):
            return self.call(f, args, named or {}, frame.origin, span)
        if tensors != len(args) or named:
            mixed = with_number(f, args)
            if mixed is not None and not named:
                return self.trace.emit(mixed[0], (mixed[1],), frame.origin, span)
            hint = "apply it to values first, then to tensors: f(values)(tensors); spread a list with *"
            raise Infeasible("V006", "tensors and values are mixed in one call", hint, frame.origin, span)
        return self.apply(f, tuple(args), frame.origin, span)

    @staticmethod
    def _wants_nothing(f: Value, args: list[Any], named: dict[str, Any] | None) -> bool:
        """Whether `f()` runs an arrow of no tensors (a weight) rather than configuring something."""
        if args or named:
            return False
        return isinstance(f, Op) or (isinstance(f, Bound) and f.code.tensors == ())
