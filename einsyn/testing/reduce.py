"""From a network on which oracles disagree to a finding: shrunk, with the operations to blame."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from einsyn.errors import InfeasibleError
from einsyn.testing.case import case_of
from einsyn.testing.child import Child
from einsyn.testing.culprit import culprit, explains, part, pattern_of
from einsyn.testing.finding import EINSYN, Finding
from einsyn.testing.judge import NUMERIC, Disagreement, Verdict, examine
from einsyn.testing.met import run_through
from einsyn.testing.outcome import Outcome
from einsyn.testing.shrink import Shrinker
from einsyn.versions import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.derivation.tree import Derivation
    from einsyn.ir.graph import Graph, Operation
    from einsyn.space import Space
    from einsyn.testing.case import Case
    from einsyn.testing.judge import Runner
    from einsyn.testing.plan import Plan

# How many times longer something may run before it is said to hang.
_LONGER: Final = 5
# Inputs that a part of a network is tried with where nobody knows what it meets in it.
_INPUTS: Final = 4


def try_case(runner: Runner, made: Callable[[], Case], names: Sequence[str]) -> tuple[Verdict, Case | None]:
    """What oracles make of a case; that it cannot be made is a finding about einsyn."""
    try:
        case = made()
    except Exception as error:  # whatever keeps einsyn from writing a network
        outcome = Outcome(exception=type(error).__name__, message=str(error))
        return Verdict((Disagreement(EINSYN, "exception", outcome.summary, outcome.message),)), None
    return examine(runner, case, names), case


def alike(a: Disagreement | Finding, b: Disagreement | Finding) -> bool:
    """Whether the same oracle fails in the same way."""
    return (a.oracle, a.kind, a.exception) == (b.oracle, b.kind, b.exception)


class Witness:
    """Whether networks and parts of them show one disagreement.

    Args:
        runner: where they run.
        what: the disagreement.
        reference: whom everybody is compared with.
        seed: of weights and inputs.
    """

    def __init__(self, runner: Runner, what: Disagreement, reference: str, seed: int) -> None:
        self.what = what
        self.seed = seed
        self._runner = runner
        self._reference = reference
        self._names = (reference,) if what.oracle in (reference, EINSYN) else (reference, what.oracle)

    def shown(self, graph: Graph) -> tuple[Disagreement | None, Case | None]:
        """The disagreement as a network shows it, and the network as it ran."""
        return self._shown(lambda: case_of(graph, self.seed))

    def fails(self, graph: Graph) -> bool:
        """Whether a network shows it."""
        return self.shown(graph)[0] is not None

    def alone(self, graph: Graph) -> Callable[[tuple[Operation, ...]], bool]:
        """A function that says whether some operations of a network show it by themselves."""
        met = cache(lambda: run_through(self._runner, graph, self.seed, self._reference))
        known: dict[object, bool] = {}

        def tried(operations: tuple[Operation, ...]) -> bool:
            ran = met()
            if ran is not None:
                return self._shown(lambda: ran.case(operations))[0] is not None
            graph_of_part = part(graph, operations)
            seeds = range(self.seed, self.seed + (1 if self.what.kind == "hang" else _INPUTS))
            return any(self._shown(lambda seed=seed: case_of(graph_of_part, seed))[0] is not None for seed in seeds)

        def fails(operations: tuple[Operation, ...]) -> bool:
            if self.what.kind in NUMERIC:
                return tried(operations)
            # Where numbers do not matter, equal operations at equal types fail alike.
            key = tuple((o.op, tuple(graph.types[value] for value in o.inputs)) for o in operations)
            if key not in known:
                known[key] = tried(operations)
            return known[key]

        return fails

    def patient(self, timeout: float, memory: int | None, graph: Graph) -> bool:
        """Whether a network still hangs with more time; on a busy machine it may just have been slow."""
        with Child(self._names, timeout * _LONGER, memory) as child:
            return Witness(child, self.what, self._reference, self.seed).fails(graph)

    def _shown(self, made: Callable[[], Case]) -> tuple[Disagreement | None, Case | None]:
        verdict, case = try_case(self._runner, made, self._names)
        return next((d for d in verdict.disagreements if alike(d, self.what)), None), case


class Reducer:
    """Makes findings of the disagreements that networks of one space show.

    Args:
        space: where the networks come from.
        plan: of the run.
        limits: what networks may cost.
    """

    def __init__(self, space: Space, plan: Plan, limits: Mapping[str, int | None]) -> None:
        self._space = space
        self._plan = plan
        self._limits = limits
        self._shrinker = Shrinker(space.grammar)

    def witness(self, runner: Runner, what: Disagreement, index: int) -> Witness:
        """What looks for a disagreement that network number `index` showed."""
        return Witness(runner, what, self._plan.against[0], self._plan.seed_of(index))

    def reduce(
        self, child: Child, architecture: Architecture, witness: Witness
    ) -> tuple[Finding, Architecture, Case | None] | None:
        """The finding, the smallest architecture that shows it, and its case.

        None where something was taken for a hang that ends if it gets more time.
        """
        what = witness.what
        if what.kind == "hang" and not witness.patient(self._plan.timeout, self._plan.memory, architecture.graph):
            return None
        child.stop()  # what happens in a fresh process depends on nothing before
        reproducible = witness.fails(architecture.graph)
        smallest, tests, blamed = architecture, 0, architecture.graph.operations
        if reproducible:
            tree, tests = self._shrinker.shrink(
                architecture.derivation, lambda tree: self._fails(tree, witness), self._plan.max_tests
            )
            smallest = self._space.check(tree, **self._limits)
            blamed = culprit(smallest.graph, witness.alone(smallest.graph))
        now, case = witness.shown(smallest.graph)
        finding = Finding(
            oracle=what.oracle,
            reference=self._plan.against[0],
            kind=what.kind,
            exception=what.exception,
            detail=(now or what).detail,
            pattern=pattern_of(blamed),
            ops=tuple(operation.op.name for operation in reversed(blamed)),
            space=self._space.argument,
            arch=smallest.text,
            size=smallest.size,
            operations=len(smallest.graph.operations),
            original=architecture.text,
            tests=tests,
            seed=witness.seed,
            timeout=self._plan.timeout,
            memory=self._plan.memory,
            reproducible=reproducible,
            versions=versions(*self._plan.packages),
        )
        return finding, smallest, case

    def _fails(self, tree: Derivation, witness: Witness) -> bool:
        try:
            return witness.fails(self._space.check(tree, **self._limits).graph)
        except InfeasibleError:
            return False


def known_as(findings: Sequence[Finding], graph: Graph, witness: Witness) -> int | None:
    """The number of the finding that a network shows again: its operations fail by themselves here too."""
    fails = witness.alone(graph)
    for i, known in enumerate(findings):
        if alike(known, witness.what) and (not known.reproducible or explains(known.ops, graph, fails)):
            return i
    return None


def same_as(findings: Sequence[Finding], finding: Finding) -> int | None:
    """The number of the finding that a new one is, if it is one of them."""
    for i, known in enumerate(findings):
        if known.key == finding.key or (known.arch == finding.arch and alike(known, finding)):
            return i
    return None
