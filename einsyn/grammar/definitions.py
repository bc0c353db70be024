"""The macros that a space sees: its own `define` lines and those of the files that it uses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from einsyn.grammar.directives import read_directives
from einsyn.grammar.lark_syntax import parse_lark
from einsyn.grammar.macros.parser import Parser

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from einsyn.diagnostics import Span
    from einsyn.grammar.macros.syntax import Definition
    from einsyn.grammar.report import Report
    from einsyn.grammar.sources import Sources

MAX_DEPTH: Final = 20
_SUFFIXES: Final = (".ein", ".lark")


class Definitions:
    """Collects definitions over files. A file sees its own and those of the files that it uses."""

    def __init__(self, sources: Sources, report: Report) -> None:
        self._sources = sources
        self._report = report
        self._known: dict[Path, dict[str, Definition]] = {}
        self._open: list[Path] = []

    def visible(self, path: Path, uses: Sequence[tuple[str, Span]], own: Sequence[Definition]) -> dict[str, Definition]:
        """Definitions that a file sees; each of its own gets them as its scope."""
        scope: dict[str, Definition] = {}
        self._open.append(path.resolve())
        for name, span in uses:
            for found in self._use(path, name, span).values():
                earlier = scope.get(found.name)
                if earlier is not None and earlier is not found:
                    self._report.error(
                        "G066",
                        f"`{found.name}` is defined by two used files",
                        span,
                        "use one of them, or give one definition another name",
                        evidence=(f"{earlier.span}", f"{found.span}"),
                    )
                scope[found.name] = found
        self._open.pop()
        mine: dict[str, Definition] = {}
        for definition in own:
            if definition.name in mine:
                self._report.error(
                    "G066",
                    f"`{definition.name}` is defined twice",
                    definition.span,
                    "give one of them another name",
                    evidence=(f"first defined at {mine[definition.name].span}",),
                )
            elif definition.name in scope:
                self._report.note(
                    "G067",
                    f"`{definition.name}` replaces a definition of a used file",
                    definition.span,
                    f"the other one is at {scope[definition.name].span}",
                )
            mine[definition.name] = definition
        scope.update(mine)
        for definition in own:
            definition.scope = scope
        return scope

    def _use(self, importer: Path, name: str, span: Span) -> dict[str, Definition]:
        path = self._sources.find(name, importer, span, _SUFFIXES, "`use`")
        resolved = path.resolve()
        if resolved in self._open:
            self._report.fail(
                "G074",
                f"`{name}` uses itself, perhaps through another file",
                span,
                "move what both need into a third file",
            )
        if len(self._open) > MAX_DEPTH:
            self._report.fail("G074", f"files use each other more than {MAX_DEPTH} deep", span, None)
        if resolved not in self._known:
            text = self._sources.read(path, span)
            if path.suffix == ".lark":
                directives = read_directives(parse_lark(text, str(path), self._report), self._report)
                uses, own = directives.uses, directives.definitions
            else:
                statements, own = Parser(text, str(path)).file()
                uses = [(s.file, s.span) for s in statements]
            self._known[resolved] = self.visible(path, uses, own)
        return self._known[resolved]
