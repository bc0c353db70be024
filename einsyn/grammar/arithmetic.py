"""Exact values of the expressions in pragmas: probabilities, weights, bounds of domains."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, NoReturn

from einsyn.diagnostics import Span, closest
from einsyn.grammar.macros.syntax import Binary, Call, Conditional, Expression, Literal, Logical, Name, Spread, Unary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.grammar.model import Scalar
    from einsyn.grammar.report import Report

Exact = Fraction | bool | str

_MAX_DEPTH: Final = 300
_MAX_BITS: Final = 4096


class Arithmetic:
    """Evaluates expressions over parameters with rational numbers: `0.32` is 32/100 and `1/3` is a third."""

    def __init__(self, params: Mapping[str, Scalar], report: Report) -> None:
        self._params = params
        self._report = report
        self.used: set[str] = set()  # parameters that something named

    def number(self, expression: Expression) -> Fraction:
        """The value of an expression that must be a number."""
        value = self._evaluate(expression, 0)
        if isinstance(value, (bool, str)):
            self._fail("a number is needed here", expression.span)
        return value

    def _evaluate(self, expression: Expression, depth: int) -> Exact:
        if depth > _MAX_DEPTH:
            self._fail("the expression nests too deeply", expression.span)
        match expression:
            case Literal():
                return self._literal(expression)
            case Name():
                return self._parameter(expression)
            case Unary():
                operand = self._evaluate(expression.operand, depth + 1)
                if expression.operator == "not":
                    return not self._truth(operand, expression.span)
                return -self._need_number(operand, expression.span)
            case Binary():
                left = self._evaluate(expression.left, depth + 1)
                right = self._evaluate(expression.right, depth + 1)
                return self._binary(expression, left, right)
            case Logical():
                left = self._truth(self._evaluate(expression.left, depth + 1), expression.span)
                if left == (expression.operator == "or"):
                    return left
                return self._truth(self._evaluate(expression.right, depth + 1), expression.span)
            case Conditional():
                condition = self._truth(self._evaluate(expression.condition, depth + 1), expression.span)
                return self._evaluate(expression.then if condition else expression.otherwise, depth + 1)
            case Call():
                return self._call(expression, depth)
            case _:
                self._fail("a pragma can only calculate with numbers and parameters", expression.span)

    def _literal(self, literal: Literal) -> Exact:
        if literal.exact is not None:
            return literal.exact
        if isinstance(literal.value, (bool, str)):
            return literal.value
        if literal.value is None:
            self._fail("`none` is not a number", literal.span)
        return Fraction(literal.value)

    def _parameter(self, name: Name) -> Exact:
        if name.name not in self._params:
            near = closest(name.name, self._params)
            hint = f"did you mean `{near}`?" if near else f"declare it: `//@ param {name.name} VALUE`"
            self._report.fail("G050", f"`{name.name}` is not a parameter", name.span, hint)
        self.used.add(name.name)
        return exact(self._params[name.name])

    def _call(self, call: Call, depth: int) -> Exact:
        if not isinstance(call.function, Name) or call.function.name not in ("min", "max"):
            self._fail("a pragma can only call `min` and `max`", call.span)
        if call.named or not call.positional:
            self._fail(f"`{call.function.name}` takes one number or more", call.span)
        values: list[Fraction] = []
        for argument in call.positional:
            if isinstance(argument, Spread):
                self._fail("a pragma has no lists to spread", argument.span)
            values.append(self._need_number(self._evaluate(argument, depth + 1), argument.span))
        return min(values) if call.function.name == "min" else max(values)

    def _binary(self, node: Binary, left: Exact, right: Exact) -> Exact:
        operator, span = node.operator, node.span
        if operator in ("==", "!="):
            return (left == right) == (operator == "==")
        a, b = self._need_number(left, span), self._need_number(right, span)
        match operator:
            case "<":
                return a < b
            case "<=":
                return a <= b
            case ">":
                return a > b
            case ">=":
                return a >= b
            case "+":
                result = a + b
            case "-":
                result = a - b
            case "*":
                result = a * b
            case "/" | "%" if not b:
                self._fail("division by zero", span)
            case "/":
                result = a / b
            case "%":
                result = a % b
            case "**":
                result = self._power(a, b, span)
            case _:
                self._fail(f"`{operator}` has no meaning in a pragma", span)
        if max(result.numerator.bit_length(), result.denominator.bit_length()) > _MAX_BITS:
            self._fail("the number has too many digits", span)
        return result

    def _power(self, base: Fraction, exponent: Fraction, span: Span) -> Fraction:
        if exponent.denominator != 1:
            self._fail("an exact power needs a whole exponent", span)
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if bits * abs(exponent.numerator) > _MAX_BITS:
            self._fail("the number has too many digits", span)
        if not base and exponent < 0:
            self._fail("division by zero", span)
        return Fraction(base**exponent.numerator)

    def _truth(self, value: Exact, span: Span) -> bool:
        if not isinstance(value, bool):
            self._fail("a condition must be true or false", span)
        return value

    def _need_number(self, value: Exact, span: Span) -> Fraction:
        if isinstance(value, (bool, str)):
            self._fail("a number is needed here", span)
        return value

    def _fail(self, message: str, span: Span) -> NoReturn:
        self._report.fail("G051", message, span, "pragmas take numbers, parameters, + - * / % **, if, min and max")


def exact(value: Scalar) -> Exact:
    """A parameter's value as an exact one; a float counts as the decimal that it prints as."""
    if isinstance(value, (bool, str)):
        return value
    return Fraction(repr(value))
