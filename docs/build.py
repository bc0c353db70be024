"""Writes the generated pages of the reference and checks the links of all pages.

    python docs/build.py           write what changed
    python docs/build.py --check   write nothing; fail if a page is out of date

Both fail if a link between pages leads nowhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from importlib import import_module
from inspect import getdoc, isclass, isfunction, signature
from pathlib import Path
from typing import Any, get_args, get_type_hints

ROOT = Path(__file__).resolve().parent.parent
REFERENCE = ROOT / "docs" / "reference"
NOTICE = "<!-- Written by docs/build.py; change the code and run `make docs`. -->"


def paragraphs(*parts: str) -> str:
    """Markdown blocks with an empty line between them."""
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table; bars in cells are escaped."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


# Operations.

FACTS = re.compile(r"(?<![\w`])(Shapes|Parameters|Buffers|MACs|Errors|Source): ")
FAMILIES = {
    "linear": "Linear",
    "convolution": "Convolution",
    "pooling": "Pooling",
    "normalisation": "Normalisation",
    "moments": "Moments of groups and batches",
    "activation": "Activation functions",
    "functions": "Other functions of each element",
    "arithmetic": "Arithmetic of tensors",
    "scalars": "Arithmetic with numbers",
    "product": "Matrix products",
    "attention": "Attention",
    "linear_attention": "Linear attention",
    "reduction": "Reductions",
    "resampling": "Borders, resizing, blurring",
    "shuffling": "Channels against places, channels dealt out",
    "routing": "Permutations, windows as tokens, axes renamed",
    "rearrange": "Axes by pattern",
    "scan": "Loops",
    "structure": "Copies, zeros, flattening",
    "parts": "Parts along an axis, joins",
    "position": "Position",
    "regularisation": "While training",
    "weight": "Learned tensors as values",
}


def ops_page() -> str:
    """Every primitive operation, by family."""
    from einsyn.ops import OPS

    own = [op for op in OPS.values() if op.__module__.startswith("einsyn.ops.")]
    by_family: dict[str, list[Any]] = {}
    for op in sorted(own, key=lambda o: o.name):
        by_family.setdefault(op.__module__.rpartition(".")[2], []).append(op)
    order = [*(f for f in FAMILIES if f in by_family), *(f for f in sorted(by_family) if f not in FAMILIES)]
    parts = [
        "# Operations",
        NOTICE,
        f"The {len(own)} primitives of the definition language. `einsyn ops` lists them, `einsyn ops NAME` shows one.",
        "`...` in a shape stands for any axes. MACs are multiply-accumulates of convolutions and matrix products at "
        "batch 1, biases excluded. The codes of errors are explained [here](errors.md).",
    ]
    for family in order:
        parts.append(f"## {FAMILIES.get(family, family.capitalize())}")
        for op in by_family[family]:
            parts += _operation(op)
    return paragraphs(*parts)


def _operation(op: Any) -> list[str]:
    text = " ".join((getdoc(op) or "").split())
    pieces = FACTS.split(text)
    facts = [f"- {name}: {said.strip().rstrip('.')}" for name, said in zip(pieces[1::2], pieces[2::2], strict=True)]
    rows = [(f"`{key}`", a.kind, "required" if a.required else _default(a), a.doc) for key, a in op.attributes.items()]
    shown = table(("attribute", "kind", "default", "meaning"), rows) if rows and op.name != "weight" else ""
    return [f"### `{op.usage()}`", pieces[0].strip(), "\n".join(facts), shown]


def _default(attribute: Any) -> str:
    if attribute.variadic:
        return ""
    return f"`{attribute.same_as}`" if attribute.same_as else f"`{attribute.show(attribute.default)}`"


# The shipped library.

COMMENT = re.compile(r"^//[ ]?(.*)$")


def library_page() -> str:
    """Every definition of the shipped `.ein` files, with the comment that stands above it."""
    from einsyn.shipped import grammars_folder

    parts = [
        "# The shipped library",
        NOTICE,
        "Definitions that come with einsyn. `//@ use std.ein` in a space, or `use std.ein` in a `.ein` file, takes "
        "them in; a file of that name beside the space goes before the shipped one, and a definition of the space "
        "replaces a used one. The first list of a definition takes values, the second tensors; without a second list "
        "the definition gives an arrow or a value.",
    ]
    for file in sorted(grammars_folder().glob("*.ein")):
        parts += [f"## {file.name}", *_definitions(file)]
    return paragraphs(*parts)


def _definitions(file: Path) -> list[str]:
    """A file's comments as prose; the one right above a definition belongs to it, a lone line is a heading."""
    from einsyn.grammar.macros.parser import Parser

    text = file.read_text(encoding="utf-8")
    _, found = Parser(text, str(file)).file()
    starts = {d.span.line: d for d in found}
    parts: list[str] = []
    comment: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if said := COMMENT.match(line):
            comment.append(said[1])
            continue
        if number in starts:
            if not comment:
                raise SystemExit(f"{file}:{number}: `{starts[number].name}` has no comment above it")
            parts += [f"#### `{_usage(starts[number], text)}`", "\n".join(comment)]
        elif len(comment) == 1 and parts:
            parts.append(f"### {comment[0]}")
        elif comment:
            parts.append("\n".join(comment))
        comment = []
    return parts


def _usage(definition: Any, text: str) -> str:
    """A definition as it is called, with its defaults."""
    lines = text.splitlines()

    def parameter(p: Any) -> str:
        if p.default is None:
            return f"*{p.name}" if p.rest else p.name
        at = p.default.span
        return f"{p.name}={lines[at.line - 1][at.column - 1 : at.end_column - 1]}"

    lists = [definition.values, *([definition.tensors] if definition.tensors is not None else [])]
    return definition.name + "".join(f"({', '.join(parameter(p) for p in each)})" for each in lists)


# Commands.


def commands_page() -> str:
    """Every command with its arguments and options."""
    from einsyn.cli.main import app

    parts = [
        "# Commands",
        NOTICE,
        "A SPACE is a `.lark` file or the name of a shipped space (`einsyn spaces`). An ARCH is the text of an "
        "architecture, `@FILE`, `-` for standard input, or `ref:NAME` for a reference architecture of the space.",
        "Results go to standard output, messages to standard error. `--json` anywhere gives one JSON object a line. "
        "The exit status is 0 if all is well, 1 if the input is wrong, 2 if the command line is wrong, 3 after an "
        "internal error. [Diagnostics](errors.md) have stable codes.",
        "`einsyn --version` prints the version; `einsyn --plugin MODULE COMMAND ...` first imports a module that "
        "declares operations; `einsyn COMMAND --help` says what is written here.",
    ]
    for command in app.registered_commands:
        assert command.callback is not None
        arguments, options = _parameters(command.callback)
        words = ["einsyn", command.name, *(name for name, _ in arguments), "[OPTIONS]" if options else ""]
        usage = " ".join(word for word in words if word)
        rows = [(f"`{name}`", meaning) for name, meaning in (*arguments, *options)]
        shown = table(("argument or option", "meaning"), rows) if rows else ""
        doc = getdoc(command.callback) or ""
        parts += [f"## einsyn {command.name}", doc, f"```text\n{usage}\n```", shown]
    return paragraphs(*parts)


def _parameters(callback: Callable[..., Any]) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Arguments and options of a command, each with how it is written and what it means."""
    from typer.models import ArgumentInfo, Context

    hints = get_type_hints(callback, include_extras=True)
    arguments: list[tuple[str, str]] = []
    options: list[tuple[str, str]] = []
    for parameter in signature(callback).parameters.values():
        hint = hints[parameter.name]
        if hint is Context:
            continue
        if type(None) in get_args(hint):  # `Annotated[...] | None`
            hint = next(h for h in get_args(hint) if h is not type(None))
        kind, info = get_args(hint)[:2]
        default = parameter.default
        if isinstance(info, ArgumentInfo):
            optional = default is not parameter.empty and not str(info.metavar).startswith("[")
            arguments.append((f"[{info.metavar}]" if optional else str(info.metavar), info.help or ""))
            continue
        # Inside `Annotated` typer keeps the first declaration as the default.
        given = [d for d in (info.default, *(info.param_decls or ())) if isinstance(d, str) and d.startswith("-")]
        names = ", ".join(sorted(given or [f"--{parameter.name.strip('_').replace('_', '-')}"], key=len))
        meaning = info.help or ""
        if default is parameter.empty:
            meaning += " Required."
        elif isinstance(default, int | str) and not isinstance(default, bool):
            meaning += f" Default: {getattr(default, 'value', default)}."
        options.append((names if kind is bool else f"{names} {info.metavar or _value(kind)}", meaning))
    return arguments, options


def _value(kind: Any) -> str:
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return "N"


# Diagnostics.


def errors_page() -> str:
    """Every code of a diagnostic."""
    from einsyn.codes import CODES, FAMILIES

    parts = [
        "# Diagnostics",
        NOTICE,
        "Everything that is wrong with a space, an architecture, a file or a command is told in one form: a stable "
        "code, the place (file, line and column, or the path in the derivation), the evidence, a hint, and a command "
        "that shows it again. The first letter of the code names the family. A code never changes its meaning.",
        "The Python API raises the same diagnostics as exceptions: see [errors in Python](api.md#errors).",
    ]
    for family, meaning in FAMILIES.items():
        rows = [(f"`{code}`", said) for code, said in CODES.items() if code[0] == family]
        parts += [f"## {family}: {meaning}", table(("code", "meaning"), sorted(rows))]
    return paragraphs(*parts)


# The Python API.

API = {
    "Loading": ("load", "shipped_spaces"),
    "Spaces and architectures": ("Space", "Architecture", "canonical_hash", "Sampler", "Limits"),
    "Derivations and choosers": ("Derivation", "Token", "Chooser", "RandomChooser", "TreeChooser"),
    "Weights": ("transfer", "Transfer"),
    "Operations and types": ("Op", "Param", "TensorType", "OPS"),
    "Errors": (
        "EinsynError",
        "GrammarError",
        "ArchitectureError",
        "InfeasibleError",
        "SamplingError",
        "FileError",
        "UsageError",
        "BackendError",
        "OpError",
        "WeightsError",
        "DataError",
        "RunError",
        "Mismatch",
        "Diagnostic",
        "Span",
    ),
}
INHERITED = ("with_traceback", "add_note")


def api_page() -> str:
    """Every public name, from its signature and docstring."""
    import einsyn

    listed = {name for names in API.values() for name in names} | {"__version__"}
    if listed != set(einsyn.__all__):
        raise SystemExit(f"docs/build.py: API lacks or has too much: {sorted(listed ^ set(einsyn.__all__))}")
    parts = [
        "# Python API",
        NOTICE,
        "All public names are imported from `einsyn`. `import einsyn` loads neither torch nor ONNX nor numpy; they "
        "are imported when a module or a model is asked for. Whatever is not on this page may change without notice.",
        "An operation of your own also needs `from einsyn.ops import attributes`: "
        "[how to add an operation](../how-to/add-an-op.md).",
    ]
    for title, names in API.items():
        parts.append(f"## {title}")
        for name in names:
            parts += _public(name, getattr(einsyn, name))
            if name == "Architecture":
                parts += _public("Verification", import_module("einsyn.backends.verify").Verification)
    return paragraphs(*parts)


def _public(name: str, value: Any) -> list[str]:
    if name == "OPS":
        return ["### `OPS`", "The registry: classes of operations by name. [All of them](ops.md)."]
    if isfunction(value):
        return [f"### `{name}`", _code(f"einsyn.{name}{_signature(value)}"), _prose(value)]
    parts = [f"### `{name}`", _prose(value)]
    for key, member in _members(value):
        if key.startswith("_") or key in INHERITED:
            continue
        called = member.__func__ if isinstance(member, classmethod | staticmethod) else member
        inner = getattr(called, "fget", None) or getattr(called, "func", None)
        if isfunction(called):
            parts += [_code(f"{name}.{key}{_signature(called, method=True)}"), _prose(called)]
        elif inner is not None and getdoc(inner):
            kind = inner.__annotations__.get("return", "")
            parts += [_code(f"{name}.{key}: {kind}"), _prose(inner)]
    return parts


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """What a class declares, and what its bases do that only help to divide it: those that have no entry themselves."""
    for base in value.__mro__:
        own = base.__module__.startswith("einsyn.")
        if base is value or (own and base.__name__ not in {name for names in API.values() for name in names}):
            yield from vars(base).items()


def _signature(function: Callable[..., Any], *, method: bool = False) -> str:
    found = signature(function)
    parameters = list(found.parameters.values())
    if method and parameters and parameters[0].name in ("self", "cls"):
        parameters = parameters[1:]
    return str(found.replace(parameters=parameters)).replace("'", "")


def _code(text: str) -> str:
    return f"```text\n{text}\n```"


def _prose(value: Any) -> str:
    """A docstring as Markdown: Google's sections become lists, indented examples code."""
    out: list[str] = []
    section = False
    for line in (getdoc(value) or "").splitlines():
        stripped = line.strip()
        if stripped in ("Args:", "Raises:", "Returns:", "Class attributes:", "Attributes:"):
            section = True
            out += [f"{stripped.rstrip(':').replace('Args', 'Arguments')}:", ""]
        elif section and line.startswith("    ") and not line.startswith("     "):
            name, colon, rest = stripped.partition(": ")
            out.append(f"- `{name}`: {rest}" if colon and len(name) < 90 and "." not in name else f"- {stripped}")
        elif section and line.startswith("     "):
            out.append(f"  {stripped}")
        else:
            section = section and not stripped
            out.append(line)
    return "\n".join(out) if isclass(value) or out else ""


PAGES: dict[str, Callable[[], str]] = {
    "ops.md": ops_page,
    "library.md": library_page,
    "commands.md": commands_page,
    "errors.md": errors_page,
    "api.md": api_page,
}


# Links.

LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1[ \t]*$", re.MULTILINE | re.DOTALL)


def sources() -> list[Path]:
    """Every page of the project."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def anchors(text: str) -> set[str]:
    """What a page's headings are called in links."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links() -> list[str]:
    """Links between pages that lead nowhere."""
    found: list[str] = []
    for page in sources():
        text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
        for link in LINK.findall(text):
            if link.startswith(("https://", "http://", "mailto:")):
                continue
            path, _, anchor = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists() or not target.is_relative_to(ROOT):
                found.append(f"{page.relative_to(ROOT)}: {link} does not exist")
            elif anchor and anchor not in anchors(target.read_text(encoding="utf-8")):
                found.append(f"{page.relative_to(ROOT)}: {link} has no such heading")
    return found


def main(arguments: list[str]) -> int:
    """Write or check; returns the exit status."""
    import_module("einsyn")
    check = arguments == ["--check"]
    if arguments and not check:
        print(__doc__)
        return 2
    wrong: list[str] = []
    for name, make in PAGES.items():
        file = REFERENCE / name
        text = make()
        if file.exists() and file.read_text(encoding="utf-8") == text:
            continue
        if check:
            wrong.append(f"docs/reference/{name} is out of date: run `make docs`")
        else:
            file.write_text(text, encoding="utf-8")
            print(f"wrote docs/reference/{name}")
    wrong += broken_links()
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
