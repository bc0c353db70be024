"""What einsyn tells people: a code, a place, the evidence, a hint and how to see it again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a file: 1-based line and column of its first character, and where it ends."""

    file: str
    line: int
    column: int
    end_line: int = 0
    end_column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


# What to do where a finding has nothing better to say, by the letter of its code.
_ADVICE: Final = {
    "A": "einsyn sample SPACE prints texts of the language",
    "B": "einsyn check SPACE ARCH says whether the architecture itself is sound",
    "D": "einsyn ops lists the primitives with their signatures",
    "E": "einsyn search --help lists objectives; docs/how-to/search.md shows data sets and recipes",
    "F": "check the path, and who may read and write there",
    "G": "einsyn lint SPACE lists every mistake of a space",
    "I": "einsyn show SPACE ARCH --as ir prints the text of a graph",
    "L": "einsyn sample --help lists the limits",
    "O": "docs/how-to/add-an-op.md says what each method answers",
    "Q": "einsyn search --help says how a run is started and continued",
    "S": "--explain-rejections says why draws are rejected",
    "T": "einsyn ops NAME shows what an operation takes; types are written f32[B, c:3, h:32, w:32]",
    "U": "einsyn COMMAND --help lists options; a type is written c:3,h:32,w:32 or 3x32x32",
    "V": "see the definitions at that place",
    "W": "docs/how-to/trained-weights.md shows how weights are saved, given and taken over",
}


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One finding.

    Args:
        code: stable identifier, a letter for the family and three digits (`T014`).
        message: one sentence, no full stop, names in backquotes.
        span: the place in a file, where there is one.
        path: the place in the derivation (`/0/2`), where there is one.
        evidence: lines that show the fact (shapes, the source line with a caret).
        hint: what to do about it.
        reproduce: a command that shows it again.
        severity: `error`, `warning` or `note`.
    """

    code: str
    message: str
    span: Span | None = None
    path: str | None = None
    evidence: tuple[str, ...] = ()
    hint: str | None = None
    reproduce: str | None = None
    severity: str = "error"

    def with_(self, **changes: object) -> Diagnostic:
        """The same finding with some fields replaced."""
        return replace(self, **changes)

    @property
    def advice(self) -> str | None:
        """The hint, for errors at least a general one."""
        return self.hint or (_ADVICE.get(self.code[:1]) if self.severity == "error" else None)

    def render(self) -> str:
        """The finding as the command line prints it."""
        lines = [f"{self.severity}[{self.code}]: {printable(self.message)}"]
        if self.path is not None and self.span is not None:
            lines.append(f" at {self.path}  ({printable(str(self.span))})")
        elif self.path is not None:
            lines.append(f" at {self.path}")
        elif self.span is not None:
            lines.append(f" at {printable(str(self.span))}")
        lines.extend(f"   {printable(line)}" for line in self.evidence)
        if self.advice is not None:
            lines.append(f"help: {printable(self.advice)}")
        if self.reproduce is not None:
            lines.append(f"reproduce: {printable(self.reproduce)}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, object]:
        """The finding as the fields of one JSON object."""
        return {
            "severity": self.severity,
            "code": self.code,
            "message": self.message,
            "file": self.span.file if self.span else None,
            "line": self.span.line if self.span else None,
            "column": self.span.column if self.span else None,
            "path": self.path,
            "evidence": list(self.evidence),
            "hint": self.advice,
            "reproduce": self.reproduce,
        }


def in_order(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Findings in the order in which a reader comes to them: files as they are first named, then lines and columns."""
    ordered = list(found)
    files: dict[str, int] = {}
    for diagnostic in ordered:
        files.setdefault(diagnostic.span.file if diagnostic.span else "", len(files))

    def place(diagnostic: Diagnostic) -> tuple[int, int, int, str]:
        span = diagnostic.span or Span("", 0, 0)
        return files[span.file], span.line, span.column, diagnostic.code

    return sorted(ordered, key=place)


def counted(number: int, noun: str) -> str:
    """A number and what there are so many of: `1 note`, `2 notes`."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Text that cannot move the cursor or start a new line: control characters are escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def encodable(text: str) -> str:
    """Text that UTF-8 can hold: a byte of an argument or a file name that is no UTF-8 is escaped, as JSON does it."""
    return text.encode("utf-8", "backslashreplace").decode()


def source_excerpt(source: str, span: Span) -> tuple[str, ...]:
    """The line of `source` that `span` names, and a caret below its column."""
    lines = source.splitlines()
    if not 1 <= span.line <= len(lines):
        return ()
    line = lines[span.line - 1].expandtabs(1)
    start = max(0, span.column - 60)
    shown = line[start : start + 120]
    width = 1
    if span.end_line == span.line and span.end_column > span.column:
        width = min(span.end_column - span.column, len(shown) - (span.column - 1 - start))
    return (shown, " " * (span.column - 1 - start) + "^" * max(1, width))


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate a person most likely meant by `name`, or None."""
    from difflib import SequenceMatcher, get_close_matches
    from itertools import takewhile

    found = get_close_matches(name, list(candidates), n=5, cutoff=0.6)

    def likeness(other: str) -> tuple[float, int]:
        # Of equally close ones, what begins alike: the beginning of a name is seldom wrong.
        alike = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(name, other, strict=False)))
        return SequenceMatcher(None, other, name).ratio(), alike

    return max(found, key=likeness, default=None)
