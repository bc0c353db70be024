"""Fuzzing: draw networks, run each in several oracles, and keep what disagrees, shrunk and sorted."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from einsyn.diagnostics import Diagnostic
from einsyn.errors import FileError, InfeasibleError, UsageError
from einsyn.files import read_text, replacing
from einsyn.sampling import Sampler
from einsyn.testing.case import case_of
from einsyn.testing.child import Child
from einsyn.testing.coverage import Coverage
from einsyn.testing.culprit import culprit, pairs, part
from einsyn.testing.finding import EINSYN, RECORD, Finding, folders, read_finding, write_finding, write_record
from einsyn.testing.judge import Disagreement, Verdict, examine
from einsyn.testing.oracles import oracle
from einsyn.testing.outcome import Outcome
from einsyn.testing.shrink import Shrinker
from einsyn.testing.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from einsyn.architecture import Architecture
    from einsyn.derivation.tree import Derivation
    from einsyn.ir.graph import Graph, Operation
    from einsyn.space import Space
    from einsyn.testing.case import Case

STATE: Final = "run.json"
# Draws for one network: the first that has a new pair of operations is taken, else the last.
_DRAWS: Final = 8
# After so many networks without a new pair one draw will do.
_SATURATED: Final = 50
# How many times longer something may run before it is said to hang.
_LONGER: Final = 5
# Inputs that a part of a network is tried with.
_INPUTS: Final = 4
# Networks between two times that the state is written.
_CHECKPOINT: Final = 50
# Unstable networks that are listed.
_LISTED: Final = 1_000


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        against: the reference, and who is compared with it.
        seed: of networks, weights and inputs.
        timeout: seconds for one network in one oracle.
        memory: bytes that a run may take beyond what is loaded; None for no bound.
        max_tests: derivations tried to shrink one failure.
    """

    against: tuple[str, ...] = ("torch", "onnxruntime")
    seed: int = 0
    timeout: float = 10.0
    memory: int | None = None
    max_tests: int = 1_000

    @classmethod
    def of(cls, against: Sequence[str], **options: Any) -> Plan:
        """A plan with the names of oracles as a command line gives them; torch is the reference of a single one.

        Raises:
            UsageError: U020 there is no such oracle, U022 one is named twice.
        """
        names = list(against) or list(cls.against)
        if len(names) == 1:
            names = ["torch", *names]
        for name in names:
            oracle(name)
            if names.count(name) > 1:
                raise UsageError(
                    Diagnostic("U022", f"`{name}` would be compared with itself", hint="name two that differ")
                )
        return cls(tuple(names), **options)


@dataclass
class Totals:
    """Counts of a run.

    Args:
        tried: networks drawn.
        agreed: on which all oracles agreed.
        unstable: whose reference is not finite, or whose differences rounding explains; listed in `unstable_archs`.
        failed: that showed a finding, known or new.
        slow: that did not answer in time, and did with more time.
        avoided: not run, because they contain what is known to hang.
    """

    tried: int = 0
    agreed: int = 0
    unstable: int = 0
    failed: int = 0
    avoided: int = 0
    slow: int = 0
    unstable_archs: list[str] = field(default_factory=list[str])


class Campaign:
    """A fuzzing run over one space.

    Args:
        space: what to draw from.
        plan: what to do.
        folder: where findings and the state go; None keeps nothing.
        resume: go on from the state in the folder.
        limits: what networks may cost.

    Raises:
        FileError: F011 the folder holds another run, or none to resume.
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
        self.totals = Totals()
        self.coverage = Coverage()
        self.findings: list[Finding] = []
        self._places: list[Path | None] = []
        self._shrinker = Shrinker(space.grammar)
        if folder is not None:
            self._open(folder, resume)

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
        """
        end = None if seconds is None else time.monotonic() + seconds
        with Child(self.plan.against, self.plan.timeout, self.plan.memory) as child:
            while (n is None or self.totals.tried < n) and (end is None or time.monotonic() < end):
                known = len(self.findings)
                self._try(child, self.totals.tried)
                if found is not None:
                    for finding, place in zip(self.findings[known:], self._places[known:], strict=True):
                        found(finding, place)
                if self.totals.tried % _CHECKPOINT == 0 or len(self.findings) > known:
                    self.save()
                if progress is not None:
                    progress(self)
        self.save()
        return self.findings

    def summary(self) -> dict[str, Any]:
        """What came of it, as JSON."""
        counts = {"tried": self.totals.tried, "agreed": self.totals.agreed, "unstable": self.totals.unstable}
        return {
            "space": self.space.name,
            "against": list(self.plan.against),
            "seed": self.plan.seed,
            **counts,
            "failed": self.totals.failed,
            "avoided": self.totals.avoided,
            "slow": self.totals.slow,
            "findings": [finding.title for finding in self.findings],
            "coverage": self.coverage.summary(),
            "versions": versions(),
        }

    # One network.

    def _try(self, child: Child, index: int) -> None:
        architecture = self._draw(index)
        graph = architecture.graph
        totals = self.totals
        totals.tried += 1
        if any(finding.kind == "hang" and _contains(finding, graph) for finding in self.findings):
            # It would take the timeout to learn nothing.
            totals.avoided += 1
            return
        verdict, _ = self._examine(child, graph, index, self.plan.against)
        self.coverage.add(graph)
        if verdict.disagreements:
            totals.failed += 1
            for disagreement in verdict.disagreements:
                self._keep(child, architecture, index, disagreement)
        elif verdict.unstable:
            totals.unstable += 1
            if len(totals.unstable_archs) < _LISTED:
                totals.unstable_archs.append(architecture.text)
        else:
            totals.agreed += 1

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

    def _examine(self, child: Child, graph: Graph, index: int, names: Sequence[str]) -> tuple[Verdict, Case | None]:
        try:
            case = case_of(graph, self.plan.seed + index)
        except Exception as error:  # that a network cannot be written is a finding about einsyn
            outcome = Outcome(exception=type(error).__name__, message=str(error))
            return Verdict((Disagreement(EINSYN, "exception", outcome.summary, outcome.message),)), None
        return examine(child, case, names), case

    # One failure.

    def _keep(self, child: Child, architecture: Architecture, index: int, what: Disagreement) -> None:
        reference = self.plan.against[0]
        names = (reference,) if what.oracle in (reference, EINSYN) else (reference, what.oracle)

        def shown(graph: Graph, number: int = index) -> tuple[Disagreement | None, Case | None]:
            verdict, case = self._examine(child, graph, number, names)
            same = (d for d in verdict.disagreements if _alike(d, what))
            return next(same, None), case

        def fails(graph: Graph) -> bool:
            return shown(graph)[0] is not None

        def fails_alone(graph: Graph) -> bool:
            # A part gets inputs that it may not mind; others may do.
            return any(shown(graph, index + k)[0] is not None for k in range(1 if what.kind == "hang" else _INPUTS))

        for i, known in enumerate(self.findings):
            if _alike(known, what) and _explains(known, architecture.graph, fails_alone):
                self._again(i)
                return
        if what.kind == "hang" and not self._hangs_for_long(architecture.graph, index, names, what):
            self.totals.slow += 1
            return
        child.stop()  # what happens in a fresh process depends on nothing before
        reproducible = fails(architecture.graph)
        smallest, tests, blamed = architecture, 0, architecture.graph.operations
        if reproducible:
            tree, tests = self._shrinker.shrink(
                architecture.derivation, lambda tree: self._tree_fails(tree, fails), self.plan.max_tests
            )
            smallest = self.space.check(tree, **self.limits)
            blamed = culprit(smallest.graph, fails_alone)
        now, case = shown(smallest.graph)
        finding = Finding(
            oracle=what.oracle,
            reference=reference,
            kind=what.kind,
            exception=what.exception,
            detail=(now or what).detail,
            pattern=_pattern(blamed),
            ops=tuple(operation.op.name for operation in reversed(blamed)),
            space=self.space.argument,
            arch=smallest.text,
            size=smallest.size,
            operations=len(smallest.graph.operations),
            original=architecture.text,
            tests=tests,
            seed=self.plan.seed + index,
            timeout=self.plan.timeout,
            reproducible=reproducible,
            versions=versions(),
        )
        for i, known in enumerate(self.findings):
            if known.key == finding.key or (known.arch == finding.arch and _alike(known, finding)):
                self._again(i)
                return
        place = None
        if self.folder is not None:
            place = self.folder / f"{len(self.findings) + 1:03}-{finding.folder}"
            write_finding(place, finding, smallest, case)
        self.findings.append(finding)
        self._places.append(place)

    def _hangs_for_long(self, graph: Graph, index: int, names: Sequence[str], what: Disagreement) -> bool:
        """Whether it still hangs with more time; on a busy machine it may just have been slow."""
        with Child(names, self.plan.timeout * _LONGER, self.plan.memory) as patient:
            verdict, _ = self._examine(patient, graph, index, names)
        return any(_alike(d, what) for d in verdict.disagreements)

    def _tree_fails(self, tree: Derivation, fails: Callable[[Graph], bool]) -> bool:
        try:
            return fails(self.space.check(tree, **self.limits).graph)
        except InfeasibleError:
            return False

    def _again(self, i: int) -> None:
        self.findings[i] = replace(self.findings[i], seen=self.findings[i].seen + 1)

    # The folder.

    def _open(self, folder: Path, resume: bool) -> None:
        state = folder / STATE
        if not resume:
            if state.exists():
                said = f"`{folder}` holds a run already"
                raise FileError(Diagnostic("F011", said, hint="go on with it with --resume, or name another folder"))
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                said = f"`{folder}` cannot be made: {error.strerror or error}"
                raise FileError(Diagnostic("F009", said, hint="check the folder")) from None
            return
        try:
            record: dict[str, Any] = json.loads(read_text(state, "the state of a run"))
            plan, totals, coverage = record["plan"], Totals(**record["totals"]), Coverage.read(record["coverage"])
        except (ValueError, TypeError, KeyError, AttributeError):
            raise FileError(Diagnostic("F010", f"`{state}` is not the state of a run", hint="start anew")) from None
        changed = sorted(key for key, value in self._identity().items() if plan.get(key) != value)
        if changed:
            said = f"`{folder}` holds a run with another {changed[0]}"
            evidence = tuple(f"{key}: {plan.get(key)}, now {self._identity()[key]}" for key in changed)
            raise FileError(Diagnostic("F011", said, evidence=evidence, hint="name another folder"))
        self.totals, self.coverage = totals, coverage
        if any(folder.rglob(RECORD)):
            self._places += list(folders(folder))
            self.findings += [read_finding(place) for place in folders(folder)]

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

    def save(self) -> None:
        """Write the state, and the counts of findings."""
        if self.folder is None:
            return
        for place, finding in zip(self._places, self.findings, strict=True):
            if place is not None:
                write_record(place, finding)
        record = {"plan": self._identity(), "totals": vars(self.totals), "coverage": self.coverage.record()}
        with replacing(self.folder / STATE) as stream:
            stream.write(json.dumps(record, indent=1) + "\n")


# Operations of a finding that its title shows.
_SHOWN: Final = 3


def _alike(a: Disagreement | Finding, b: Disagreement | Finding) -> bool:
    return (a.oracle, a.kind, a.exception) == (b.oracle, b.kind, b.exception)


def _explains(known: Finding, graph: Graph, fails: Callable[[Graph], bool]) -> bool:
    """Whether operations of the names that a finding blames fail by themselves in this network too."""
    if not known.reproducible:
        return True
    seen: set[object] = set()
    for operations in _candidates(graph, len(known.ops)):
        key = tuple((o.op, tuple(graph.types[v] for v in o.inputs)) for o in operations)
        if tuple(o.op.name for o in reversed(operations)) == known.ops and key not in seen:
            seen.add(key)
            if fails(part(graph, operations)):
                return True
    return False


def _contains(known: Finding, graph: Graph) -> bool:
    """Whether a network has the operations that a finding blames, attributes included."""
    return any(_pattern(operations) == known.pattern for operations in _candidates(graph, len(known.ops)))


def _candidates(graph: Graph, count: int) -> Iterable[tuple[Operation, ...]]:
    """Every operation, or every two of which one feeds the other, or nothing."""
    if count == 1:
        return ((operation,) for operation in graph.operations)
    return pairs(graph) if count == 2 else ()


def _pattern(operations: Sequence[Operation]) -> str:
    return " < ".join(str(operation.op) for operation in reversed(operations[-_SHOWN:]))
