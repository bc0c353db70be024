"""What a search that trains leaves out by default: networks that cost far more than others of their space.

Whatever pays a little is taken in, so networks grow while they are searched (bloat, in genetic programming), and the
draws of a grammar have a long tail of their own. One training that takes as long as all others together would be most
of the search; limits in seconds would make the outcome depend on the machine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.space import Space

DRAWS: Final = 200
_TIMES: Final = 10
# Hundreds of small operations take longer than one large one.
_COSTS: Final[Mapping[str, Callable[[Architecture], int]]] = {
    "max_ops": lambda a: len(a.graph.operations),
    "max_macs": lambda a: a.macs,
    "max_memory": lambda a: a.memory,
}


def usual_costs(space: Space, start: Sequence[Architecture] = ()) -> dict[str, int]:
    """The most operations, multiply-accumulates and bytes that a network may have that is not far from the usual.

    That is ten times the median of 200 draws from the grammar, or what nine tenths of them have at most, or twice what
    a search begins with, whichever is most. The draws are the same for every search of a space.

    Args:
        space: with its limits.
        start: what a search begins with.

    Returns:
        `max_ops`, `max_macs` and `max_memory`, as `Space.sample` takes them; never above the limits of the space.

    Raises:
        SamplingError: S001 nothing can be drawn.
    """
    drawn = space.sample(DRAWS, seed=0)
    return {
        limit: _most([cost(a) for a in drawn], [cost(a) for a in start], getattr(space.limits, limit))
        for limit, cost in _COSTS.items()
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
