"""The weights of alternatives as the files of a space write them, and the lines that say other ones.

A written alternative is known by its place. It stands for several productions where it has options or groups, whose
cases share its weight equally, and where its rule is a template, which writes its weights once for all instances.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Final

from einsyn.files import read_text
from einsyn.grammar.arithmetic import Arithmetic
from einsyn.grammar.lark_syntax import parse_lark
from einsyn.grammar.lark_tokens import tokenize
from einsyn.grammar.pragmas import RulePragmas, read_pragmas
from einsyn.grammar.report import Report

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.model import Grammar, Production

# A `p` or `w` to the end of its expression; a string in it may hold two slashes.
_SHARE: Final = re.compile(r'//@[ \t]*[pw]\b(?:"[^"\n]*"|(?!//).)*')
_INDENT: Final = "     "


@dataclass(frozen=True, slots=True)
class Change:
    """One line of a space that changes.

    Args:
        file, line: where it stands.
        old: the line.
        new: the lines in its place.
        unended: whether the file ends with this line, without a line break.
    """

    file: str
    line: int
    old: str
    new: tuple[str, ...]
    unended: bool = False


@dataclass(frozen=True, slots=True)
class WrittenRule:
    """The weights of a rule as written.

    Args:
        spans: its alternatives, in order.
        kind: `p` or `w`, whichever it uses, or nothing.
        said: what its alternatives say, of those that say something.
    """

    spans: tuple[Span, ...]
    kind: str
    said: Mapping[Span, Fraction]


def text_of(grammar: Grammar, file: str) -> str:
    """The text of a file that a place in the grammar names."""
    return grammar.source if file == grammar.file else read_text(file, "a space")


def written_rules(grammar: Grammar) -> dict[Span, WrittenRule]:
    """The rule that writes an alternative, by the place of the alternative."""
    found: dict[Span, WrittenRule] = {}
    report = Report()
    arithmetic = Arithmetic(grammar.directives.params, report)
    for file in dict.fromkeys(p.span.file for p in grammar.productions):
        tree = parse_lark(text_of(grammar, file), file, report)
        pragmas = read_pragmas(tree, report).rules
        for rule in tree.rules:
            shares = pragmas.get(rule.name, RulePragmas()).shares
            spans = tuple(a.span for a in rule.alternatives)
            said = {spans[number]: arithmetic.number(share.expression) for number, share in shares.items()}
            kind = next((share.kind for share in shares.values()), "")
            found |= dict.fromkeys(spans, WrittenRule(spans, kind, said))
    return found


def instances(grammar: Grammar) -> dict[Span, list[Production]]:
    """The productions that every written alternative stands for, in all instances of its rule."""
    found: dict[Span, list[Production]] = defaultdict(list)
    for production in grammar.productions:
        found[production.span].append(production)
    return found


def shares(
    weights: Mapping[Span, Fraction], productions: Mapping[Span, Sequence[Production]]
) -> dict[Production, Fraction]:
    """The probabilities of productions by the weights of all written alternatives of one rule."""
    total = sum(weights.values(), Fraction(0))
    found: dict[Production, Fraction] = {}
    for span, weight in weights.items():
        cases: dict[str, list[Production]] = defaultdict(list)
        for production in productions[span]:
            cases[production.rule.name].append(production)
        for own in cases.values():
            found |= dict.fromkeys(own, weight / total / len(own))
    return found


# Lines.


def changes(grammar: Grammar, weights: Mapping[Span, str]) -> list[Change]:
    """The lines that give alternatives these weights, by file and line; all alternatives of a rule have one."""
    found: list[Change] = []
    for file in sorted({span.file for span in weights}):
        own = {span: weight for span, weight in weights.items() if span.file == file}
        found += _Lines(text_of(grammar, file), file).changes(own)
    return found


class _Lines:
    """The lines of a file, and where their tokens are. A weight stands at the end of an alternative's last line."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._lines = text.split("\n")  # as the tokens count lines: other separators may stand in comments
        self._starts: dict[int, list[int]] = defaultdict(list)  # columns, from 0
        self._end: dict[int, int] = {}  # where the last token of a line ends
        for token in tokenize(text, file, Report())[0]:
            if token.kind in ("newline", "end"):
                continue
            self._starts[token.line].append(token.column - 1)
            breaks = token.text.count("\n")
            tail = len(token.text) - token.text.rfind("\n") - 1
            self._end[token.line + breaks] = tail if breaks else token.column - 1 + len(token.text)

    def changes(self, weights: Mapping[Span, str]) -> Iterator[Change]:
        ending: dict[int, list[Span]] = defaultdict(list)
        for span in weights:
            ending[span.end_line].append(span)
        for line, spans in sorted(ending.items()):
            old = self._lines[line - 1]
            cuts = sorted((span.end_column - 1, weights[span]) for span in spans)
            carriage = "\r" if old.endswith("\r") else ""
            new = tuple(text + carriage for text in self._new(line, cuts))
            if new != (old,):
                yield Change(self._file, line, old, new, line == len(self._lines))

    def _new(self, line: int, cuts: Sequence[tuple[int, str]]) -> Iterator[str]:
        """The line, broken before the bar that follows an alternative."""
        old, end = self._lines[line - 1], self._end[line]
        rest = old[end:].strip()
        start, indent = 0, ""
        for cut, weight in cuts:
            text = f"{indent}{old[start:cut].rstrip()}   //@ w {weight}"
            bar = next((column for column in self._starts[line] if column >= cut), None)
            if bar is None:
                remark = _remark(rest)
                yield f"{text}  {remark}" if remark else text
                return
            yield text
            start, indent = bar, _INDENT
        # The last alternative goes on in the next line; a weight that stood here was that of an earlier one.
        rest = _SHARE.sub("", rest, count=1) if rest.startswith("//@") else rest
        yield f"{indent}{old[start:end].rstrip()}  {rest}".rstrip()


def _remark(rest: str) -> str:
    """What stays after a weight of what stood at the end of a line: no older weight, and no mark that it goes on."""
    if rest.startswith("\\"):
        return ""
    if rest.startswith("#"):
        return f"// {rest[1:].strip()}"
    return _SHARE.sub("", rest, count=1) if rest.startswith("//@") else rest
