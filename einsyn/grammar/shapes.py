"""What a terminal matches: a regular expression and, where it is built of finite pieces, all its texts.

The expression is the one that Lark would build, so that both read sentences alike.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import closest
from einsyn.grammar.lark_tree import CharRange, Group, NameRef, RegexLiteral, Repeat, StringLiteral, TemplateUse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.lark_tree import Alternative, Item, TerminalDef
    from einsyn.grammar.report import Report

MAX_TEXTS: Final = 100_000
MAX_PATTERN: Final = 200_000
_MAX_LISTED: Final = 2_000  # more texts than this are matched by their structure instead of one by one


@dataclass(eq=False, repr=False, match_args=False, slots=True)
class Shape:
    """What a terminal or a part of one matches.

    Args:
        pattern: regular expression in Python's syntax.
        texts: all texts in written order, or None where they are infinitely many or come from a pattern.
        shortest, longest: lengths in characters; a `longest` of None has no bound.
        literal: the text, where the terminal is a single string (`ignore_case` says if spelling matters).
        too_many: finite, but over the limit; then `texts` is None.
    """

    pattern: str
    texts: tuple[str, ...] | None
    shortest: int
    longest: int | None
    literal: str | None = None
    ignore_case: bool = False
    too_many: bool = False


class Shapes:
    """Works out the shapes of terminals, each once.

    Args:
        definitions: terminals by name.
        report: where mistakes go.
    """

    def __init__(self, definitions: Mapping[str, TerminalDef], report: Report) -> None:
        self._definitions = definitions
        self._report = report
        self._known: dict[str, Shape] = {}

    def of(self, name: str) -> Shape:
        """The shape of a defined terminal. Chains of references are followed without recursion."""
        waiting = [name]
        open_names: set[str] = set()
        while waiting:
            top = waiting[-1]
            if top in self._known:
                waiting.pop()
                continue
            definition = self._definitions[top]
            missing = [r for r in references(definition.alternatives) if r.name not in self._known]
            if top in open_names and missing:
                self._report.fail(
                    "G032",
                    f"the terminal `{missing[0].name}` refers to itself",
                    missing[0].span,
                    "only rules can be recursive",
                )
            if missing:
                open_names.add(top)
                for ref in missing:
                    self._check_reference(ref, top)
                    if ref.name in open_names:
                        self._report.fail(
                            "G032",
                            f"the terminal `{ref.name}` refers to itself",
                            ref.span,
                            "only rules can be recursive",
                        )
                waiting.extend(r.name for r in missing)
                continue
            shape = self._alternatives(definition.alternatives)
            self._check(shape, top, definition.span)
            self._known[top] = shape
            waiting.pop()
        return self._known[name]

    def of_value(self, value: StringLiteral | RegexLiteral | CharRange) -> Shape:
        """The shape of an anonymous terminal in a rule."""
        shape = self._item(value)
        self._check(shape, value.raw if not isinstance(value, CharRange) else "the range", value.span)
        return shape

    def of_alternatives(self, alternatives: Sequence[Alternative], span: Span) -> Shape:
        """The shape of what `%ignore` names."""
        for ref in references(alternatives):
            self._check_reference(ref, "%ignore")
            self.of(ref.name)
        shape = self._alternatives(alternatives)
        self._check(shape, "%ignore", span)
        return shape

    def _check_reference(self, ref: NameRef, inside: str) -> None:
        if not ref.is_terminal:
            self._report.fail(
                "G031",
                f"the rule `{ref.name}` is used inside the terminal `{inside}`",
                ref.span,
                "a terminal is built of strings, patterns and terminals",
            )
        if ref.name not in self._definitions:
            near = closest(ref.name, self._definitions)
            self._report.fail(
                "G020",
                f"the terminal `{ref.name}` is not defined",
                ref.span,
                f"did you mean `{near}`?" if near else f"define it: `{ref.name}: ...`",
            )

    def _check(self, shape: Shape, name: str, span: Span) -> None:
        if len(shape.pattern) > MAX_PATTERN:
            self._report.fail(
                "G035",
                f"the pattern of `{name}` is longer than {MAX_PATTERN:,} characters",
                span,
                "write it as a regular expression",
            )
        if not shape.longest and shape.longest is not None:
            self._report.fail(
                "G033",
                f"the terminal `{name}` matches nothing but the empty text",
                span,
                "an alternative of a rule may be empty, a terminal may not",
            )
        if shape.shortest == 0:
            self._report.fail(
                "G033",
                f"the terminal `{name}` matches the empty text",
                span,
                f"let it need one character at least and write `[{name}]` in the rule",
            )

    # Composition.

    def _alternatives(self, alternatives: Sequence[Alternative]) -> Shape:
        for alternative in alternatives:
            if alternative.alias is not None:
                self._report.fail(
                    "G030",
                    "a terminal's alternative cannot have an alias",
                    alternative.span,
                    "aliases belong to rules; the terminal's text is its value",
                )
        parts = [self._sequence(a.items) for a in alternatives]
        if len(parts) == 1:
            return parts[0]
        too_many = any(p.too_many for p in parts)
        texts: tuple[str, ...] | None = None
        if all(p.texts is not None for p in parts):
            texts = tuple(t for p in parts for t in p.texts or ())
            if len(texts) > MAX_TEXTS:
                texts, too_many = None, True
        longest = None if any(p.longest is None for p in parts) else max(p.longest or 0 for p in parts)
        ignore_case = any(p.ignore_case for p in parts)
        if texts is not None and len(texts) <= _MAX_LISTED and not ignore_case:
            pattern = _one_of(texts)
        else:
            # Longest first, as Lark does: Python's `|` takes the first that matches.
            ordered = sorted(parts, key=lambda p: (-_width(p.longest), -p.shortest, -len(p.pattern)))
            pattern = f"(?:{'|'.join(p.pattern for p in ordered)})"
        return Shape(
            pattern, texts, min(p.shortest for p in parts), longest, ignore_case=ignore_case, too_many=too_many
        )

    def _sequence(self, items: Sequence[Item]) -> Shape:
        parts = [self._item(item) for item in items]
        if len(parts) == 1:
            return parts[0]
        return _concatenate(parts)

    def _item(self, item: Item) -> Shape:
        match item:
            case StringLiteral():
                pattern = re.escape(item.text)
                if item.ignore_case:
                    pattern = f"(?i:{pattern})"
                size = len(item.text)
                return Shape(pattern, (item.text,), size, size, item.text, item.ignore_case)
            case RegexLiteral():
                return self._regex(item)
            case CharRange():
                size = ord(item.last) - ord(item.first) + 1
                texts = tuple(chr(ord(item.first) + i) for i in range(size)) if size <= MAX_TEXTS else None
                pattern = f"[{re.escape(item.first)}-{re.escape(item.last)}]"
                return Shape(pattern, texts, 1, 1, too_many=texts is None)
            case NameRef():
                return self._known[item.name]
            case Group():
                inner = self._alternatives(item.alternatives)
                return self._repeat(inner, 0, 1, "?", item.span) if item.optional else inner
            case Repeat():
                inner = self._item(item.item)
                return self._repeat(inner, item.low, item.high, item.operator, item.span)
            case TemplateUse():
                self._report.fail(
                    "G031",
                    f"the template `{item.name}` is used inside a terminal",
                    item.span,
                    "only rules can use templates",
                )

    def _repeat(self, inner: Shape, low: int, high: int | None, operator: str, span: Span) -> Shape:
        if high is not None and high > 10_000:
            self._report.fail("G035", f"{high} repetitions are too many for a terminal", span, None)
        count = operator if operator != "~" else (f"{{{low}}}" if low == high else f"{{{low},{high}}}")
        pattern = f"(?:{inner.pattern}){count}"
        shortest = inner.shortest * low
        if high is None:
            return Shape(pattern, None, shortest, None)
        longest = None if inner.longest is None else inner.longest * high
        if inner.texts is None:
            return Shape(pattern, None, shortest, longest, too_many=inner.too_many)
        total, power = 0, 1
        for n in range(high + 1):
            if n >= low:
                total += power
            power *= len(inner.texts)
            if max(total, power if n < high else 0) * max(1, n) > MAX_TEXTS * 10:
                return Shape(pattern, None, shortest, longest, too_many=True)
        if total > MAX_TEXTS:
            return Shape(pattern, None, shortest, longest, too_many=True)
        counts = range(high, low - 1, -1) if operator == "?" else range(low, high + 1)
        texts = tuple("".join(chosen) for n in counts for chosen in product(inner.texts, repeat=n))
        return Shape(pattern, texts, shortest, longest, ignore_case=inner.ignore_case)

    def _regex(self, item: RegexLiteral) -> Shape:
        pattern = _without_layout(item.pattern) if "x" in item.flags else item.pattern
        for flag in item.flags.replace("x", ""):
            pattern = f"(?{flag}:{pattern})"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about nested sets, which do mean what Python says they mean now
                compiled = re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            self._report.fail(
                "G034",
                f"the pattern {item.raw} is not a regular expression: {error}",
                item.span,
                "it is in the syntax of Python's `re`",
            )
        shortest, longest = _regex_width(compiled)
        return Shape(pattern, None, shortest, longest)


def _concatenate(parts: Sequence[Shape]) -> Shape:
    pattern = "".join(p.pattern for p in parts)
    shortest = sum(p.shortest for p in parts)
    longest = None if any(p.longest is None for p in parts) else sum(p.longest or 0 for p in parts)
    if any(p.texts is None for p in parts):
        return Shape(pattern, None, shortest, longest, too_many=any(p.too_many for p in parts))
    count = 1
    for p in parts:
        count *= len(p.texts or ())
    if count > MAX_TEXTS:
        return Shape(pattern, None, shortest, longest, too_many=True)
    texts = tuple("".join(chosen) for chosen in product(*(p.texts or () for p in parts)))
    ignore_case = any(p.ignore_case for p in parts)
    if len(texts) <= _MAX_LISTED and not ignore_case:
        pattern = _one_of(texts)
    return Shape(pattern, texts, shortest, longest, ignore_case=ignore_case)


def _one_of(texts: Sequence[str]) -> str:
    """An expression that takes the longest of the texts; a single one stays as it is."""
    ordered = sorted(set(texts), key=lambda t: (-len(t), t))
    if len(ordered) == 1:
        return re.escape(ordered[0])
    return f"(?:{'|'.join(map(re.escape, ordered))})"


def _width(longest: int | None) -> int:
    return 1 << 30 if longest is None else longest


def _without_layout(pattern: str) -> str:
    """A pattern with the flag x as one without: white space and comments outside of brackets go."""
    kept = re.findall(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|#[^\n]*|\s+|.", pattern, re.DOTALL)
    return "".join(part for part in kept if not part.isspace() and not part.startswith("#"))


def _regex_width(compiled: re.Pattern[str]) -> tuple[int, int | None]:
    from lark.utils import get_regexp_width

    shortest, longest = get_regexp_width(compiled.pattern)
    return int(shortest), None if longest >= 4_294_967_295 else int(longest)


def references(alternatives: Sequence[Alternative]) -> list[NameRef]:
    """All names in alternatives, in text order."""
    found: list[NameRef] = []
    waiting: list[Item] = [i for a in reversed(alternatives) for i in reversed(a.items)]
    while waiting:
        item = waiting.pop()
        if isinstance(item, NameRef):
            found.append(item)
        elif isinstance(item, Group):
            waiting.extend(i for a in reversed(item.alternatives) for i in reversed(a.items))
        elif isinstance(item, Repeat):
            waiting.append(item.item)
    return found
