"""What the text of a token means: int, float, boolean or string."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from einsyn.grammar.model import Scalar

_INT: Final = re.compile(r"-?(?:0|[1-9][0-9]*)")
_DECIMAL: Final = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
# Python refuses to convert longer numbers; no architecture needs them.
_MAX_DIGITS: Final = 300


def is_int(text: str) -> bool:
    """Whether a text denotes an integer."""
    return len(text) <= _MAX_DIGITS and _INT.fullmatch(text) is not None


def is_decimal(text: str) -> bool:
    """Whether a text denotes a float."""
    return len(text) <= _MAX_DIGITS and _DECIMAL.fullmatch(text) is not None


def is_float_terminal(texts: Sequence[str]) -> bool:
    """Whether all texts are numbers and one has a point: then the integers among them are floats too."""
    return any(map(is_decimal, texts)) and all(is_decimal(t) or is_int(t) for t in texts)


def scalar(text: str, *, as_float: bool = False) -> Scalar:
    """The value of a token's text."""
    if is_int(text):
        return float(text) if as_float else int(text)
    if is_decimal(text):
        return float(text)
    if text in ("true", "false"):
        return text == "true"
    return text


def decimal_text(units: int, digits: int) -> str:
    """`units / 10**digits` as the shortest decimal with at least one digit after the point."""
    sign = "-" if units < 0 else ""
    whole, part = divmod(abs(units), 10**digits)
    fraction = f"{part:0{digits}d}".rstrip("0") if digits else ""
    return f"{sign}{whole}.{fraction or '0'}"


def canonical_decimal(text: str) -> str:
    """The canonical spelling of a decimal or integer text, as a float."""
    whole, _, part = text.partition(".")
    if whole == "-0" and not part.strip("0"):
        whole = "0"
    return f"{whole}.{part.rstrip('0') or '0'}"


def decimal_digits(value: Fraction) -> int | None:
    """How many digits after the point write `value` exactly; None where no number of digits does."""
    twos = fives = 0
    rest = value.denominator
    while rest % 2 == 0:
        rest //= 2
        twos += 1
    while rest % 5 == 0:
        rest //= 5
        fives += 1
    return max(twos, fives) if rest == 1 else None
