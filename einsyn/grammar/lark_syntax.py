"""Reads the `.lark` syntax into a tree, with the line and column of everything.

Lark's own reader costs a fifth of a second before the first grammar is read, so einsyn has this small one;
the tests hold it against Lark's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

from einsyn.diagnostics import Span, closest
from einsyn.grammar.lark_tokens import Token, tokenize, unescape
from einsyn.grammar.lark_tree import (
    Alternative,
    CharRange,
    Group,
    Ignore,
    Import,
    Item,
    LarkFile,
    NameRef,
    RegexLiteral,
    Repeat,
    RuleDef,
    StringLiteral,
    TemplateUse,
    TerminalDef,
    Value,
)

if TYPE_CHECKING:
    from einsyn.grammar.report import Report

MAX_NESTING: Final = 50
_VALUE_STARTS: Final = frozenset(["name", "string", "regexp", "(", "["])
_DEFAULT_HINT: Final = "a rule is written `name: symbol symbol -> alias | symbol`, each definition on its own lines"
_STATEMENTS: Final = ("%import", "%ignore", "%override")


def parse_lark(text: str, file: str, report: Report) -> LarkFile:
    """The tree of a `.lark` file; the first syntax error ends it."""
    return _Reader(text, file, report).file()


class _Reader:
    def __init__(self, text: str, file: str, report: Report) -> None:
        self._text = text
        self._file = file
        self._report = report
        self._tokens, self._comments, self._alike = tokenize(text, file, report)
        self._at = 0
        self._depth = 0
        self._rules: list[RuleDef] = []
        self._terminals: list[TerminalDef] = []
        self._imports: list[Import] = []
        self._ignores: list[Ignore] = []

    # Tokens.

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _advance(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take(self, kind: str) -> bool:
        if self._next.kind == kind:
            self._at += 1
            return True
        return False

    def _expect(self, kind: str, what: str | None = None, hint: str | None = None) -> Token:
        if self._next.kind != kind:
            self._fail(f"expected {what or f'`{kind}`'}, found {_shown(self._next)}", self._next, hint)
        return self._advance()

    def _span(self, first: Token, last: Token | None = None) -> Span:
        last = last or first
        lines = last.text.count("\n")
        tail = len(last.text) - last.text.rfind("\n") if lines else last.column + len(last.text)
        return Span(self._file, first.line, first.column, last.line + lines, tail)

    def _fail(self, message: str, token: Token, hint: str | None = None, code: str = "G003") -> NoReturn:
        self._report.fail(code, message, self._span(token), hint or _DEFAULT_HINT)

    # Statements.

    def file(self) -> LarkFile:
        while self._next.kind != "end":
            if self._take("newline"):
                continue
            self._statement()
        return LarkFile(
            self._file,
            self._text,
            tuple(self._rules),
            tuple(self._terminals),
            tuple(self._imports),
            tuple(self._ignores),
            tuple(self._comments),
            tuple(self._alike),
        )

    def _statement(self) -> None:
        token = self._next
        if token.kind == "directive":
            self._percent(self._advance())
        elif token.kind in ("name", "?", "!"):
            self._definition(override=False)
        else:
            hint = "an alternative on a line of its own starts with `|`" if token.kind in _VALUE_STARTS else None
            self._fail(f"expected a rule, a terminal or a % statement, found {_shown(token)}", token, hint)

    def _percent(self, token: Token) -> None:
        if token.text == "%import":
            self._import(token)
        elif token.text == "%ignore":
            alternatives = self._alternatives()
            self._ignores.append(Ignore(alternatives, self._span(token)))
        elif token.text == "%override":
            self._definition(override=True)
            return
        elif token.text in ("%extend", "%declare"):
            self._fail(f"`{token.text}` is not supported", token, _REFUSED[token.text], "G004")
        else:
            name = closest(token.text, _STATEMENTS)
            self._fail(f"unknown statement `{token.text}`", token, f"did you mean `{name}`?" if name else None)
        self._end_of_statement()

    def _end_of_statement(self) -> None:
        if self._next.kind not in ("newline", "end"):
            self._fail(f"expected the end of the line, found {_shown(self._next)}", self._next)

    def _definition(self, *, override: bool) -> None:
        if self._next.kind == "!" or (self._next.kind == "?" and self._tokens[self._at + 1].kind == "!"):
            self._fail(
                "`!` before a rule is not supported",
                self._next,
                'name the tokens that are to be arguments: `PLUS: "+"`',
                "G004",
            )
        self._take("?")
        if self._next.kind == "!":
            self._fail("`!` before a rule is not supported", self._next, None, "G004")
        token = self._expect("name", "the name of a rule or terminal")
        ref = self._name(token)
        parameters = self._parameters() if self._next.kind == "{" and not ref.is_terminal else ()
        if self._next.kind == ".":
            self._fail(
                f"`{ref.name}` has a priority, which is not supported",
                self._next,
                "make the alternatives or terminals distinct instead",
                "G004",
            )
        self._expect(":", f"`:` after `{ref.name}`")
        alternatives = self._alternatives()
        last_line = self._span(self._tokens[self._at - 1]).end_line
        span = self._span(token)
        if ref.is_terminal:
            self._terminals.append(TerminalDef(ref.name, alternatives, span, last_line, override))
        else:
            self._rules.append(RuleDef(ref.name, parameters, alternatives, span, last_line, override))
        self._end_of_statement()

    def _name(self, token: Token) -> NameRef:
        name = token.text
        if name.startswith("__"):
            self._fail(f"`{name}` starts with two underscores, which Lark reserves", token, f"call it `{name[1:]}`")
        letters = name.strip("_0123456789")
        if not (name.islower() or name.isupper()) or not letters:
            self._fail(
                f"`{name}` is neither a rule's name nor a terminal's",
                token,
                f"rules are written in small letters (`{name.lower()}`), terminals in capitals (`{name.upper()}`)",
            )
        return NameRef(name, self._span(token))

    def _parameters(self) -> tuple[NameRef, ...]:
        self._expect("{")
        found = [self._name(self._expect("name", "a template parameter"))]
        while self._take(","):
            found.append(self._name(self._expect("name", "a template parameter")))
        self._expect("}")
        return tuple(found)

    def _import(self, token: Token) -> None:
        relative = self._take(".")
        path = [self._name(self._expect("name", "a grammar's name"))]
        while self._take("."):
            path.append(self._name(self._expect("name", "a name after `.`")))
        names: list[tuple[NameRef, str]] = []
        if self._take("("):
            names = [(ref, ref.name) for ref in self._name_list()]
        else:
            ref = path.pop()
            if not path:
                self._fail(
                    f"nothing is imported from `{ref.name}`",
                    token,
                    f"write `%import {ref.name}.NAME` or `%import {ref.name} (NAME, NAME)`",
                )
            alias = ref.name
            if self._take("->"):
                alias_ref = self._name(self._expect("name", "a name after `->`"))
                alias = alias_ref.name
                if alias_ref.is_terminal != ref.is_terminal:
                    self._report.fail(
                        "G003",
                        f"`{ref.name}` cannot be renamed to `{alias}`",
                        alias_ref.span,
                        "a rule needs a name in small letters, a terminal one in capitals",
                    )
            names = [(ref, alias)]
        self._imports.append(Import(tuple(p.name for p in path), relative, tuple(names), self._span(token)))

    def _name_list(self) -> list[NameRef]:
        refs = [self._name(self._expect("name", "a name to import"))]
        while self._take(","):
            refs.append(self._name(self._expect("name", "a name to import")))
        self._expect(")")
        return refs

    # Alternatives.

    def _alternatives(self) -> tuple[Alternative, ...]:
        """Alternatives separated by `|`, where a line break may stand before a bar."""
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail(f"brackets nest more than {MAX_NESTING} deep", self._next, "give the inner groups names", "G005")
        found = [self._alternative()]
        while self._bar():
            found.append(self._alternative())
        self._depth -= 1
        return tuple(found)

    def _bar(self) -> bool:
        at = self._at
        while self._tokens[at].kind == "newline":
            at += 1
        if self._tokens[at].kind == "|":
            self._at = at + 1
            return True
        return False

    def _alternative(self) -> Alternative:
        before = self._tokens[self._at - 1]
        first = self._next
        items: list[Item] = []
        while self._next.kind in _VALUE_STARTS:
            items.append(self._item())
        alias = None
        if self._take("->"):
            token = self._expect("name", "an alias after `->`")
            if not token.text.islower():
                self._fail(
                    f"the alias `{token.text}` is not in small letters", token, f"write `-> {token.text.lower()}`"
                )
            alias = self._name(token).name
        last = self._tokens[self._at - 1]
        if not items and alias is None:
            return Alternative((), None, self._span(before), before.line)
        return Alternative(tuple(items), alias, self._span(first, last), self._span(last).end_line)

    def _item(self) -> Item:
        first = self._next
        item = self._atom()
        operator = self._next
        if operator.kind in ("?", "*", "+"):
            self._advance()
            low, high = {"?": (0, 1), "*": (0, None), "+": (1, None)}[operator.kind]
            item = Repeat(item, low, high, operator.kind, self._span(first, operator))
        elif operator.kind == "~":
            self._advance()
            low = self._count()
            high = low
            if self._take(".."):
                high = self._count()
            span = self._span(first, self._tokens[self._at - 1])
            if low < 0 or high < low:
                self._report.fail(
                    "G006",
                    f"`~ {low}..{high}` is not a range of counts",
                    span,
                    "write `~ least..most` with 0 <= least <= most",
                )
            item = Repeat(item, low, high, "~", span)
        if self._next.kind in ("?", "*", "+", "~"):
            self._fail(f"`{self._next.text}` follows another repetition", self._next, "put the inner one in brackets")
        return item

    def _count(self) -> int:
        token = self._expect("number", "a number after `~`")
        if len(token.text) > 9:
            self._fail(f"the count {token.text[:20]} is too large", token, None, "G006")
        return int(token.text)

    def _atom(self) -> Item:
        token = self._next
        if token.kind in ("(", "["):
            self._advance()
            closing = ")" if token.kind == "(" else "]"
            alternatives = self._alternatives()
            hint = None
            if self._next.kind == "newline":
                hint = "inside brackets a line may break only before `|`; a backslash at the end of a line continues it"
            end = self._expect(closing, hint=hint)
            for alternative in alternatives:
                if alternative.alias is not None:
                    self._report.fail(
                        "G003",
                        f"the alias `{alternative.alias}` stands inside brackets",
                        alternative.span,
                        "make the group a rule of its own",
                    )
            return Group(alternatives, token.kind == "[", self._span(token, end))
        return self._value()

    def _value(self) -> Value:
        token = self._next
        if token.kind == "name":
            self._advance()
            ref = self._name(token)
            if self._next.kind == "{" and not ref.is_terminal:
                return self._template(ref, token)
            return ref
        if token.kind == "regexp":
            return self._regexp(self._advance())
        if token.kind != "string":
            self._fail(f"expected a symbol, found {_shown(token)}", token)
        self._advance()
        if self._next.kind != "..":
            return self._string(token)
        self._advance()
        last = self._expect("string", "a string after `..`")
        ends = self._string(token).text, self._string(last).text
        if len(ends[0]) != 1 or len(ends[1]) != 1 or ends[0] > ends[1]:
            self._report.fail(
                "G007",
                f"{token.text}..{last.text} is not a range of characters",
                self._span(token, last),
                'a range is written "a".."z"',
            )
        return CharRange(ends[0], ends[1], self._span(token, last))

    def _template(self, ref: NameRef, token: Token) -> TemplateUse:
        self._depth += 1
        if self._depth > MAX_NESTING:
            self._fail(f"templates nest more than {MAX_NESTING} deep", token, None, "G005")
        self._expect("{")
        arguments = [self._value()]
        while self._take(","):
            arguments.append(self._value())
        end = self._expect("}")
        self._depth -= 1
        return TemplateUse(ref.name, tuple(arguments), self._span(token, end))

    def _string(self, token: Token) -> StringLiteral:
        ignore_case = token.text.endswith("i")
        text = unescape(token.text[1 : -2 if ignore_case else -1])
        if text is None:
            self._fail(f"the string {token.text} has a broken escape", token, "write a backslash as \\\\", "G007")
        if not text:
            self._fail("an empty string matches nothing", token, "leave it out: an alternative may be empty", "G007")
        return StringLiteral(text.replace("\\\\", "\\"), ignore_case, token.text, self._span(token))

    def _regexp(self, token: Token) -> RegexLiteral:
        end = token.text.rindex("/")
        flags = token.text[end + 1 :]
        if "\n" in token.text and "x" not in flags:
            self._fail("a regular expression spans lines", token, "a slash in a pattern is written \\/", "G007")
        pattern = unescape(token.text[1:end])
        if pattern is None:
            self._fail(f"the pattern {token.text} has a broken escape", token, None, "G007")
        return RegexLiteral(pattern, flags, token.text, self._span(token))


_REFUSED: Final = {
    "%extend": "write the whole rule with `%override`",
    "%declare": "define the terminal: einsyn has no lexer callbacks",
}


def _shown(token: Token) -> str:
    if token.kind == "end":
        return "the end of the file"
    if token.kind == "newline":
        return "the end of the line"
    return f"`{token.text}`"
