"""Exact probabilities of alternatives from `p`, `w` and `uniform`."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from einsyn.diagnostics import Span
    from einsyn.grammar.arithmetic import Arithmetic
    from einsyn.grammar.pragmas import Share
    from einsyn.grammar.report import Report


def check_shares(
    shares: Mapping[int, Share], count: int, arithmetic: Arithmetic, report: Report, what: str, span: Span
) -> list[Fraction] | None:
    """The probabilities of `count` alternatives, or None after an error.

    With `p`, alternatives without one share what is left equally. With `w`, an alternative without one
    weighs 1.
    """
    kinds = {s.kind for s in shares.values()}
    if len(kinds) > 1:
        first = next(iter(shares.values()))
        other = next(s for s in shares.values() if s.kind != first.kind)
        report.error(
            "G090",
            f"the {what} mixes `p` and `w`",
            other.span,
            "use `p` for probabilities or `w` for relative weights, not both",
            evidence=(f"`{first.kind}` at {first.span}",),
        )
        return None
    values: dict[int, Fraction] = {}
    for number, share in shares.items():
        value = arithmetic.number(share.expression)
        if value < 0:
            name = "probability" if share.kind == "p" else "weight"
            report.error(
                "G091",
                f"the {name} {_shown(value)} is negative",
                share.span,
                "use 0 for what is parsed but never drawn",
            )
            return None
        values[number] = value
    if not values:
        return [Fraction(1, count)] * count
    if "w" in kinds:
        weights = [values.get(i, Fraction(1)) for i in range(count)]
        total = sum(weights)
        if not total:
            report.error(
                "G094", f"all weights of the {what} are zero", span, "nothing could be drawn; give one a weight"
            )
            return None
        return [w / total for w in weights]
    return _probabilities(values, count, report, what, span)


def _probabilities(
    values: Mapping[int, Fraction], count: int, report: Report, what: str, span: Span
) -> list[Fraction] | None:
    total = sum(values.values(), Fraction(0))
    unsaid = count - len(values)
    if total > 1:
        report.error(
            "G092",
            f"the probabilities of the {what} add up to {_shown(total)}, more than 1",
            span,
            "lower them, or write `w` for relative weights",
        )
        return None
    if total < 1 and not unsaid:
        report.error(
            "G093",
            f"the probabilities of the {what} add up to {_shown(total)}, less than 1",
            span,
            f"{_shown(1 - total)} is left and no alternative without a probability takes it; "
            "leave one out, or write `w` for relative weights",
        )
        return None
    rest = (1 - total) / unsaid if unsaid else Fraction(0)
    return [values.get(i, rest) for i in range(count)]


def _shown(value: Fraction) -> str:
    try:
        text = f"{float(value):.6g}"
    except OverflowError:
        return "a number beyond 1e308"
    return text if Fraction(text) == value else f"{value.numerator}/{value.denominator} ({text})"
