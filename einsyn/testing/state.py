"""How far a fuzzing run is: its counts and findings, and `run.json`, from which it goes on."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError
from einsyn.files import read_text, replacing
from einsyn.testing.coverage import Coverage
from einsyn.testing.finding import Finding, write_record
from einsyn.testing.stored import read_finding

if TYPE_CHECKING:
    from collections.abc import Mapping

STATE: Final = "run.json"
# Unstable networks that are listed, and their characters: the state has to stay a file that can be read.
_LISTED: Final = 1_000
_CHARACTERS: Final = 1_000_000


@dataclass(frozen=True)
class Totals:
    """Counts of a run.

    Args:
        tried: networks drawn.
        agreed: on which all oracles agreed.
        unstable: whose reference is not finite, or whose differences rounding explains; listed in `unstable_archs`.
        failed: that showed a finding, known or new.
        avoided: not run, because they contain what is known to hang.
        slow: disagreements that were only slowness: no answer in time, but one with more time.
        unstable_archs: the first of the unstable ones, as text.
    """

    tried: int = 0
    agreed: int = 0
    unstable: int = 0
    failed: int = 0
    avoided: int = 0
    slow: int = 0
    unstable_archs: tuple[str, ...] = ()


@dataclass(frozen=True)
class State:
    """How far a run is after a whole number of networks.

    Args:
        totals: its counts.
        findings: in the order in which they were met.
        places: the folder of each, where findings are kept.
    """

    totals: Totals = field(default_factory=Totals)
    findings: tuple[Finding, ...] = ()
    places: tuple[Path | None, ...] = ()

    def counted(self, **more: int) -> State:
        """The same with some counts raised."""
        return replace(self, totals=replace(self.totals, **{k: getattr(self.totals, k) + n for k, n in more.items()}))

    def with_unstable(self, text: str) -> State:
        """The same with one more unstable network, listed while there is room."""
        listed = self.totals.unstable_archs
        if len(listed) < _LISTED and sum(map(len, listed)) + len(text) <= _CHARACTERS:
            listed = (*listed, text)
        return replace(self, totals=replace(self.totals, unstable_archs=listed)).counted(unstable=1)

    def again(self, i: int) -> State:
        """The same with a finding met once more."""
        known = self.findings[i]
        findings = (*self.findings[:i], replace(known, seen=known.seen + 1), *self.findings[i + 1 :])
        return replace(self, findings=findings)

    def found(self, finding: Finding, place: Path | None) -> State:
        """The same with a new finding."""
        return replace(self, findings=(*self.findings, finding), places=(*self.places, place))


def make_folder(folder: Path) -> None:
    """Make the folder of a new run.

    Raises:
        FileError: F011 it holds a run already, F009 it cannot be made.
    """
    if os.path.exists(folder / STATE):
        said = f"`{folder}` holds a run already"
        raise FileError(Diagnostic("F011", said, hint="go on with it with --resume, or name another folder"))
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        said = f"`{folder}` cannot be made: {error.strerror or error}"
        raise FileError(Diagnostic("F009", said, hint="check the folder")) from None


def write_state(folder: Path, identity: Mapping[str, Any], state: State, coverage: Coverage) -> None:
    """Write the counts of findings, then `run.json`.

    Args:
        folder: of the run.
        identity: what has to be the same when it goes on.
        state: how far it is.
        coverage: what it has exercised.
    """
    for place, finding in zip(state.places, state.findings, strict=True):
        if place is not None:
            write_record(place, finding)
    found = [
        {"folder": place.name, "seen": finding.seen}
        for place, finding in zip(state.places, state.findings, strict=True)
        if place is not None
    ]
    record = {"plan": identity, "totals": vars(state.totals), "findings": found, "coverage": coverage.record()}
    with replacing(folder / STATE) as stream:
        stream.write(json.dumps(record, indent=1) + "\n")


def read_state(folder: Path, identity: Mapping[str, Any]) -> tuple[State, Coverage]:
    """What `write_state` wrote. Findings that came after it are not in it: the run will meet them again.

    Raises:
        FileError: F001 there is no run, F010 its state is damaged, F011 it is another run.
    """
    file = folder / STATE
    try:
        record: dict[str, Any] = json.loads(read_text(file, "the state of a run"))
        plan, coverage = record["plan"], Coverage.read(record["coverage"])
        counts: dict[str, Any] = record["totals"]
        totals = Totals(unstable_archs=tuple(counts.pop("unstable_archs")), **counts)
        seen = {str(each["folder"]): int(each["seen"]) for each in record["findings"]}
        if any(name != Path(name).name for name in seen):
            raise ValueError(seen)  # a file that was sent here makes nobody read or write elsewhere
        changed = sorted(key for key, value in identity.items() if plan.get(key) != value)
    except (ValueError, TypeError, KeyError, AttributeError):
        raise FileError(Diagnostic("F010", f"`{file}` is not the state of a run", hint="start anew")) from None
    if changed:
        said = f"`{folder}` holds a run with another {changed[0]}"
        evidence = tuple(f"{key}: {plan.get(key)}, now {identity[key]}" for key in changed)
        raise FileError(Diagnostic("F011", said, evidence=evidence, hint="name another folder"))
    places = tuple(folder / name for name in seen)
    findings = tuple(replace(read_finding(place), seen=seen[place.name]) for place in places)
    return State(totals, findings, places), coverage
