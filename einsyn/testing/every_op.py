"""A search space over every registered operation, written from what the type rules allow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.testing.closure import INPUTS, TABLE, Closure, Kind, Operand, Step, close, instances

if TYPE_CHECKING:
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op

# The probability that a chain ends after a step, so that chains have ten steps at most times.
_END: Final = "0.1"


def every_op_space(closure: Closure | None = None) -> str:
    """The text of a space whose architectures are chains of operations, each legal for the kind that it meets.

    Sizes may still not fit; such draws are rejected like those of any space.

    Args:
        closure: what may be applied; by default what the whole registry allows.
    """
    closure = closure or close()
    names = _names(closure)
    starts = {f"from_{name}": (name, name, Kind.of(t)) for name, t in INPUTS.items()}
    for number, (op, t) in enumerate(_sources(), 1):
        starts[f"from_{op.name}{number}"] = (f"{op.name}{number}", f"{op}()", Kind.of(t))
    lines = [
        "// Chains of operations: every registered operation, at every kind of tensor that it takes.",
        "// Written by `einsyn ops --space`.",
        "//@ einsyn 1",
        "//@ title every operation",
        *(f"//@ input {name} {t}" for name, t in INPUTS.items()),
        "",
        _rule("start", [f'"{token}" {kind.name} -> {alias}' for alias, (token, _, kind) in starts.items()]),
    ]
    groups: dict[Kind, dict[tuple[str, Kind], dict[int, None]]] = {kind: {} for kind in closure.types}
    for step in closure.steps:
        if step.after in closure.types:
            group = groups[step.before].setdefault((step.op.name, step.after), {})
            group[names[step][1]] = None
    for kind, found in groups.items():
        rows = [f'">" {_group(kind, op, after)} {after.name} -> seq' for op, after in found]
        lines.append(_rule(kind.name, [f"-> identity  //@ p {_END}", *rows] if rows else ["-> identity"]))
        for (op, after), numbers in found.items():
            lines.append(_rule(_group(kind, op, after), [f'"{op}" "{number}" -> {op}_{number}' for number in numbers]))
    lines.append('%ignore " "')
    inputs = ", ".join(INPUTS)
    lines += [f"//@ define {alias}(body)({inputs}) = body({given})" for alias, (_, given, _) in starts.items()]
    lines += dict.fromkeys(f"//@ define {op}_{n}()(x) = {_written(step)}" for step, (op, n) in names.items())
    return "\n".join(lines) + "\n"


def _sources() -> list[tuple[Op, TensorType]]:
    """Operations without operands whose result is of a kind that others are applied to."""
    found = [(op, t) for op in instances() if type(op).arity == 0 for t in op.signature(()).outputs]
    return [(op, t) for op, t in found if Kind.of(t).followed]


def _group(before: Kind, op: str, after: Kind) -> str:
    return f"{before.name}__{op}__{after.name}"


def _rule(name: str, alternatives: list[str]) -> str:
    return f"{name}: " + "\n    | ".join(alternatives)


def _names(closure: Closure) -> dict[Step, tuple[str, int]]:
    """The operation's name and a number for every step.

    Steps that are written alike share one at all kinds of tensor, unless their results are of different kinds.
    """
    after: dict[tuple[str, Kind], set[Kind]] = {}
    for step in closure.steps:
        after.setdefault((_written(step), step.before), set()).add(step.after)
    unclear = {written for (written, _), kinds in after.items() if len(kinds) > 1}
    numbers: dict[str, dict[tuple[str, Kind | None], int]] = {}
    found: dict[Step, tuple[str, int]] = {}
    for step in closure.steps:
        known = numbers.setdefault(step.op.name, {})
        key = (_written(step), step.after if _written(step) in unclear else None)
        found[step] = (step.op.name, known.setdefault(key, len(known) + 1))
    return found


def _written(step: Step) -> str:
    """The expression of a step on a tensor `x`; of several results the last."""
    given = ", ".join(_operand(operand, step.before.axes) for operand in step.operands)
    call = f"{step.op}({given})"
    return f"{call}[{step.results - 1}]" if step.results > 1 else call


def _operand(operand: Operand, axes: tuple[str, ...]) -> str:
    text = "x"
    if operand.source == "weight":
        text = f"weight({', '.join(f'{axis}=size_of(x, {position})' for position, axis in enumerate(axes, 1))})()"
    elif operand.source == "table":
        sizes = zip(TABLE.axes, TABLE.sizes, strict=True)
        text = f"weight({', '.join(f'{axis}={size}' for axis, size in sizes)})()"
    return text if operand.step is None else f"{operand.step}({text})"
