"""What is almost an architecture: texts just outside the language, and derivations that do not type-check."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import strategies as st

from einsyn.derivation.text import read
from einsyn.errors import ArchitectureError
from einsyn.testing.drawing import DrawnChooser, one_attempt
from einsyn.testing.strategies import Source, places

if TYPE_CHECKING:
    from pathlib import Path

    from einsyn.architecture import Architecture
    from einsyn.derivation.tree import Derivation
    from einsyn.space import Space
    from einsyn.testing.options import Draw

_EDITS: Final = ("delete", "double", "swap", "replace", "cut", "letter")
_TRIES: Final = 6
# Part of no grammar: the texts of a space are printable.
_FOREIGN: Final = "\x00"


class NearMiss(NamedTuple):
    """A text that is no architecture, one change away from one that is.

    Args:
        text: what einsyn must refuse.
        code: how: A... for a text outside the language, T... or V... for one that does not type-check.
        derivation: the tree of a text that does not type-check, else None.
        near: the architecture that was changed.
    """

    text: str
    code: str
    derivation: Derivation | None
    near: Architecture


def near_misses(space: Space | str | Path, **settings: Any) -> st.SearchStrategy[NearMiss]:
    """Texts just outside the language, and texts in it that do not type-check, where the space has any.

    Args:
        space: a space, or the name or path of one.
        **settings: as for `derivations`.
    """
    return _near_misses(Source(space, None, settings))


@st.composite
def _near_misses(draw: st.DrawFn, source: Source) -> NearMiss:
    near = source.draw(draw)
    if draw(st.booleans()):
        found = _ill_typed(draw, source, near)
        if found is not None:
            source.show(found.text)
            return found
    missed = _outside(draw, source, near)
    source.show(missed.text)
    return missed


def _ill_typed(draw: Draw, source: Source, near: Architecture) -> NearMiss | None:
    """A derivation that fails when one subtree is drawn again without regard to types; None if none was met."""
    for path in places(draw, near.derivation):
        chooser = DrawnChooser(draw, source.options, source.limits, given=near.derivation, hole=path, typed=False)
        derivation, outcome = one_attempt(source.options, chooser, source.limits)
        if outcome.cause is not None and outcome.cause.code[0] in "TV":
            text = derivation.text
            return NearMiss(text, outcome.cause.code, derivation, near)
    return None


def _outside(draw: Draw, source: Source, near: Architecture) -> NearMiss:
    """A text that one edit took out of the language."""
    space = source.space
    tokens = [text for _, text in read(near.derivation)[0]]
    words = sorted({t.literal for t in space.grammar.terminals.values() if t.literal} | set(tokens))
    for _ in range(_TRIES):
        edited = _edited(draw, near.text, tokens, words)
        code = _refused(space, edited)
        if code is not None:
            return NearMiss(edited, code, None, near)
    edited = near.text + _FOREIGN
    code = _refused(space, edited)
    assert code is not None
    return NearMiss(edited, code, None, near)


def _edited(draw: Draw, text: str, tokens: list[str], words: list[str]) -> str:
    """The text with one token or letter deleted, doubled, exchanged or cut off."""
    edit = draw(st.sampled_from(_EDITS))
    if edit == "letter":
        at = draw(st.integers(0, len(text)))
        return text[:at] + draw(st.sampled_from(("", "x", "0", " ", "é"))) + text[at + 1 :]
    if not tokens:
        return draw(st.sampled_from(words or [_FOREIGN]))
    at = draw(st.integers(0, len(tokens) - 1))
    before, token, after = tokens[:at], tokens[at], tokens[at + 1 :]
    changed = {
        "delete": [*before, *after],
        "double": [*before, token, token, *after],
        "swap": [*before, *after[:1], token, *after[1:]],
        "cut": before,
    }
    if edit == "replace":
        return " ".join([*before, draw(st.sampled_from(words)), *after])
    return " ".join(changed[edit])


def _refused(space: Space, text: str) -> str | None:
    """The code of the refusal of a text, None where it is in the language."""
    try:
        space.derivation(text)
    except ArchitectureError as error:
        return error.code
    return None
