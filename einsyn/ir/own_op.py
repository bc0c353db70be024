"""Mistakes in operations that users declare: which method of which operation, and where in whose file.

A built-in operation that fails is a bug of einsyn, and its exception goes through as it is.
"""

from __future__ import annotations

import linecache
from collections.abc import Mapping
from traceback import walk_tb
from typing import TYPE_CHECKING, Any, Final, cast

from einsyn.diagnostics import Diagnostic, Span
from einsyn.errors import EinsynError, OpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from einsyn.ir.graph import Operation
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Op

_SHOWN: Final = 300
TRACEBACK: Final = "EINSYN_TRACEBACK"
_HINT: Final = f"{TRACEBACK}=1 shows the whole traceback; einsyn.testing.check_op tests the operation alone"
# What each method has to return.
_ANSWERS: Final = {
    "infer": "the type of the output, or a tuple of types",
    "params": "a dictionary of `einsyn.Param` by name",
    "buffers": "a dictionary of `einsyn.Param` by name",
    "macs": "a whole number",
    "torch": "a Python expression, or a tuple of one name for each output",
    "onnx": "the name of the output, or a tuple of one name for each",
}


def is_own(cls: type[Op]) -> bool:
    """Whether a class of operations is a user's, not one of einsyn's."""
    return not cls.__module__.startswith("einsyn.")


def lowered(operation: Operation, backend: str, context: Any) -> str | tuple[str, ...]:
    """What the form of an operation for a backend is.

    Raises:
        OpError: O001 the method of a user's operation raises an exception, O002 it returns what cannot be used; with
            the place in the derivation.
    """
    op, outputs = operation.op, len(operation.outputs)
    try:
        written: str | tuple[str, ...] = getattr(op, backend)(context)
    except Exception as error:  # whatever the code of users raises is theirs
        found = told(op, backend, error)
        if found is error or not isinstance(found, OpError):
            raise
        raise found.at(str(operation.path), operation.span) from error
    if is_own(type(op)) and not _names(written, outputs, backend):
        plural = "" if outputs == 1 else "s"
        wrong = unusable(op, backend, f"for {outputs} output{plural} it returns {_brief(written)}")
        raise wrong.at(str(operation.path), operation.span)
    return written


def told(op: Op, method: str, error: Exception, types: Iterable[TensorType] = ()) -> Exception:
    """An exception of a method as it is told: that of a user's operation as an `OpError`, others as they are."""
    if isinstance(error, EinsynError) or not is_own(type(op)):
        return error
    homes = {cls.__module__ for cls in type(op).__mro__ if not cls.__module__.startswith("einsyn.")}
    frames = [(f.f_code, n) for f, n in walk_tb(error.__traceback__) if f.f_globals.get("__name__") in homes]
    shown = tuple(map(str, types))
    on = (f"on {', '.join(shown)}",) if shown else ()
    if not frames and method in _ANSWERS:
        return unusable(op, method, text_of(error), on)
    if not frames:
        return error
    code, line = frames[-1]
    said = f"`{method}` of the operation `{op.name}` raises {text_of(error)}"
    where = _place(code.co_filename, line, f"in {code.co_name}: ")
    return OpError(Diagnostic("O001", said, Span(code.co_filename, line, 1), None, (where, *on), _HINT))


def told_of_any(error: Exception) -> Exception:
    """The same for an exception from anywhere: some method of an operation may have raised it."""
    from einsyn.ops.op import Op

    for frame, _ in walk_tb(error.__traceback__):
        op = frame.f_locals.get("self")
        if isinstance(op, Op) and is_own(type(op)):
            return told(op, frame.f_code.co_name, error)
    return error


def unusable(op: Op, method: str, why: str, evidence: tuple[str, ...] = ()) -> OpError:
    """That what a method returns cannot be used."""
    code = getattr(type(op), method).__code__
    file, line = code.co_filename, code.co_firstlineno
    said = f"what `{method}` of the operation `{op.name}` returns cannot be used: {why}"
    shown = (_place(file, line), *evidence)
    return OpError(Diagnostic("O002", said, Span(file, line, 1), None, shown, f"it has to return {_ANSWERS[method]}"))


def check_answer(op: Op, method: str, answer: object) -> None:
    """Raise O002 where a method that works out types or costs returns something else."""
    from einsyn.ir.types import TensorType
    from einsyn.ops.op import Param

    if method == "infer":
        fits = isinstance(answer, TensorType) or _all_are(answer, TensorType)
    elif method == "macs":
        fits = isinstance(answer, int) and answer >= 0
    else:
        fits = isinstance(answer, Mapping) and _all_are(list(cast("Mapping[Any, Any]", answer).values()), Param)
    if not fits:
        raise unusable(op, method, f"it returns {_brief(cast('object', answer))}")


def _all_are(items: object, kind: type) -> bool:
    return isinstance(items, tuple | list) and all(isinstance(i, kind) for i in cast("tuple[object, ...]", items))


def _names(written: object, outputs: int, backend: str) -> bool:
    """Whether it is an expression, or a name for each output."""
    if isinstance(written, str):
        return backend == "torch" or outputs == 1
    return _all_are(written, str) and len(cast("tuple[str, ...]", written)) == outputs


def _place(file: str, line: int, said: str = "") -> str:
    return f"{file}:{line}: {said}{linecache.getline(file, line).strip()}"


def text_of(error: Exception) -> str:
    """The class of an exception and the first line of its text."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}{': ' + said[0] if said else ''}"[:_SHOWN]


def _brief(value: object) -> str:
    return "nothing" if value is None else f"{type(value).__name__} {value!r}"[:_SHOWN].splitlines()[0]
