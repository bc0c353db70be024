"""What a search that trains leaves out by default: networks that cost far more than others of their space.

Whatever pays a little is taken in, so networks grow while they are searched (bloat, in genetic programming), and the
draws of a grammar have a long tail of their own. One training that takes as long as all others together would be most
of the search; limits in seconds would make the outcome depend on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from einsyn.architecture import Architecture
    from einsyn.space import Space

DRAWS: Final = 200
_TIMES: Final = 10


def usual_costs(space: Space, start: Sequence[Architecture] = ()) -> dict[str, int]:
    """The most multiply-accumulates and bytes that a network may have that is not far from the usual.

    That is ten times the median of 200 draws from the grammar, or what nine tenths of them have at most, or twice what
    a search begins with, whichever is most. The draws are the same for every search of a space.

    Args:
        space: with its limits.
        start: what a search begins with.

    Returns:
        `max_macs` and `max_memory`, as `Space.sample` takes them; never above the limits of the space.

    Raises:
        SamplingError: S001 nothing can be drawn.
    """
    drawn, limits = space.sample(DRAWS, seed=0), space.limits
    return {
        "max_macs": _most([a.macs for a in drawn], [a.macs for a in start], limits.max_macs),
        "max_memory": _most([a.memory for a in drawn], [a.memory for a in start], limits.max_memory),
    }


def bound_by_the_usual(space: Space, given: Collection[str], start: Sequence[Architecture] = ()) -> dict[str, int]:
    """Make usual costs limits of a space, where neither `given` names the limit nor the grammar has one.

    Returns:
        The limits that are new.
    """
    kept = {*given, *space.grammar.directives.limits}
    new = {name: most for name, most in usual_costs(space, start).items() if name not in kept}
    space.limits = space.limits.merged(new)
    return new


def _most(drawn: list[int], begun_with: list[int], limit: int | None) -> int:
    ordered = sorted(drawn)
    most = max(_TIMES * ordered[DRAWS // 2], ordered[DRAWS * 9 // 10], *[2 * cost for cost in begun_with])
    return most if limit is None else min(most, limit)
