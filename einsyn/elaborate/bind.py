"""Arguments of a definition: given one call at a time, by position or by name, and put into registers in the end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsyn.diagnostics import counted
from einsyn.elaborate.code import MISSING
from einsyn.elaborate.frames import Frame
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.values import Bound, Macro

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.diagnostics import Span
    from einsyn.elaborate.code import Code
    from einsyn.elaborate.values import Tensor, Value


def bind(
    f: Macro, args: list[Any], named: dict[str, Any], origin: Choice | None, span: Span | None
) -> Macro | Bound | Frame:
    """A definition with more values.

    Returns:
        A macro while it awaits more, an arrow where tensors come next, else the frame that works out the result.
    """
    code = f.code
    given = [*f.args, *args]
    count = len(code.values)
    if code.rest:
        fixed = count - 1
        if len(given) > fixed:
            given[fixed:] = [tuple(given[fixed:])]
        elif len(given) == fixed and (fixed or not args):
            given.append(())
    if len(given) > count:
        raise Infeasible(
            "V006", f"`{code.name}` takes {counted(count, 'value')}, {len(given)} are given", code.usage(), origin, span
        )
    if named:
        given.extend([MISSING] * (count - len(given)))
        for name, value in named.items():
            if name not in code.values:
                raise Infeasible("V006", f"`{code.name}` has no argument {name}", code.usage(), origin, span)
            at = code.values.index(name)
            if given[at] is not MISSING:
                raise Infeasible("V006", f"argument {name} of `{code.name}` is given twice", None, origin, span)
            given[at] = value
    if len(given) < code.required or MISSING in given[: code.required]:
        if named:
            raise Infeasible("V006", f"`{code.name}` lacks an argument", code.usage(), origin, span)
        return Macro(code, tuple(given))
    given.extend([MISSING] * (count - len(given)))
    if code.tensors is not None:
        return Bound(code, tuple(given))
    regs = code.template.copy()
    regs[:count] = given
    frame = Frame(code.instructions, regs, origin)
    frame.name = code.name
    return frame


def entered(
    code: Code, values: tuple[Value, ...], args: tuple[Tensor, ...], origin: Choice | None, span: Span | None
) -> Frame:
    """The frame that runs the body of an arrow on tensors."""
    names = code.tensors
    assert names is not None
    regs = code.template.copy()
    n = len(values)
    regs[:n] = values
    if code.tensor_rest:
        fixed = len(names) - 1
        if len(args) >= fixed:
            regs[n : n + fixed + 1] = [*args[:fixed], args[fixed:]]
            return Frame(code.instructions, regs, origin)
    elif len(args) == len(names):
        regs[n : n + len(args)] = args
        return Frame(code.instructions, regs, origin)
    raise Infeasible(
        "T001",
        f"`{code.name}` takes {counted(len(names), 'tensor')}, {len(args)} were given",
        code.usage(),
        origin,
        span,
        args,
    )


def lacking(macro: Macro, tensors: int, origin: Choice | None, span: Span | None) -> Infeasible:
    """Why a definition that lacks values cannot be applied to some tensors."""
    code, given = macro.code, len(macro.args)
    waits = code.values[given : code.required]
    hint = code.usage()
    if code.tensors is None and len(waits) == tensors:
        hint = code.tensors_apart(given)
    return Infeasible("V006", f"`{code.name}` still awaits {', '.join(waits)}", hint, origin, span)


def lacking_in_main(macro: Macro, span: Span) -> Infeasible:
    """Why what `main` names is no arrow yet: more values come after the one that is the network's arrow."""
    code, given = macro.code, len(macro.args)
    waits = code.values[given : code.required]
    before, arrow = [*code.values[: given - 1], *waits], code.values[given - 1]
    hint = (
        f"the network's arrow is the last value that `main` gives: let the definition take `{arrow}` last, "
        f"`define {code.name}({', '.join([*before, arrow])})`, and write `//@ main {code.name}({', '.join(before)})`"
    )
    return Infeasible("V006", f"`{code.name}` still awaits {', '.join(waits)}", hint, None, span)
