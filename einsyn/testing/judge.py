"""Do oracles agree on a case, and if not, is rounding the reason?"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from einsyn.backends.agreement import agreement
from einsyn.testing.oracles import NOISE, oracle
from einsyn.testing.outcome import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from einsyn.testing.case import Case

    Array = np.ndarray[Any, Any]

# A gap is put down to rounding up to this multiple of how far runs with noise of that size lie apart.
ROUNDING_FACTOR: Final = 10.0
# The kinds of disagreement, for people.
MEANINGS: Final = {
    "values": "elements of an output differ by more than the tolerance",
    "pattern": "an output is not finite where the reference is, or in another way",
    "gradient": "a gradient differs by more than the tolerance",
    "shape": "an output has another shape, or there is another number of them",
    "exception": "an exception is raised",
    "memory": "memory runs out",
    "crash": "the process dies",
    "hang": "there is no answer in time",
}

# Those that depend on the numbers that a network meets.
NUMERIC: Final = frozenset({"values", "pattern", "gradient"})


@dataclass(frozen=True, slots=True)
class Disagreement:
    """One way in which an oracle does not do what the reference does.

    Args:
        oracle: who.
        kind: one of `MEANINGS`.
        exception: the exception or signal, in a form that is the same for like failures; "" without one.
        detail: one line for people: which output, by how much, or what was said.
    """

    oracle: str
    kind: str
    exception: str
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one case.

    Args:
        disagreements: what is not explained.
        finite: whether every output of the reference is finite.
        rounding: oracles whose differences rounding in 32 bits explains.
        reference: the outputs of the reference, where it gave some.
    """

    disagreements: tuple[Disagreement, ...]
    finite: bool = True
    rounding: tuple[str, ...] = ()
    reference: tuple[Array, ...] = field(default=(), repr=False)

    @property
    def unstable(self) -> bool:
        """Whether there was nothing definite to agree with."""
        return not self.disagreements and (not self.finite or bool(self.rounding))


@dataclass(frozen=True, slots=True)
class _Doubt:
    """A difference that may be rounding: in output `index`, or in the gradient `name`."""

    oracle: str
    kind: str
    gap: float
    magnitude: float
    index: int = 0
    name: str = ""

    def disagreement(self) -> Disagreement:
        where = f"gradient of {self.name}" if self.name else f"output {self.index + 1}"
        size = f", largest difference {self.gap:.3g}, largest value {self.magnitude:.3g}"
        return Disagreement(self.oracle, self.kind, "", where + size)


class Runner(Protocol):
    """Where oracles run: a child process, or this one."""

    def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
        """What became of a case in each oracle."""
        ...


class InProcess:
    """Runs oracles in this process, for networks and runtimes that are trusted to end."""

    def run(self, case: Case, names: Sequence[str], *, gradients: bool = False) -> dict[str, Outcome]:
        """What became of a case in each oracle; raises what they raise."""
        return {name: Outcome.of(oracle(name).run(case, gradients)) for name in names}


def examine(child: Runner, case: Case, names: Sequence[str]) -> Verdict:
    """Run a case in every oracle and compare each with the first.

    Args:
        child: where they run.
        case: the network.
        names: the reference, and who is compared with it.
    """
    gradients = sum(oracle(name).differentiates for name in names) > 1
    outcomes = child.run(case, names, gradients=gradients)
    reference = outcomes[names[0]]
    found = [_failure(name, outcome) for name, outcome in outcomes.items() if outcome.status != "done"]
    if reference.status != "done":
        return Verdict(tuple(found))
    found += _wrong_shapes(names[0], case.shapes, reference)
    doubts: list[_Doubt] = []
    for name in names[1:]:
        outcome = outcomes[name]
        if outcome.status != "done":
            continue
        wrong = _wrong_shapes(name, tuple(a.shape for a in reference.outputs), outcome)
        found += wrong
        if not wrong:
            doubts += _differences(name, reference, outcome)
    explained: set[str] = set()
    if doubts:
        judges = child.run(case, ("float64", *NOISE), gradients=gradients)
        for doubt in doubts:
            if _is_rounding(doubt, reference, judges):
                explained.add(doubt.oracle)
            else:
                found.append(doubt.disagreement())
    finite = all(agreement(a, a).finite for a in reference.outputs)
    return Verdict(tuple(found), finite, tuple(sorted(explained)), reference.outputs)


def _failure(name: str, outcome: Outcome) -> Disagreement:
    said = outcome.message.splitlines()
    detail = f"{outcome.exception}: {said[0]}" if said and outcome.exception else outcome.exception or "".join(said[:1])
    exception = outcome.exception if outcome.status == "crash" else outcome.summary
    return Disagreement(name, outcome.status, "" if outcome.status == "hang" else exception, detail[:300])


def _wrong_shapes(name: str, expected: tuple[tuple[int, ...], ...], outcome: Outcome) -> list[Disagreement]:
    shapes = tuple(tuple(int(n) for n in a.shape) for a in outcome.outputs)
    if shapes == expected:
        return []
    return [Disagreement(name, "shape", "", f"{[*map(list, shapes)]}, not {[*map(list, expected)]}")]


def _differences(name: str, reference: Outcome, outcome: Outcome) -> list[_Doubt]:
    """The first output that differs, and the first gradient."""
    doubts: list[_Doubt] = []
    for i, (expected, given) in enumerate(zip(reference.outputs, outcome.outputs, strict=True)):
        found = agreement(expected, given)
        if found.differs:
            doubts.append(_Doubt(name, found.differs, found.gap, found.magnitude, index=i))
    for key, expected in sorted(reference.gradients.items()):
        given = outcome.gradients.get(key)
        if given is None:
            continue
        found = agreement(expected, given)
        if found.differs:
            doubts.append(_Doubt(name, "gradient", found.gap, found.magnitude, name=key))
    return doubts


def _is_rounding(doubt: _Doubt, reference: Outcome, judges: dict[str, Outcome]) -> bool:
    """Whether noise of the size of rounding moves the result as far as the oracle is off."""
    exact, *noisy = (_array(doubt, judges[name]) for name in ("float64", *NOISE))
    given = _array(doubt, reference)
    if exact is None or given is None:
        return False
    runs = [run for run in noisy if run is not None]
    spread = 0.0
    for run in runs:
        found = agreement(exact, run)
        if found.differs in ("pattern", "shape"):
            return True  # noise decides whether there is a number
        spread = max(spread, found.gap)
    if agreement(exact, given).differs == "pattern":
        return True  # 32 bits are too few for this network
    return doubt.kind != "pattern" and doubt.gap <= ROUNDING_FACTOR * spread


def _array(doubt: _Doubt, outcome: Outcome) -> Array | None:
    if outcome.status != "done":
        return None
    return outcome.gradients.get(doubt.name) if doubt.name else outcome.outputs[doubt.index]
