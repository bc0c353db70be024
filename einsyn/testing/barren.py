"""Why nothing can be drawn for a test: what the limits and `require` leave of a space."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from einsyn.diagnostics import Diagnostic
from einsyn.elaborate.limits import Limits
from einsyn.errors import SamplingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.architecture import Architecture
    from einsyn.space import Space

# Rejected draws, and architectures that `require` refuses, after which the rest is taken for like them.
_DRAWS: Final = 2_000
_REFUSED: Final = 300


def why_nothing(
    space: Space, limits: Limits, require: Callable[[Architecture], bool] | None, wanted: int = 1
) -> Diagnostic | None:
    """What keeps anything from being drawn; None where something is there.

    The same draws are looked at every time, whatever hypothesis draws, so that an example fails again in the same way.

    Args:
        space: the space.
        limits: what an architecture may cost.
        require: what else it must be.
        wanted: how many different architectures have to be there.
    """
    sampler = space.sampler(0, max_tries=_DRAWS, **asdict(limits))
    met: set[str] = set()
    refused: list[str] = []
    while len(refused) < _REFUSED and sampler.accepted < _REFUSED:
        try:
            architecture = next(sampler)
        except SamplingError as error:
            within = _within(limits)
            said = f"no architecture of `{space.name}` within {within} was met in {_DRAWS} draws"
            hint = "loosen the limits, change the input, or name a smaller profile"
            return error.diagnostics[0].with_(message=said, hint=hint)
        if require is not None and not require(architecture):
            refused.append(architecture.text)
            continue
        met.add(architecture.text)
        if len(met) == wanted:
            return None
    if met:
        return Diagnostic("S002", f"nothing can be changed: `{next(iter(met))}` is the only architecture that was met")
    few = ", ".join(f"`{text}`" for text in sorted(set(refused), key=len)[:3])
    said = f"`require` refuses all of {len(refused)} architectures of `{space.name}` within {_within(limits)}"
    hint = "loosen `require`, or name a space or limits that it fits"
    return Diagnostic("S001", said, evidence=(f"among them {few}",), hint=hint)


def _within(limits: Limits) -> str:
    """The limits that are not those of every space."""
    usual = asdict(Limits())
    given = [f"{name}={value}" for name, value in asdict(limits).items() if value != usual[name]]
    return ", ".join(given) or "the usual limits"
