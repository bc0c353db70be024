"""`einsyn.load`: from the name or path of a space to a `Space` with parameters and inputs fixed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from einsyn.diagnostics import Diagnostic, Span, closest, encodable
from einsyn.elaborate.choices import NoChooser
from einsyn.elaborate.compile import compile_expression
from einsyn.elaborate.frames import Frame
from einsyn.elaborate.infeasible import Infeasible
from einsyn.elaborate.limits import Limits
from einsyn.elaborate.machine import Machine
from einsyn.elaborate.program import Program
from einsyn.elaborate.trace import Trace
from einsyn.elaborate.values import Tensor
from einsyn.errors import EinsynError, GrammarError, UsageError
from einsyn.grammar.loader import load_grammar
from einsyn.grammar.macros.parser import Parser
from einsyn.grammar.values import scalar
from einsyn.ir.mismatch import Mismatch
from einsyn.ir.parse_type import TypeSyntax, parse_type
from einsyn.ir.sizes import Affine, read, solved, substituted
from einsyn.ir.types import TensorType
from einsyn.references import Given, References
from einsyn.shipped import grammars_folder, shipped_spaces
from einsyn.space import Space

if TYPE_CHECKING:
    from einsyn.grammar.model import Grammar, InputDecl, Scalar
    from einsyn.ir.types import Size

_ONLY_INPUT = ""


def load(
    space: str | Path,
    *,
    input: str | Mapping[str, str] | None = None,
    params: Mapping[str, Scalar | str] | None = None,
    profile: str | None = None,
    **limits: int | None,
) -> Space:
    """Load a search space.

    Args:
        space: the name of a shipped space or the path of a `.lark` file.
        input: a type for the input (`c:3,l:1024`, `3x32x32`), or one for each by name.
        params: values for `//@ param` names; text is read as the space would read it.
        profile: a `//@ profile` of the space to apply first.
        limits: `max_params` and the others, in place of the space's own.

    Raises:
        FileError: the file cannot be read.
        GrammarError: the space is wrong.
        UsageError: there is no such parameter, input or profile.
    """
    path, name = find_space(space)
    _check_form(input)
    given_params: dict[str, Scalar | str] = dict(params or {})
    explicit: dict[str, str] = {_ONLY_INPUT: input} if isinstance(input, str) else dict(input or {})
    inputs = explicit
    grammar = load_grammar(path, search=(grammars_folder(),)) if profile is not None else None
    if grammar is not None and profile is not None:
        profiled: dict[str, str] = {}
        for key, value in _profile(grammar, profile).items():
            if key in grammar.directives.params:
                given_params.setdefault(key, value)
            else:
                profiled[_ONLY_INPUT if key == "input" else key] = value
        inputs = inputs or profiled
    values = {key: _scalar(value) for key, value in given_params.items()}
    grammar = load_grammar(path, params=values, search=(grammars_folder(),))
    program = Program(grammar)
    types = _inputs(grammar, inputs)
    output = _output(grammar, program, types)
    own = Limits().merged(dict(grammar.directives.limits))
    loaded = Space(name, str(space), grammar, program, types, output, own, References(path))
    loaded.limits = loaded.bounds(limits)
    loaded.settings = values
    loaded.given = Given(params or {}, explicit, profile is not None)
    return loaded


def _check_form(given: object) -> None:
    """See that an input is given as text; sizes in a tuple are what people try first."""
    if given is not None and not isinstance(given, str | Mapping):
        said = f"an input is text, or a text for each name, not {given!r}"
        raise UsageError(Diagnostic("U008", said, hint='input="3x32x32"'))


def find_space(space: str | Path) -> tuple[Path, str]:
    """The file of a space given by name or path, and its name."""
    shipped = shipped_spaces()
    if isinstance(space, str) and space in shipped:
        return shipped[space], space
    path = Path(space)
    looks_like_path = isinstance(space, Path) or path.suffix or len(path.parts) > 1 or os.path.exists(path)
    if not looks_like_path:
        near = closest(str(space), shipped)
        raise UsageError(
            Diagnostic(
                "U005",
                f"there is no space `{space}`",
                hint=f"did you mean `{near}`?"
                if near
                else f"shipped spaces: {', '.join(shipped)}; or name a .lark file",
            )
        )
    return path, encodable(path.stem)


def _scalar(value: Scalar | str) -> Scalar:
    """A parameter's value; text from a command line is read as a token would be."""
    if not isinstance(value, str):
        return value
    return scalar(value)


def _profile(grammar: Grammar, profile: str) -> Mapping[str, str]:
    profiles = grammar.directives.profiles
    if profile not in profiles:
        near = closest(profile, profiles)
        hint = f"did you mean {near}?" if near else f"it has {', '.join(profiles) or 'none'}"
        raise UsageError(Diagnostic("U006", f"`{grammar.file}` has no profile `{profile}`", hint=hint))
    return profiles[profile]


# Types of inputs and output.


def _inputs(grammar: Grammar, given: Mapping[str, str]) -> tuple[tuple[str, TensorType], ...]:
    declared = grammar.directives.inputs
    if not declared:
        raise GrammarError(
            Diagnostic(
                "D050",
                "the space declares no input",
                Span(grammar.file, 1, 1),
                hint="add a line like `//@ input image f32[B, c:3, h:32, w:32]`",
            )
        )
    names = [d.name for d in declared]
    for name in given:
        if name == _ONLY_INPUT and len(names) > 1:
            raise UsageError(
                Diagnostic("U007", f"the space has several inputs: {', '.join(names)}", hint="write --input NAME=TYPE")
            )
        if name not in (*names, _ONLY_INPUT):
            near = closest(name, names)
            hint = f"did you mean {near}?" if near else f"its inputs are {', '.join(names)}"
            raise UsageError(Diagnostic("U007", f"the space has no input {name}", hint=hint))
    found: list[tuple[str, TensorType]] = []
    for declaration in declared:
        type_ = _declared_type(grammar, declaration)
        text = given.get(declaration.name, given.get(_ONLY_INPUT))
        if text is not None:
            try:
                type_ = parse_type(text, type_)
            except Mismatch as m:
                raise UsageError(Diagnostic("U008", f"the input `{text}`: {m.message}", hint=m.hint)) from None
        found.append((declaration.name, type_))
    return tuple(found)


def _declared_type(grammar: Grammar, declaration: InputDecl) -> TensorType:
    def resolve(text: str, column: int) -> Size:
        size = read(text)
        name = text if size is None else size.symbol
        value = grammar.directives.params.get(name)
        if size is None or value is None:
            return text
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise TypeSyntax("T032", f"parameter {name} is {value}, a size is a positive integer", column)
        return size.at(value)

    return _parse_declared(declaration, resolve)


def _parse_declared(declaration: InputDecl, resolve: Any) -> TensorType:
    try:
        return parse_type(declaration.type_text, None, resolve)
    except TypeSyntax as error:
        span = declaration.span
        place = Span(span.file, span.line, span.column + error.column - 1)
        raise GrammarError(Diagnostic(error.code, error.message, place, hint=error.hint)) from None


def _symbols(grammar: Grammar, inputs: tuple[tuple[str, TensorType], ...]) -> dict[str, Size | None]:
    """What the symbols of declared inputs are where other sizes were given in their place; None where nothing fits."""
    found: dict[str, Size | None] = {}
    for declaration, (_, given) in zip(grammar.directives.inputs, inputs, strict=True):
        declared = _declared_type(grammar, declaration)
        for axis, size in zip(declared.axes, declared.sizes, strict=True):
            if isinstance(size, str):
                there = given.sizes[given.axes.index(axis)] if axis in given.axes else None
                found.setdefault(Affine.of(size).symbol, None if there is None else solved(size, there))
    return found


def _output(grammar: Grammar, program: Program, inputs: tuple[tuple[str, TensorType], ...]) -> TensorType | None:
    """The declared output; its sizes are expressions over parameters and inputs, or open ones of the inputs."""
    declaration = grammar.directives.output
    if declaration is None:
        return None
    names = tuple(name for name, _ in inputs)
    symbols = _symbols(grammar, inputs)
    tensors = [Tensor(i, t) for i, (_, t) in enumerate(inputs)]

    def resolve(text: str, column: int) -> Size:
        size = read(text)
        if size is not None and size.symbol in symbols:
            meant = symbols[size.symbol]
            found = None if meant is None else substituted(text, meant)
            if found is None:
                said = f"{text} is no size: the input says no longer what {size.symbol} is"
                raise TypeSyntax("T032", said, column, "give the input sizes that its declaration allows")
            return found
        try:
            expression, _ = Parser(text, grammar.file).expression(0)
            code = compile_expression("output", expression, program.scope, names)
            regs = code.template.copy()
            regs[: len(names)] = tensors
            limits = Limits()
            machine = Machine(program.plans, NoChooser(), limits, Trace(limits))
            value = machine.run(Frame(code.instructions, regs, None))
        except EinsynError as error:
            raise TypeSyntax("T032", error.diagnostics[0].message, column, error.diagnostics[0].hint) from None
        except Infeasible as cause:
            raise TypeSyntax("T032", cause.message, column, cause.hint) from None
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise TypeSyntax("T032", f"{text} is {value}, a size is a positive integer", column)
        return value

    return _parse_declared(declaration, resolve)
