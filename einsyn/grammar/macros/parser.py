"""Recursive-descent parser of definitions, with a bound on nesting so that no text overflows the stack."""

from __future__ import annotations

from fractions import Fraction
from typing import Final

from einsyn.grammar.macros.lexer import Source, Token
from einsyn.grammar.macros.slips import token_hint
from einsyn.grammar.macros.syntax import (
    Assign,
    Binary,
    Block,
    Call,
    Comprehension,
    Conditional,
    Definition,
    Expression,
    Fold,
    Index,
    ListOf,
    Literal,
    Logical,
    Name,
    Parameter,
    Require,
    Spread,
    Statement,
    Unary,
    UseStatement,
)

MAX_NESTING: Final = 60  # each level takes at most eight Python frames

# Binding strength of infix operators. Ranges and comparisons do not associate.
_STRENGTH: Final = {
    "or": 1, "and": 2,
    "==": 4, "!=": 4, "<": 4, "<=": 4, ">": 4, ">=": 4,
    "..": 5,
    "+": 6, "-": 6,
    "*": 7, "/": 7, "%": 7, "@": 7,
    "**": 9,
}  # fmt: skip
_NOT: Final = 3
_NEGATE: Final = 8
_SINGLE: Final = frozenset(["==", "!=", "<", "<=", ">", ">=", ".."])


class Parser:
    """Parses definitions and expressions at given offsets of a text.

    Args:
        text: the text; for directives of a `.lark` file, the file with everything else blanked out, so
            that offsets, lines and columns are those of the file.
        file: what diagnostics call it.
    """

    def __init__(self, text: str, file: str) -> None:
        self.source = Source(text, file)
        self._next = Token("end", "", 0, 0)
        self._last_end = 0
        self._depth = 0

    # Entry points: each starts at an offset and returns where it stopped.

    def definition(self, offset: int) -> tuple[Definition, int]:
        """The definition whose word `define` starts at `offset`."""
        self._start(offset)
        return self._definition(), self._last_end

    def expression(self, offset: int) -> tuple[Expression, int]:
        """The expression that starts at `offset`."""
        self._start(offset)
        return self._expression(), self._last_end

    def require(self, offset: int) -> tuple[Require, int]:
        """The condition and message that start at `offset`, after the word `require`."""
        self._start(offset)
        return self._require(self._next.start), self._last_end

    def file(self) -> tuple[list[UseStatement], list[Definition]]:
        """A whole `.ein` file: `use` lines, then definitions."""
        self._start(0)
        uses: list[UseStatement] = []
        definitions: list[Definition] = []
        while self._next.kind != "end":
            if self._next.kind == "use":
                uses.append(self._use())
            else:
                definitions.append(self._definition())
        return uses, definitions

    # Tokens.

    def _start(self, offset: int) -> None:
        self._depth = 0
        self._last_end = offset
        self._next = self.source.token(offset)

    def _advance(self) -> Token:
        token = self._next
        self._last_end = token.end
        self._next = self.source.token(token.end)
        return token

    def _expect(self, kind: str, what: str | None = None) -> Token:
        if self._next.kind == kind:
            return self._advance()
        wanted = what or f"`{kind}`"
        found = f"`{self._next.text}`" if self._next.text else "the end of the text"
        raise self._error("D002", f"expected {wanted}, found {found}", self._hint(kind))

    def _take(self, kind: str) -> bool:
        if self._next.kind == kind:
            self._advance()
            return True
        return False

    def _error(self, code: str, message: str, hint: str | None = None) -> Exception:
        token = self._next
        if token.kind == "end":  # what was read ended here; a `.lark` file goes on, with all else blanked out
            return self.source.error(code, message, self._last_end, self._last_end + 1, hint)
        return self.source.error(code, message, token.start, token.end, hint)

    def _hint(self, wanted: str) -> str:
        return token_hint(wanted, self._next.kind, self.source.text[: self._next.start])

    def _deeper(self) -> None:
        self._depth += 1
        if self._depth > MAX_NESTING:
            raise self._error(
                "D003",
                f"an expression nests more than {MAX_NESTING} levels deep",
                hint="give parts of it names of their own",
            )

    # Definitions.

    def _use(self) -> UseStatement:
        start = self._advance().start
        line, _ = self.source.place(start)
        end = self.source.text.find("\n", start)
        end = len(self.source.text) if end < 0 else end
        words = self.source.text[start:end].split("//")[0].split()
        if len(words) != 2:
            raise self.source.error(
                "D002", "expected `use FILE` on a line of its own", start, end, "for example `use std.ein`"
            )
        self._last_end = end
        self._next = self.source.token(end)
        assert self.source.place(start)[0] == line
        return UseStatement(words[1], self.source.span(start, end))

    def _definition(self) -> Definition:
        start = self._expect("define", "a definition, `define NAME(...)`").start
        name = self._expect("name", "the name of the definition")
        values = self._parameters()
        tensors = self._parameters() if self._next.kind == "(" else None
        body: Expression | Block
        if self._next.kind == "{":
            body = self._block()
        else:
            self._expect("=", "`=` or `{` before the body")
            body = self._expression()
        span = self.source.span(start, name.end)
        return Definition(name.text, values, tensors, body, span)

    def _parameters(self) -> tuple[Parameter, ...]:
        self._expect("(", "`(` before the parameters")
        found: list[Parameter] = []
        while self._next.kind != ")":
            if found:
                self._expect(",")
                if found[-1].rest:
                    raise self._error("D004", "a `*` parameter must be the last", "move it to the end")
            rest = self._take("*")
            token = self._expect("name", "a parameter's name")
            default = self._expression() if not rest and self._take("=") else None
            if any(p.name == token.text for p in found):
                raise self.source.error(
                    "D004", f"parameter {token.text} is given twice", token.start, token.end, "rename one of them"
                )
            if default is None and not rest and found and found[-1].default is not None:
                raise self.source.error(
                    "D004",
                    f"parameter {token.text} without a default follows one with a default",
                    token.start,
                    token.end,
                    hint="move it forward or give it a default",
                )
            found.append(Parameter(token.text, default, rest, self.source.span(token.start, token.end)))
        self._expect(")")
        return tuple(found)

    def _block(self) -> Block:
        start = self._expect("{").start
        statements = self._statements("return")
        self._expect("return", "`return`")
        results = [self._expression()]
        while self._take(","):
            results.append(self._expression())
        end = self._expect("}").end
        return Block(statements, tuple(results), self.source.span(start, end))

    def _statements(self, closing: str) -> tuple[Statement, ...]:
        self._deeper()
        found: list[Statement] = []
        while self._next.kind != closing:
            if self._next.kind == "require":
                start = self._advance().start
                found.append(self._require(start))
            elif self._next.kind == "for":
                found.append(self._fold())
            elif self._next.kind == "name":
                found.append(self._assign())
            else:
                shown = f"`{self._next.text}`" if self._next.text else "the end of the text"
                wanted = "statement" if closing == "return" else closing
                raise self._error("D002", f"expected a statement or `{closing}`, found {shown}", self._hint(wanted))
        self._depth -= 1
        return tuple(found)

    def _names(self) -> tuple[str, ...]:
        names = [self._expect("name", "a name").text]
        while self._take(","):
            names.append(self._expect("name", "a name").text)
        return tuple(names)

    def _assign(self) -> Assign:
        start = self._next.start
        names = self._names()
        if self._next.kind != "=":
            shown = f"`{self._next.text}`" if self._next.text else "the end of the text"
            raise self._error("D002", f"expected `=`, found {shown}", self._hint("statement"))
        self._advance()
        return Assign(names, self._expression(), self.source.span(start, self._last_end))

    def _require(self, start: int) -> Require:
        condition = self._expression()
        message = None
        if self._next.kind == ",":
            self._advance()
            message = self._expect("string", "the message, a string").text[1:-1]
        return Require(condition, message, self.source.span(start, self._last_end))

    def _fold(self) -> Fold:
        start = self._expect("for").start
        names = self._names()
        self._expect("in")
        items = self._expression()
        self._expect("with", "`with NAME = START`, what the loop carries")
        bindings = [self._binding()]
        while self._take(","):
            bindings.append(self._binding())
        self._expect("{")
        body = self._statements("}")
        self._expect("}")
        return Fold(names, items, tuple(bindings), body, self.source.span(start, self._last_end))

    def _binding(self) -> tuple[str, Expression]:
        name = self._expect("name", "a name").text
        self._expect("=")
        return name, self._expression()

    # Expressions, by precedence climbing.

    def _expression(self, strength: int = 0) -> Expression:
        self._deeper()
        start = self._next.start
        if self._next.kind == "if":
            left = self._conditional()
        elif self._next.kind == "not" and strength <= _NOT:
            self._advance()
            operand = self._expression(_NOT)
            left = Unary("not", operand, self.source.span(start, self._last_end))
        elif self._next.kind == "-":
            self._advance()
            operand = self._expression(_NEGATE)
            left = Unary("-", operand, self.source.span(start, self._last_end))
        else:
            left = self._postfix()
        left = self._infix(left, start, strength)
        self._depth -= 1
        return left

    def _infix(self, left: Expression, start: int, strength: int) -> Expression:
        # A chain of equal operators makes a left-leaning tree, which later walks descend: bound it too.
        length = 0
        while True:
            operator = self._next.kind
            binding = _STRENGTH.get(operator, 0)
            if binding <= strength:
                return left
            length += 1
            if length > MAX_NESTING * 4:
                raise self._error("D003", "an expression chains too many operators", hint="use sum() or a fold")
            self._advance()
            # `**` associates to the right, the others to the left.
            right = self._expression(binding - 1 if operator == "**" else binding)
            span = self.source.span(start, self._last_end)
            if operator in ("and", "or"):
                left = Logical(operator, left, right, span)
            else:
                left = Binary(operator, left, right, span)
            if operator in _SINGLE and _STRENGTH.get(self._next.kind) == binding:
                raise self._error("D002", f"`{operator}` and `{self._next.kind}` cannot follow each other",
                                  hint="join two comparisons with `and`")  # fmt: skip

    def _conditional(self) -> Conditional:
        start = self._expect("if").start
        condition = self._expression()
        self._expect("then")
        then = self._expression()
        self._expect("else", "`else` (an `if` always has both branches)")
        otherwise = self._expression()
        return Conditional(condition, then, otherwise, self.source.span(start, self._last_end))

    def _postfix(self) -> Expression:
        start = self._next.start
        value = self._atom()
        length = 0
        while self._next.kind in ("(", "["):
            length += 1
            if length > MAX_NESTING:
                raise self._error("D003", "too many calls or indexes in a row", hint="give parts names of their own")
            if self._take("("):
                positional, named = self._arguments()
                value = Call(value, positional, named, self.source.span(start, self._last_end))
            else:
                self._advance()
                index = self._expression()
                self._expect("]")
                value = Index(value, index, self.source.span(start, self._last_end))
        return value

    def _arguments(self) -> tuple[tuple[Expression | Spread, ...], tuple[tuple[str, Expression], ...]]:
        positional: list[Expression | Spread] = []
        named: list[tuple[str, Expression]] = []
        while self._next.kind != ")":
            if positional or named:
                self._expect(",", "`,` or `)`")
            if self._next.kind == "name" and self.source.token(self._next.end).kind == "=":
                token = self._advance()
                self._advance()
                if any(name == token.text for name, _ in named):
                    raise self.source.error(
                        "D005", f"argument {token.text} is given twice", token.start, token.end, "keep one of them"
                    )
                named.append((token.text, self._expression()))
            elif named:
                raise self._error("D005", "a positional argument follows a named one", "name this one too, or move it")
            else:
                positional.append(self._element())
        self._expect(")")
        return tuple(positional), tuple(named)

    def _element(self) -> Expression | Spread:
        if self._next.kind == "*":
            start = self._advance().start
            return Spread(self._expression(), self.source.span(start, self._last_end))
        return self._expression()

    def _atom(self) -> Expression:
        token = self._next
        if token.kind == "name":
            self._advance()
            return Name(token.text, self.source.span(token.start, token.end))
        if token.kind == "number":
            return self._number()
        if token.kind == "string":
            self._advance()
            return Literal(token.text[1:-1], self.source.span(token.start, token.end))
        if token.kind in ("true", "false", "none"):
            self._advance()
            value = None if token.kind == "none" else token.kind == "true"
            return Literal(value, self.source.span(token.start, token.end))
        if token.kind == "(":
            self._advance()
            inner = self._expression()
            self._expect(")")
            return inner
        if token.kind == "[":
            return self._list()
        shown = f"`{token.text}`" if token.text else "the end of the text"
        raise self._error("D002", f"expected an expression, found {shown}", self._hint("expression"))

    def _number(self) -> Literal:
        token = self._advance()
        if len(token.text) > 40:
            hint = "large numbers have an exponent: `1e40`"
            raise self.source.error("D006", "a number has more than 40 characters", token.start, token.end, hint)
        exponent = token.text.lower().partition("e")[2]
        if exponent and abs(int(exponent)) > 300:
            hint = "exponents go up to 300"
            raise self.source.error("D006", f"{token.text} is out of range", token.start, token.end, hint)
        exact = Fraction(token.text)
        value = int(token.text) if token.text.isdigit() else float(token.text)
        return Literal(value, self.source.span(token.start, token.end), exact)

    def _list(self) -> ListOf | Comprehension:
        start = self._expect("[").start
        items: list[Expression | Spread] = []
        while self._next.kind != "]":
            if items:
                self._expect(",", "`,` or `]`")
            items.append(self._element())
            if len(items) == 1 and not isinstance(items[0], Spread) and self._take("for"):
                names = self._names()
                self._expect("in")
                # An `if` here starts the condition: the items cannot be a conditional without brackets.
                source = self._expression()
                condition = self._expression() if self._take("if") else None
                self._expect("]")
                return Comprehension(items[0], names, source, condition, self.source.span(start, self._last_end))
        self._expect("]")
        return ListOf(tuple(items), self.source.span(start, self._last_end))
