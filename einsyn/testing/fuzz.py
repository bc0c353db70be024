"""Fuzzing: draw networks, run each in several oracles, and keep what disagrees, shrunk and sorted."""

from __future__ import annotations

import hashlib
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from einsyn.sampling import Sampler
from einsyn.testing.case import case_of
from einsyn.testing.child import Child
from einsyn.testing.coverage import Coverage
from einsyn.testing.culprit import contains
from einsyn.testing.finding import Finding, write_finding
from einsyn.testing.reduce import Reducer, known_as, same_as, try_case
from einsyn.testing.state import State, make_folder, read_state, write_state
from einsyn.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from einsyn.architecture import Architecture
    from einsyn.space import Space
    from einsyn.testing.judge import Disagreement
    from einsyn.testing.plan import Plan
    from einsyn.testing.state import Totals

# Draws for one network: the first that has a new pair of operations is taken, else the last.
_DRAWS: Final = 8
# After so many networks without a new pair one draw will do.
_SATURATED: Final = 50
# Networks between two times that the state is written.
_CHECKPOINT: Final = 50


class Campaign:
    """A fuzzing run over one space.

    Args:
        space: what to draw from.
        plan: what to do.
        folder: where findings and the state go; None keeps nothing.
        resume: go on from the state in the folder.
        limits: what networks may cost.

    Raises:
        FileError: F011 the folder holds another run, F001 none to resume, F010 a damaged one, F009 it cannot be made.
    """

    def __init__(
        self,
        space: Space,
        plan: Plan,
        folder: Path | None = None,
        *,
        resume: bool = False,
        limits: Mapping[str, int | None] | None = None,
    ) -> None:
        self.space = space
        self.plan = plan
        self.folder = folder
        self.limits = dict(limits or {})
        self.coverage = Coverage()
        self._state = State()
        # Whether the counts are of whole networks, so that they may be saved.
        self._whole = True
        self._reducer = Reducer(space, plan, self.limits)
        if folder is not None and resume:
            self._state, self.coverage = read_state(folder, self._identity())
        elif folder is not None:
            make_folder(folder)

    @property
    def totals(self) -> Totals:
        """The counts so far."""
        return self._state.totals

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order in which they were met."""
        return list(self._state.findings)

    def run(
        self,
        n: int | None = None,
        seconds: float | None = None,
        progress: Callable[[Campaign], None] | None = None,
        found: Callable[[Finding, Path | None], None] | None = None,
    ) -> list[Finding]:
        """Try networks until `n` in all were tried or the time is over.

        Args:
            n: how many, those of a run that is resumed included; the result depends on nothing but this and the plan.
            seconds: stop after so many; a network in hand is finished.
            progress: called after every network.
            found: called for every new finding, with its folder.

        Returns:
            All findings, in the order in which they were met.

        Raises:
            KeyboardInterrupt: somebody had enough; what was done until then is saved.
        """
        end = None if seconds is None else time.monotonic() + seconds
        try:
            with Child(self.plan.against, self.plan.timeout, self.plan.memory) as child:
                while (n is None or self.totals.tried < n) and (end is None or time.monotonic() < end):
                    self._step(child, found)
                    if progress is not None:
                        progress(self)
        except KeyboardInterrupt:
            if self._whole and self.totals.tried:
                self.save()
            raise
        self.save()
        return self.findings

    def _step(self, child: Child, found: Callable[[Finding, Path | None], None] | None) -> None:
        """One network, and what has to be told and saved after it."""
        before = self._state
        state, architecture = self._tried(child, before.totals.tried)
        self._whole = False
        if architecture is not None:
            self.coverage.add(architecture.graph)
        self._state = state
        self._whole = True
        known = len(before.findings)
        if found is not None:
            for finding, place in zip(state.findings[known:], state.places[known:], strict=True):
                found(finding, place)
        if state.totals.tried % _CHECKPOINT == 0 or len(state.findings) > known:
            self.save()

    def summary(self) -> dict[str, Any]:
        """What came of it, as JSON."""
        totals = self.totals
        return {
            "space": self.space.name,
            "against": list(self.plan.against),
            "seed": self.plan.seed,
            "tried": totals.tried,
            "agreed": totals.agreed,
            "unstable": totals.unstable,
            "failed": totals.failed,
            "avoided": totals.avoided,
            "slow": totals.slow,
            "findings": [finding.title for finding in self.findings],
            "coverage": self.coverage.summary(),
            "versions": versions(*self.plan.packages),
        }

    def save(self) -> None:
        """Write the state, and the counts of findings."""
        if self.folder is not None:
            write_state(self.folder, self._identity(), self._state, self.coverage)

    def _identity(self) -> dict[str, Any]:
        """What has to be the same when a run goes on."""
        return {
            "space": self.space.grammar.digest,
            "inputs": [f"{name} {t}" for name, t in self.space.inputs],
            "params": dict(self.space.params),
            "limits": asdict(self.space.bounds(self.limits)),
            "against": list(self.plan.against),
            "seed": self.plan.seed,
        }

    # One network.

    def _tried(self, child: Child, index: int) -> tuple[State, Architecture | None]:
        """The state after network number `index`, and the network if it ran."""
        architecture = self._draw(index)
        graph = architecture.graph
        state = self._state.counted(tried=1)
        if any(f.kind == "hang" and contains(graph, f.pattern, len(f.ops)) for f in state.findings):
            # It would take the timeout to learn nothing.
            return state.counted(avoided=1), None
        verdict, _ = try_case(child, lambda: case_of(graph, self.plan.seed_of(index)), self.plan.against)
        if verdict.disagreements:
            state = state.counted(failed=1)
            for disagreement in verdict.disagreements:
                state = self._kept(state, child, architecture, index, disagreement)
        elif verdict.unstable:
            state = state.with_unstable(architecture.text)
        else:
            state = state.counted(agreed=1)
        return state, architecture

    def _draw(self, index: int) -> Architecture:
        """Network number `index`: its draws depend on the seed and the number, the choice among them on coverage."""
        digest = hashlib.sha256(f"{self.plan.seed}/{index}".encode()).digest()
        sampler = Sampler(self.space, int.from_bytes(digest[:8]), self.space.bounds(self.limits))
        if self.coverage.stale < _SATURATED:
            for _ in range(_DRAWS - 1):
                architecture = next(sampler)
                if self.coverage.new_pairs(architecture.graph):
                    return architecture
        return next(sampler)

    def _kept(self, state: State, child: Child, architecture: Architecture, index: int, what: Disagreement) -> State:
        """The state with one disagreement: a finding that is met again, or a new one, which is written."""
        witness = self._reducer.witness(child, what, index)
        again = known_as(state.findings, architecture.graph, witness)
        if again is not None:
            return state.again(again)
        reduced = self._reducer.reduce(child, architecture, witness)
        if reduced is None:
            return state.counted(slow=1)
        finding, smallest, case = reduced
        again = same_as(state.findings, finding)
        if again is not None:
            return state.again(again)
        place = None
        if self.folder is not None:
            place = self.folder / f"{len(state.findings) + 1:03}-{finding.folder}"
            write_finding(place, finding, smallest, case)
        return state.found(finding, place)
