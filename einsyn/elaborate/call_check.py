"""What can be said of a call before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from einsyn.diagnostics import Diagnostic, closest, counted
from einsyn.elaborate.code import MISSING
from einsyn.elaborate.values import Builtin, Macro
from einsyn.grammar.macros.syntax import Call, Spread
from einsyn.ops.op import Op

if TYPE_CHECKING:
    from einsyn.elaborate.values import Value


def call_problems(node: Call, callee: Value) -> list[Diagnostic]:
    """D011 to D013 for a call that cannot work; `callee` is MISSING where it is not known yet."""
    if callee is MISSING or isinstance(callee, Op):
        return []
    count = len(node.positional)
    # A list that is spread may hold any number.
    fixed = not any(isinstance(a, Spread) for a in node.positional)
    names: Any = ()
    problem = None
    if isinstance(callee, Macro):
        code = callee.code
        names = code.values
        most = max(len(code.values), len(code.tensors or ()))
        if fixed and not code.rest and not code.tensor_rest and count > most:
            problem = (f"`{code.name}` takes at most {counted(most, 'argument')}, {count} are given", code.usage())
    elif isinstance(callee, type) and issubclass(callee, Op):
        names = callee.attributes
        variadic = any(a.variadic for a in callee.attributes.values())
        most = max(len(callee.attributes), callee.arity if callee.arity is not None else count)
        if fixed and not variadic and count > most:
            problem = (f"`{callee.name}` takes at most {counted(most, 'argument')}, {count} are given", callee.usage())
    elif isinstance(callee, Builtin):
        if fixed and (count < callee.minimum or (callee.maximum is not None and count > callee.maximum)):
            problem = (f"`{callee.name}` is given {counted(count, 'argument')}", callee.usage)
    else:
        return [Diagnostic("D012", "only arrows and macros can be applied", node.span, hint="this is a plain value")]
    if problem is not None:
        return [Diagnostic("D011", problem[0], node.span, hint=problem[1])]
    unknown = [name for name, _ in node.named if name not in names]
    if unknown and not getattr(callee, "open_names", False):
        near = closest(unknown[0], names)
        hint = f"did you mean `{near}`?" if near else f"it has {', '.join(names) or 'none'}"
        return [Diagnostic("D013", f"there is no argument {unknown[0]}", node.span, hint=hint)]
    return []
