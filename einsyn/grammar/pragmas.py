"""`//@` comments at the end of a line: weights of alternatives and domains of terminals."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Span, closest
from einsyn.errors import GrammarError
from einsyn.grammar.macros.parser import Parser
from einsyn.grammar.macros.slips import percent_hint
from einsyn.grammar.macros.syntax import Binary, Expression

if TYPE_CHECKING:
    from einsyn.grammar.lark_tree import Comment, Import, LarkFile, RuleDef, TerminalDef
    from einsyn.grammar.report import Report

SHARES: Final = ("p", "w")
DOMAINS: Final = ("int", "float", "one_of")
PRAGMAS: Final = (*SHARES, "uniform", *DOMAINS)

_WORD: Final = re.compile(r"[ \t]*([A-Za-z_][A-Za-z0-9_]*)?")
_SPACE: Final = re.compile(r"[ \t]*(?://[^\n]*)?")
_ITEM: Final = re.compile(r'[ \t]*(?:"([^"\n]*)"|((?:[^\s"/]|/(?!/))+))')
_ALIKE: Final = re.compile(r"[/# \t]*@[ \t]*(\w+)(?!\S)")


_NEEDS: Final = {
    "p": ("a probability", "p 0.3"),
    "w": ("a weight", "w 2"),
    "int": ("a range", "int 1..8"),
    "float": ("a range", "float 0.5..4 step 0.5"),
    "step": ("a number", "int 8..64 step 8"),
}


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Share:
    """`p EXPR` or `w EXPR`."""

    kind: str
    expression: Expression
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class DomainPart:
    """`a..b [step s | log]`, or the texts of `one_of`."""

    span: Span
    low: Expression | None = None
    high: Expression | None = None
    step: Expression | None = None
    log: bool = False
    texts: tuple[str, ...] = ()


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class DomainPragma:
    """A declared domain: the first part is drawn from, the others (`also`) are only parsed."""

    kind: str
    parts: tuple[DomainPart, ...]
    span: Span


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class RulePragmas:
    """Pragmas of one rule: shares by number of the written alternative."""

    shares: dict[int, Share] = field(default_factory=dict[int, Share])
    uniform: Span | None = None


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class TerminalPragmas:
    """The pragma of one terminal: a domain, or a share for each of its texts."""

    domain: DomainPragma | None = None
    shares: tuple[Share, ...] = ()


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class FilePragmas:
    """All pragmas of a file, by name of the rule or terminal. Imported terminals take the name they get here."""

    rules: dict[str, RulePragmas] = field(default_factory=dict[str, RulePragmas])
    terminals: dict[str, TerminalPragmas] = field(default_factory=dict[str, TerminalPragmas])


def blank_except(text: str, comments: list[Comment]) -> str:
    """The text with everything but the inside of some comments turned to spaces, so that places stay true."""
    out: list[str] = []
    end = 0
    for comment in comments:
        out.append(re.sub(r"[^\n]", " ", text[end : comment.start + 3]))
        out.append(text[comment.start + 3 : comment.end])
        end = comment.end
    out.append(re.sub(r"[^\n]", " ", text[end:]))
    return "".join(out)


def read_pragmas(tree: LarkFile, report: Report) -> FilePragmas:
    """The pragmas at the ends of lines, attached to what they belong to."""
    return _Pragmas(tree, report).read()


class _Pragmas:
    def __init__(self, tree: LarkFile, report: Report) -> None:
        self._tree = tree
        self._report = report
        self._comments = [c for c in tree.comments if not c.alone]
        self._text = blank_except(tree.text, self._comments)
        self._parser = Parser(self._text, tree.file)
        self._found = FilePragmas()

    def read(self) -> FilePragmas:
        owners: dict[int, RuleDef | TerminalDef | Import] = {}
        for definition in (*self._tree.rules, *self._tree.terminals):
            owners.update(dict.fromkeys(range(definition.span.line, definition.last_line + 1), definition))
        for statement in self._tree.imports:
            owners[statement.span.line] = statement
        for comment in self._comments:
            try:
                self._comment(comment, owners.get(comment.line))
            except GrammarError as error:
                self._report.add(error)
        self._note_alike()
        return self._found

    def _note_alike(self) -> None:
        """Comments that would be pragmas or directives if they began with `//@`."""
        from einsyn.grammar.directives import DIRECTIVES

        for comment in self._tree.alike:
            text = self._tree.text[comment.start : comment.end]
            match = _ALIKE.match(text)
            if match is not None and match[1] in (*PRAGMAS, *DIRECTIVES):
                self._report.note(
                    "G113",
                    f"a comment that reads like `{match[1]}` and is none",
                    self._span(comment.start, comment.end),
                    f"write `//@ {text[match.start(1) :]}`, without anything between `//` and `@`, if it is meant",
                )

    def _comment(self, comment: Comment, owner: RuleDef | TerminalDef | Import | None) -> None:
        from einsyn.grammar.lark_tree import Import, RuleDef

        match = _WORD.match(self._text, comment.start + 3)
        assert match is not None
        word = match.group(1) or ""
        span = self._span(comment.start, comment.end)
        if word not in PRAGMAS:
            self._unknown(word, span)
            return
        if owner is None or (isinstance(owner, Import) and len(owner.names) != 1):
            self._report.error(
                "G040",
                f"`{word}` stands at the end of a line that defines nothing",
                span,
                "put it at the end of the alternative or terminal that it is about",
            )
            return
        if isinstance(owner, RuleDef):
            self._rule(word, match.end(), comment, span, owner)
            return
        name = owner.names[0][1] if isinstance(owner, Import) else owner.name
        if word == "uniform" or not name.lstrip("_")[:1].isupper():
            self._report.error(
                "G041",
                f"`{word}` is not a pragma for `{name}`",
                span,
                "terminals take `p`, `w`, `int`, `float` or `one_of`",
            )
            return
        if name in self._found.terminals:
            self._report.error("G041", f"the terminal `{name}` has two pragmas", span, "keep one of them")
            return
        self._found.terminals[name] = self._terminal(word, match.end(), comment, span)

    def _unknown(self, word: str, span: Span) -> None:
        from einsyn.grammar.directives import DIRECTIVES

        if word in DIRECTIVES:
            self._report.error(
                "G042",
                f"the directive `{word}` stands at the end of a line",
                span,
                f"give it a line of its own: `//@ {word} ...`",
            )
            return
        near = closest(word, PRAGMAS)
        hint = (
            f"did you mean `{near}`?" if near else "a line can end with `p`, `w`, `uniform`, `int`, `float`, `one_of`"
        )
        self._report.error("G043", f"unknown pragma `{word}`" if word else "`//@` without a word", span, hint)

    # Rules.

    def _rule(self, word: str, offset: int, comment: Comment, span: Span, owner: RuleDef) -> None:
        pragmas = self._found.rules.setdefault(owner.name, RulePragmas())
        if word in DOMAINS:
            self._report.error(
                "G041",
                f"`{word}` declares the domain of a terminal, and `{owner.name}` is a rule",
                span,
                f"define a terminal `{owner.name.upper()}` and use it in the rule",
            )
            return
        if word == "uniform":
            if comment.line != owner.span.line:
                self._report.error(
                    "G041", "`uniform` belongs to the first line of a rule", span, f"move it to line {owner.span.line}"
                )
            else:
                self._end(offset, comment)
                pragmas.uniform = span
            return
        ending = [i for i, a in enumerate(owner.alternatives) if a.end_line == comment.line]
        if not ending:
            self._report.error(
                "G040",
                f"no alternative of `{owner.name}` ends on this line",
                span,
                f"`{word}` belongs to the end of the line where its alternative ends",
            )
            return
        if len(ending) > 1:
            self._report.error(
                "G044",
                f"{len(ending)} alternatives end on this line, and `{word}` is about one",
                span,
                "give each alternative a line of its own",
            )
            return
        expression, end = self._expression(word, offset, comment)
        self._end(end, comment)
        pragmas.shares[ending[0]] = Share(word, expression, expression.span)

    def _expression(self, word: str, offset: int, comment: Comment) -> tuple[Expression, int]:
        span = self._span(comment.start, comment.end)
        if self._at_end(offset, comment):
            self._report.fail("G045", f"`{word}` needs {_NEEDS[word][0]}", span, f"write it as `//@ {_NEEDS[word][1]}`")
        expression, end = self._parser.expression(offset)
        if end > comment.end:
            hint = percent_hint(self._text[offset : comment.end]) or "a pragma is one line"
            self._report.fail("G045", f"the expression after `{word}` goes on after the end of its line", span, hint)
        return expression, end

    def _end(self, offset: int, comment: Comment) -> None:
        match = _SPACE.match(self._text, offset)
        assert match is not None
        if match.end() < comment.end:
            self._report.fail(
                "G045",
                "the pragma goes on after its end",
                self._span(match.end(), comment.end),
                "start a remark with `//`",
            )

    # Terminals.

    def _terminal(self, word: str, offset: int, comment: Comment, span: Span) -> TerminalPragmas:
        if word in SHARES:
            shares: list[Share] = []
            while not self._at_end(offset, comment):
                expression, offset = self._expression(word, offset, comment)
                shares.append(Share(word, expression, expression.span))
            return TerminalPragmas(shares=tuple(shares))
        parts: list[DomainPart] = []
        while True:
            part, offset = self._words(offset, comment) if word == "one_of" else self._range(word, offset, comment)
            parts.append(part)
            if self._at_end(offset, comment):
                return TerminalPragmas(domain=DomainPragma(word, tuple(parts), span))
            offset = self._keyword(offset, comment, "also")

    def _at_end(self, offset: int, comment: Comment) -> bool:
        match = _SPACE.match(self._text, offset)
        return match is not None and match.end() >= comment.end

    def _word_at(self, offset: int) -> tuple[str, int]:
        match = _WORD.match(self._text, offset)
        return (match.group(1) or "", match.end()) if match else ("", offset)

    def _keyword(self, offset: int, comment: Comment, *words: str) -> int:
        word, end = self._word_at(offset)
        if word not in words:
            start = offset + len(self._text[offset : comment.end]) - len(self._text[offset : comment.end].lstrip())
            self._report.fail(
                "G045",
                f"expected `{'` or `'.join(words)}` or the end of the pragma",
                self._span(start, comment.end),
                "start a remark with `//`",
            )
        return end

    def _range(self, word: str, offset: int, comment: Comment) -> tuple[DomainPart, int]:
        expression, offset = self._expression(word, offset, comment)
        if isinstance(expression, Binary) and expression.operator == "..":
            low, high = expression.left, expression.right
        else:
            low = high = expression
        step: Expression | None = None
        log = False
        following, end = self._word_at(offset)
        if following == "step":
            step, offset = self._expression("step", end, comment)
        elif following == "log":
            log, offset = True, end
        return DomainPart(expression.span, low, high, step, log), offset

    def _words(self, offset: int, comment: Comment) -> tuple[DomainPart, int]:
        texts: list[str] = []
        start = offset
        while not self._at_end(offset, comment):
            match = _ITEM.match(self._text, offset, comment.end)
            if match is None:
                self._report.fail(
                    "G045",
                    "the texts of `one_of` are separated by spaces",
                    self._span(offset, comment.end),
                    'a text with spaces stands in quotes: "a b"',
                )
            if match.group(2) == "also":
                break
            texts.append(match.group(1) if match.group(2) is None else match.group(2))
            offset = match.end()
        if not texts:
            self._report.fail(
                "G045",
                "`one_of` needs a text",
                self._span(comment.start, comment.end),
                "write it as `//@ one_of a b c`",
            )
        return DomainPart(self._span(start, offset), texts=tuple(texts)), offset

    def _span(self, start: int, end: int) -> Span:
        return self._parser.source.span(start, end)
