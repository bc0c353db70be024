"""`//@` lines: what a space says beside its grammar."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Span, closest
from einsyn.errors import GrammarError
from einsyn.grammar.macros.parser import Parser
from einsyn.grammar.macros.slips import following_hint
from einsyn.grammar.macros.syntax import Binary, Definition, Expression, Literal, Require, Unary
from einsyn.grammar.model import InputDecl, Scalar
from einsyn.grammar.pragmas import PRAGMAS, blank_except

if TYPE_CHECKING:
    from einsyn.grammar.lark_tree import LarkFile
    from einsyn.grammar.report import Report

LIMITS: Final = ("max_depth", "max_size", "max_ops", "max_params", "max_memory")
DIRECTIVES: Final = (
    "einsyn",
    "input",
    "output",
    "param",
    "main",
    "define",
    "use",
    "require",
    "profile",
    "title",
    "cite",
    *LIMITS,
)

_WORD: Final = re.compile(r"[ \t]*([^\s()=]*)")
_NAME: Final = re.compile(r"[a-z_][A-Za-z0-9_]*")
_TYPE: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*[ \t]*\[[^\]\n]*\]")
_DEFINE: Final = re.compile(r"^[ \t]*define\b", re.MULTILINE)
_SIGN: Final = re.compile(r"[ \t]*([=:])(?!=)[ \t]*")
_BYTES: Final = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}
_NUMBER_EXAMPLES: Final = {"max_params": "5e7", "max_memory": "2 GiB"}


@dataclass(slots=True)
class FileDirectives:
    """The directives of one file, as written."""

    version: Span | None = None
    inputs: list[InputDecl] = field(default_factory=list[InputDecl])
    output: InputDecl | None = None
    params: dict[str, tuple[Scalar, Span]] = field(default_factory=dict[str, "tuple[Scalar, Span]"])
    main: Expression | None = None
    definitions: list[Definition] = field(default_factory=list[Definition])
    uses: list[tuple[str, Span]] = field(default_factory=list["tuple[str, Span]"])
    requires: list[Require] = field(default_factory=list[Require])
    limits: dict[str, int] = field(default_factory=dict[str, int])
    profiles: dict[str, dict[str, str]] = field(default_factory=dict[str, "dict[str, str]"])
    profile_spans: dict[str, Span] = field(default_factory=dict[str, Span])
    title: str | None = None
    cite: list[str] = field(default_factory=list[str])


def read_directives(tree: LarkFile, report: Report) -> FileDirectives:
    """All directives of a file, with their places."""
    return _Directives(tree, report).read()


class _Directives:
    def __init__(self, tree: LarkFile, report: Report) -> None:
        self._tree = tree
        self._report = report
        self._comments = [c for c in tree.comments if c.alone]
        self._text = blank_except(tree.text, self._comments)
        self._parser = Parser(self._text, tree.file)
        self._found = FileDirectives()

    def read(self) -> FileDirectives:
        inside: set[int] = set()
        for definition in (*self._tree.rules, *self._tree.terminals):
            inside.update(range(definition.span.line + 1, definition.last_line))
        done = 0  # definitions run over several lines
        unread = False
        for comment in self._comments:
            if comment.start < done:
                continue
            match = _WORD.match(self._text, comment.start + 3)
            assert match is not None
            word = match.group(1)
            span = self._span(comment.start, comment.end)
            if word in PRAGMAS:
                self._report.error(
                    "G046",
                    f"the pragma `{word}` stands alone on its line",
                    span,
                    "put it at the end of the line of its alternative or terminal",
                )
            elif word not in DIRECTIVES:
                near = closest(word, (*DIRECTIVES, *PRAGMAS))
                hint = f"did you mean `{near}`?" if near else f"directives are {', '.join(DIRECTIVES)}"
                self._report.error("G047", f"unknown directive `{word}`", span, hint)
            elif comment.line in inside:
                self._report.error("G048", f"the directive `{word}` stands inside a rule", span, "move it out")
            else:
                try:
                    done = self._directive(word, match.end(1), comment.end, span)
                except GrammarError as error:
                    self._report.add(error)
                    unread = True
                    done = self._next_define(comment.end) if word == "define" else comment.end
        if unread:  # what it would have said is missing from here on
            self._report.check()
        return self._found

    def _next_define(self, offset: int) -> int:
        """Where the next definition begins: lines before it may belong to one that could not be read."""
        found = _DEFINE.search(self._text, offset)
        return len(self._text) if found is None else found.start()

    def _directive(self, word: str, offset: int, end: int, span: Span) -> int:
        """Read one directive; returns where it ended."""
        text = self._text[offset:end].strip()
        match word:
            case "define":
                definition, offset = self._parser.definition(offset - len(word))
                self._found.definitions.append(definition)
                return self._rest(offset)
            case "main":
                self._once(word, self._found.main, span)
                self._need(text, word, "main classifier", span)
                self._no_sign(word, offset, end)
                self._found.main, offset = self._parser.expression(offset)
                return self._rest(offset)
            case "require":
                self._need(text, word, "require width % 8 == 0", span)
                requirement, offset = self._parser.require(offset)
                self._found.requires.append(requirement)
                return self._rest(offset)
            case "title":
                self._once(word, self._found.title, span)
                self._found.title = self._need(text, word, "title My space", span)
            case "cite":
                self._found.cite.append(self._need(text, word, "cite arXiv:2405.20838", span))
            case "einsyn":
                self._version(text, span)
            case "use":
                name = _before_remark(text)
                self._need(name, word, "use std.ein", span)
                self._found.uses.append((name, span))
            case "input":
                self._input(offset, end, span)
            case "output":
                self._once(word, self._found.output, span)
                self._found.output = InputDecl("output", *self._type(offset, end, span))
            case "param":
                self._param(offset, end, span)
            case "profile":
                self._profile(text, span)
            case _:
                self._limit(word, offset, end, span)
        return end

    # Parts.

    def _span(self, start: int, end: int) -> Span:
        return self._parser.source.span(start, end)

    def _rest(self, offset: int) -> int:
        """Nothing may follow on the line where a directive ends."""
        end = self._text.find("\n", offset)
        end = len(self._text) if end < 0 else end
        rest = _before_remark(self._text[offset:end])
        if rest:
            start = offset + self._text[offset:end].index(rest)
            self._report.fail(
                "G049", "something follows the end of the directive", self._span(start, end), following_hint(rest)
            )
        return end

    def _once(self, word: str, found: object, span: Span) -> None:
        if found is not None:
            self._report.error("G061", f"`{word}` is given twice", span, "keep one of them")

    def _need(self, text: str, word: str, example: str, span: Span) -> str:
        if not text:
            self._report.fail("G049", f"`{word}` needs an argument", span, f"for example `//@ {example}`")
        return text

    def _no_sign(self, words: str, offset: int, end: int) -> None:
        """What a directive says follows its words, without `=` or `:` between them."""
        match = _SIGN.match(self._text, offset, end)
        if match is not None:
            value = _before_remark(self._text[match.end() : end])
            raise self._parser.source.error(
                "D002",
                f"expected a value, found `{match[1]}`",
                match.start(1),
                match.end(1),
                f"write it without `{match[1]}`: `//@ {words} {value}`",
            )

    def _version(self, text: str, span: Span) -> None:
        self._once("einsyn", self._found.version, span)
        self._found.version = span
        if _before_remark(text) != "1":
            self._report.error(
                "G060",
                f"the language version `{_before_remark(text)}` is not known",
                span,
                "this einsyn reads version 1: `//@ einsyn 1`",
            )

    def _name(self, offset: int, end: int, what: str, example: str, span: Span) -> tuple[str, int]:
        match = _WORD.match(self._text, offset, end)
        assert match is not None
        name = match.group(1)
        if not _NAME.fullmatch(name):
            found = f"`{name}` is not a name for {what}" if name else f"{what} needs a name"
            self._report.fail("G049", found, span, f"for example `//@ {example}`")
        return name, match.end()

    def _type(self, offset: int, end: int, span: Span) -> tuple[str, Span]:
        """The text of a type, and where it stands."""
        text = self._text[offset:end]
        start = offset + len(text) - len(text.lstrip())
        match = _TYPE.match(self._text, start, end)
        if match is None:
            self._report.fail("G062", "a tensor type is needed here", span, "for example `f32[B, c:3, h:32, w:32]`")
        self._rest(match.end())
        return match.group(), self._span(match.start(), match.end())

    def _input(self, offset: int, end: int, span: Span) -> None:
        name, offset = self._name(offset, end, "an input", "input image f32[B, c:3, h:32, w:32]", span)
        if any(i.name == name for i in self._found.inputs):
            self._report.error("G061", f"the input `{name}` is declared twice", span, "give each input its own name")
        self._found.inputs.append(InputDecl(name, *self._type(offset, end, span)))

    def _param(self, offset: int, end: int, span: Span) -> None:
        example = "param classes 10"
        name, offset = self._name(offset, end, "a parameter", example, span)
        self._need(self._text[offset:end].strip(), f"param {name}", example, span)
        self._no_sign(f"param {name}", offset, end)
        expression, offset = self._parser.expression(offset)
        self._rest(offset)
        if name in self._found.params:
            self._report.error("G061", f"the parameter `{name}` is declared twice", span, "keep one of them")
        self._found.params[name] = (self._scalar(expression), span)

    def _scalar(self, expression: Expression) -> Scalar:
        if isinstance(expression, Literal) and expression.value is not None:
            return expression.value
        if isinstance(expression, Unary) and isinstance(expression.operand, Literal) and expression.operator == "-":
            value = expression.operand.value
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                return -value
        self._report.fail(
            "G063",
            "a parameter's default is a number, `true`, `false` or a string",
            expression.span,
            "write the value itself, strings in double quotes",
        )

    def _limit(self, word: str, offset: int, end: int, span: Span) -> None:
        self._once(word, self._found.limits.get(word), span)
        example = f"{word} {_NUMBER_EXAMPLES.get(word, '100')}"
        self._need(self._text[offset:end].strip(), word, example, span)
        self._no_sign(word, offset, end)
        expression, offset = self._parser.expression(offset)
        value = self._count(expression)
        unit = _before_remark(self._text[offset:end])
        if unit and word == "max_memory" and unit in _BYTES:
            value = None if value is None else value * _BYTES[unit]
        elif unit:
            self._report.fail("G064", f"`{unit}` does not belong after the limit", span, f"for example `//@ {example}`")
        if value is None or value != int(value) or value < 1:
            self._report.error(
                "G064", f"`{word}` must be a whole number of at least 1", span, f"for example `//@ {example}`"
            )
            return
        self._found.limits[word] = int(value)

    def _count(self, expression: Expression) -> int | float | None:
        """`5e7`, `2**31`, `2 * 1024`: enough for limits."""
        if isinstance(expression, Literal):
            value = expression.value
            return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
        if isinstance(expression, Binary) and expression.operator in ("*", "**"):
            left, right = self._count(expression.left), self._count(expression.right)
            if left is None or right is None:
                return None
            if expression.operator == "*":
                return left * right
            return left**right if 0 <= right <= 128 and abs(left) <= 1e9 else None
        return None

    def _profile(self, text: str, span: Span) -> None:
        words = _before_remark(text).split()
        if not words or not _NAME.fullmatch(words[0]):
            self._report.fail(
                "G065", "a profile needs a name", span, "for example `//@ profile test input=3x16x16 width=4`"
            )
        if words[0] in self._found.profiles:
            self._report.error("G061", f"the profile `{words[0]}` is given twice", span, "keep one of them")
        settings: dict[str, str] = {}
        for word in words[1:]:
            key, equals, value = word.partition("=")
            if not equals or not value or not _NAME.fullmatch(key):
                self._report.fail("G065", f"`{word}` is not a setting", span, "settings are written `name=value`")
            if key in settings:
                self._report.fail("G065", f"`{key}` is set twice in the profile", span, "keep one of them")
            settings[key] = value
        self._found.profiles[words[0]] = settings
        self._found.profile_spans[words[0]] = span


def _before_remark(text: str) -> str:
    return text.split("//")[0].strip()
