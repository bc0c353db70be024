"""Two spaces beside each other: their sizes, what their architectures cost, and which of one the other contains.

A space contains an architecture of another if its text is an architecture there, within the limits there. What a text
means may differ, so networks are compared as well, by canonical form. Spaces with few enough derivations are compared
as a whole; for others draws are looked at, and shares are estimates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from einsyn.analysis.branching import Branching
from einsyn.analysis.draws import draw
from einsyn.errors import EinsynError

if TYPE_CHECKING:
    from einsyn.analysis.draws import Draws
    from einsyn.architecture import Architecture
    from einsyn.space import Space


@dataclass(frozen=True, slots=True)
class Side:
    """One of two spaces, as the other sees it.

    Args:
        space: the space.
        expected_size: of its derivations.
        draws: its draws, or all of its derivations.
        contained: the probability of its architectures that are architectures of the other space by their text.
        same: the probability of those that are the same network there.
        known: the probability of those whose network is among the networks of the other side, whatever its text.
        alone: architectures that the other space does not contain, the shortest first.
    """

    space: Space
    expected_size: float
    draws: Draws
    contained: float
    same: float
    known: float
    alone: tuple[Architecture, ...]


def compare(a: Space, b: Space, n: int, seed: int = 0) -> tuple[Side, Side]:
    """Compare two spaces.

    Args:
        a: a loaded space.
        b: another one; each has its own input and limits.
        n: how many draws of each to look at; all derivations where there are at most as many.
        seed: of the draws.
    """
    drawn = draw(a, n, seed), draw(b, n, seed)
    networks = [{x.canonical for x in draws.architectures} for draws in drawn]
    return _side(a, b, drawn[0], networks[1]), _side(b, a, drawn[1], networks[0])


def _side(space: Space, other: Space, draws: Draws, networks: set[str]) -> Side:
    contained: list[float] = []
    same: list[float] = []
    known: list[float] = []
    alone: dict[str, Architecture] = {}
    there: dict[str, str | None] = {}
    for architecture, weight in zip(draws.architectures, draws.weights, strict=True):
        text = architecture.text
        if text not in there:
            there[text] = _network(other, text)
        known += [weight] * (architecture.canonical in networks)
        if there[text] is None:
            alone[text] = architecture
            continue
        contained.append(weight)
        same += [weight] * (there[text] == architecture.canonical)
    # Correctly rounded sums: those of some of the weights do not exceed that of all.
    whole = math.fsum(draws.weights) or 1.0
    shortest = sorted(alone.values(), key=lambda x: (len(x.text), x.text))
    return Side(
        space,
        Branching(space.grammar).expected_size,
        draws,
        contained=math.fsum(contained) / whole,
        same=math.fsum(same) / whole,
        known=math.fsum(known) / whole,
        alone=tuple(shortest),
    )


def _network(space: Space, text: str) -> str | None:
    """The canonical form that a text has in a space; None if it is no architecture there."""
    try:
        return space.parse(text).canonical
    except EinsynError:
        return None
