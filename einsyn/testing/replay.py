"""Findings run again: which of a corpus still fail?"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from einsyn.testing.case import case_of
from einsyn.testing.child import Child
from einsyn.testing.finding import EINSYN, Finding
from einsyn.testing.judge import examine
from einsyn.testing.oracles import ORACLES
from einsyn.testing.outcome import Outcome
from einsyn.testing.stored import folders, read_case, read_finding, read_graph

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from einsyn.testing.case import Case

# `fails`: as recorded. `fixed`: it does not fail any more. `rewritten`: the stored model fails, the one that einsyn
# writes today does not. `skipped`: it needs a function that was not allowed.
Status = Literal["fails", "fixed", "rewritten", "skipped"]


@dataclass(frozen=True)
class Replayed:
    """What became of a finding.

    Args:
        folder: where it is.
        finding: its record.
        status: whether it still fails.
        detail: what was seen this time.
    """

    folder: Path
    finding: Finding
    status: Status
    detail: str = ""


def replay(corpus: Path, allowed: Sequence[str] = (), timeout: float | None = None) -> Iterator[Replayed]:
    """Run every finding of a folder again, in a child process; those of one runtime share it.

    Args:
        corpus: a folder with findings, at any depth.
        allowed: functions, `module:function`, that may be imported: a corpus by itself names no code to run.
        timeout: seconds for a run, in place of those of the finding.

    Raises:
        FileError: F001 there is no finding, F010 one is damaged.
    """
    with ExitStack() as open_:
        children: dict[object, Child] = {}
        for folder in folders(corpus):
            finding = read_finding(folder)
            names = tuple(dict.fromkeys((finding.reference, finding.oracle)))
            if finding.oracle == EINSYN:
                yield _written_again(folder, finding)
                continue
            if any(name not in ORACLES and name not in allowed for name in names):
                yield Replayed(folder, finding, "skipped", f"needs --against {finding.oracle}")
                continue
            key = names, finding.timeout if timeout is None else timeout, finding.memory
            if key not in children:
                # Those of another runtime are not needed any more.
                open_.close()
                children = {key: open_.enter_context(Child(*key))}
            yield _run_again(folder, finding, children[key], names)


def _run_again(folder: Path, finding: Finding, child: Child, names: Sequence[str]) -> Replayed:
    def seen(case: Case) -> str | None:
        """What is wrong, if it is what was recorded."""
        recorded = (finding.oracle, finding.kind, finding.exception)
        found = examine(child, case, names).disagreements
        return next((d.detail for d in found if (d.oracle, d.kind, d.exception) == recorded), None)

    then, now = read_case(folder, finding)
    stored = seen(then)
    today = stored if now.model == then.model else seen(now)
    if today is not None:
        return Replayed(folder, finding, "fails", today)
    return Replayed(folder, finding, "fixed" if stored is None else "rewritten", stored or "")


def _written_again(folder: Path, finding: Finding) -> Replayed:
    try:
        case_of(read_graph(folder), finding.seed)
    except Exception as error:  # what kept einsyn from writing it
        said = Outcome(exception=type(error).__name__, message=str(error)).summary
        return Replayed(folder, finding, "fails" if said == finding.exception else "fixed", said)
    return Replayed(folder, finding, "fixed")
