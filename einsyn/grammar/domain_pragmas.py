"""From the pragma of a terminal and what it matches to its finite domain."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import counted
from einsyn.grammar.domains import Domain, JoinedDomain, ListDomain, RangeDomain
from einsyn.grammar.values import canonical_decimal, decimal_digits, is_decimal, is_float_terminal, is_int
from einsyn.grammar.weights import check_shares

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.arithmetic import Arithmetic
    from einsyn.grammar.model import Terminal
    from einsyn.grammar.pragmas import DomainPart, DomainPragma, Share, TerminalPragmas
    from einsyn.grammar.report import Report
    from einsyn.grammar.shapes import Shape

MAX_COUNT: Final = 1 << 53  # a draw needs one double
MAX_LOG_COUNT: Final = 1_000_000
_CHECKED_ALL: Final = 2_000


class DomainBuilder:
    """Builds domains and checks them against patterns."""

    def __init__(self, arithmetic: Arithmetic, report: Report) -> None:
        self._arithmetic = arithmetic
        self._report = report

    def build(
        self, terminal: Terminal, shape: Shape, pragmas: TerminalPragmas, used_in: Span, *, named: bool
    ) -> Domain | None:
        """The domain of a terminal, or None after an error."""
        if pragmas.domain is not None:
            domain = self._declared(pragmas.domain)
            if domain is not None and self._matches(terminal, domain, pragmas.domain.span):
                return domain
            return None
        if shape.texts is None:
            self._refuse_infinite(terminal, shape, used_in, named=named)
            return None
        seen: set[str] = set()
        for text in shape.texts:
            if text in seen:
                self._report.error(
                    "G081",
                    f"two alternatives of the terminal `{terminal.name}` are {text!r}",
                    terminal.span,
                    "leave one of them out",
                )
                return None
            seen.add(text)
        # A literal may be an integer among floats, or digits that are a word.
        if named and not self._spelled([text for text in shape.texts if is_decimal(text)], terminal.span):
            return None
        if pragmas.shares:
            weights = self._weights(terminal, pragmas.shares, len(shape.texts))
            return None if weights is None else ListDomain(shape.texts, weights)
        return ListDomain(shape.texts)

    def _refuse_infinite(self, terminal: Terminal, shape: Shape, used_in: Span, *, named: bool) -> None:
        if shape.too_many:
            self._report.error(
                "G082",
                f"the terminal `{terminal.name}` has more than 100,000 texts",
                terminal.span,
                "declare the ones that are meant, for example `//@ int 1..8` or `//@ one_of a b c`",
            )
        elif named:
            self._report.error(
                "G080",
                f"the terminal `{terminal.name}` has no finite domain to draw from",
                terminal.span,
                "end its line with `//@ int 1..8`, `//@ float 0.5..4 step 0.5` or `//@ one_of a b c`",
                evidence=(f"a rule uses it at {used_in}",),
            )
        else:
            self._report.error(
                "G080",
                f"the pattern {terminal.name} in a rule has no finite domain to draw from",
                terminal.span,
                "make it a terminal with a name, and end its line with a domain: `N: /[0-9]+/ //@ int 1..8`",
            )

    def _weights(self, terminal: Terminal, shares: Sequence[Share], count: int) -> list[Fraction] | None:
        if len(shares) != count:
            self._report.error(
                "G083",
                f"{counted(len(shares), 'weight')} for the {counted(count, 'text')} of `{terminal.name}`",
                shares[0].span,
                "give one for each text, in order",
            )
            return None
        numbered = dict(enumerate(shares))
        return check_shares(
            numbered, count, self._arithmetic, self._report, f"terminal `{terminal.name}`", terminal.span
        )

    # Declared domains.

    def _declared(self, pragma: DomainPragma) -> Domain | None:
        if pragma.kind == "one_of":
            return self._one_of(pragma)
        parts: list[Domain] = []
        for number, part in enumerate(pragma.parts):
            domain = self._range(pragma.kind, part)
            if domain is None:
                return None
            if part.log and number:
                self._report.error(
                    "G084", "`log` after `also` has no meaning", part.span, "those values are never drawn"
                )
            parts.append(domain)
        for number, part in enumerate(parts):
            for other in parts[:number]:
                common = _common_text(other, part)
                if common is not None:
                    self._report.error(
                        "G085",
                        f"the value {common} is declared twice",
                        pragma.parts[number].span,
                        "let `also` begin after the drawn values",
                    )
                    return None
        return parts[0] if len(parts) == 1 else JoinedDomain(parts[0], parts[1:])

    def _one_of(self, pragma: DomainPragma) -> Domain | None:
        texts = [t for part in pragma.parts for t in part.texts]
        if not self._spelled(texts, pragma.span):
            return None
        for number, text in enumerate(texts):
            if text in texts[:number]:
                self._report.error("G085", f"the text `{text}` is declared twice", pragma.span, "leave one of them out")
                return None
        return ListDomain(texts, drawable=len(pragma.parts[0].texts))

    def _spelled(self, texts: Sequence[str], span: Span) -> bool:
        """Whether the numbers among texts are in their one spelling."""
        as_float = is_float_terminal(texts)
        for text in texts:
            wanted = text
            if as_float:
                wanted = canonical_decimal(text)
            elif not is_int(text) and text.lstrip("-").isascii() and text.lstrip("-").isdigit():
                wanted = str(int(text)) if len(text) < 300 else text
            if text == "-0":
                wanted = "0"
            if wanted != text:
                self._report.error(
                    "G086", f"`{text}` is not the canonical spelling of a number", span, f"write `{wanted}`"
                )
                return False
        return True

    def _range(self, kind: str, part: DomainPart) -> RangeDomain | None:
        assert part.low is not None
        assert part.high is not None
        low, high = self._arithmetic.number(part.low), self._arithmetic.number(part.high)
        if part.step is not None:
            step = self._arithmetic.number(part.step)
        elif kind == "float" and (low != high):
            self._report.error(
                "G084", "a range of floats needs a step", part.span, "for example `//@ float 0.5..4 step 0.5`"
            )
            return None
        else:
            step = Fraction(1)
        digits = max(99 if d is None else d for d in map(decimal_digits, (low, high, step)))
        if kind == "int" and digits:
            self._report.error(
                "G084", "a range of ints has whole bounds and a whole step", part.span, "use `float` for decimals"
            )
            return None
        if digits > 15:
            self._report.error("G084", "a bound or the step has no decimal of at most 15 digits", part.span, None)
            return None
        if step <= 0:
            self._report.error("G084", f"the step {step} must be greater than zero", part.span, "a range goes upwards")
            return None
        if high < low:
            self._report.error(
                "G084",
                "the range is empty: it ends before it begins",
                part.span,
                f"write `{kind} {_decimal(high)}..{_decimal(low)}`",
            )
            return None
        return self._counted(kind, part, low, high, step, digits)

    def _counted(
        self, kind: str, part: DomainPart, low: Fraction, high: Fraction, step: Fraction, digits: int
    ) -> RangeDomain | None:
        count = int((high - low) / step) + 1
        if count > (MAX_LOG_COUNT if part.log else MAX_COUNT):
            self._report.error("G082", f"a domain of {count:,} values is too large", part.span, "use a larger step")
            return None
        if (high - low) % step:
            last = low + step * (count - 1)
            self._report.note(
                "G087",
                f"the steps do not reach {_decimal(high)}; the last value is {_decimal(last)}",
                part.span,
                "the ends of a range belong to it",
            )
        if part.log and low <= 0:
            self._report.error("G084", "a `log` range must begin above zero", part.span, "weights are 1 / value")
            return None
        scale = 10**digits
        return RangeDomain(
            int(low * scale), int(step * scale), count, digits=digits, as_float=kind == "float", log=part.log
        )

    def _matches(self, terminal: Terminal, domain: Domain, span: Span) -> bool:
        """Whether the terminal's pattern matches the texts; of a large range, its ends and many between."""
        matches = re.compile(terminal.pattern).fullmatch
        for index in _probes(domain):
            text = domain.text(index)
            if not matches(text):
                hint = None
                if is_decimal(text):
                    hint = (
                        "a float is spelled with at least one digit after the point and no zeros that can be left out"
                    )
                elif is_int(text):
                    hint = "widen the pattern or narrow the domain"
                self._report.error(
                    "G088",
                    f"the pattern of `{terminal.name}` does not match {text!r}, which its domain declares",
                    span,
                    hint,
                )
                return False
        return True


def _probes(domain: Domain) -> Sequence[int]:
    size = len(domain)
    if size <= _CHECKED_ALL:
        return range(size)
    chosen = {0, 1, size - 1, domain.drawable - 1, min(domain.drawable, size - 1)}
    chosen.update(size * k // _CHECKED_ALL for k in range(_CHECKED_ALL))
    for power in range(17):  # where the number of digits changes
        for text in (str(10**power), str(10**power - 1), f"{10**power}.0", f"-{10**power}"):
            index = domain.index_of(text)
            if index is not None:
                chosen.add(index)
    return sorted(chosen)


def _common_text(a: Domain, b: Domain) -> str | None:
    """A text of both ranges, if there is one: the smaller is searched, as far as the other reaches."""
    assert isinstance(a, RangeDomain)
    assert isinstance(b, RangeDomain)
    small, large = sorted((a, b), key=len)
    low = Fraction(large.low, 10**large.digits)
    high = low + Fraction(large.step, 10**large.digits) * (large.count - 1)
    first = max(0, -(-(low * 10**small.digits - small.low) // small.step))
    last = min(len(small) - 1, (high * 10**small.digits - small.low) // small.step)
    for index in range(int(first), int(last) + 1)[:200_000]:
        if large.index_of(small.text(index)) is not None:
            return small.text(index)
    return None


def _decimal(value: Fraction) -> str:
    return str(int(value)) if value.denominator == 1 else str(float(value))
