"""A search space: what `einsyn.load` returns."""

from __future__ import annotations

import math
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from einsyn.architecture import Architecture
from einsyn.derivation.choosers import TreeChooser
from einsyn.derivation.enumerate import derivations
from einsyn.derivation.tree import Derivation, Token
from einsyn.diagnostics import Diagnostic, closest
from einsyn.elaborate.elaborate import Elaboration, elaborate
from einsyn.elaborate.limits import LIMIT_NAMES, Limits
from einsyn.elaborate.summaries import Summaries
from einsyn.errors import InfeasibleError, SamplingError, UsageError
from einsyn.grammar.analysis import count, count_by_size
from einsyn.references import Given
from einsyn.sampling import Sampler

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from einsyn.derivation.choosers import Chooser
    from einsyn.elaborate.program import Program
    from einsyn.grammar.model import Grammar, Scalar
    from einsyn.ir.types import TensorType
    from einsyn.references import References

# Limits for which it is kept what is known of draws within them.
_MOST_SUMMARIES: Final = 4


class Space:
    """A loaded search space with its parameters and input fixed.

    Args:
        name: the shipped name, or the file's stem.
        argument: how the user named it, for messages.
        grammar: productions, weights, directives.
        program: definitions, compiled.
        inputs: names and types of the network's inputs.
        output: the declared type of its output, if any.
        limits: what an architecture may cost unless told otherwise.
        references: the shipped reference architectures.
    """

    def __init__(
        self,
        name: str,
        argument: str,
        grammar: Grammar,
        program: Program,
        inputs: tuple[tuple[str, TensorType], ...],
        output: TensorType | None,
        limits: Limits,
        references: References,
    ) -> None:
        self.name = name
        self.argument = argument
        self.grammar = grammar
        self.program = program
        self.inputs = inputs
        self.output = output
        self.limits = limits
        self.references = references
        self._summaries: dict[Limits, Summaries] = {}
        # What was given when the space was loaded, for commands that do the same again.
        self.settings: dict[str, Scalar] = {}
        # The same, apart from what a profile said.
        self.given = Given()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name} {t}" for name, t in self.inputs)
        return f"<Space {self.name}: {shown}>"

    @property
    def title(self) -> str | None:
        """What `//@ title` says."""
        return self.grammar.directives.title

    @property
    def params(self) -> Mapping[str, Scalar]:
        """The space's parameters with their values in force."""
        return self.grammar.directives.params

    # Architectures.

    def elaborate(self, chooser: Chooser, limits: Limits | None = None) -> Elaboration:
        """Run a chooser; an infeasible draw is a value, `Elaboration.cause`."""
        return elaborate(
            self.program, self.name, self.inputs, self.output, chooser, self.limits if limits is None else limits
        )

    def generate(self, chooser: Chooser, **limits: int | None) -> Architecture:
        """The architecture that a chooser chooses.

        Raises:
            InfeasibleError: it does not type-check or exceeds a limit.
        """
        bounds = self.bounds(limits)
        return self._feasible(self.elaborate(chooser, bounds), None, bounds)

    def sampler(
        self, seed: int = 0, *, unique: bool = False, max_tries: int = 100_000, **limits: int | None
    ) -> Sampler:
        """An endless iterator of draws, with its acceptance rate and the causes of rejections."""
        return Sampler(self, seed, self.bounds(limits), max_tries=max_tries, unique=unique)

    def summaries(self, limits: Limits) -> Summaries:
        """What is known of draws within some limits; it grows with every draw."""
        found = self._summaries.get(limits)
        if found is None:
            if len(self._summaries) == _MOST_SUMMARIES:
                self._summaries.clear()
            inputs = tuple([t for _, t in self.inputs])
            found = self._summaries[limits] = Summaries(self.program, inputs, self.output, limits)
        return found

    def sample(
        self, n: int, seed: int = 0, *, unique: bool = False, max_tries: int = 100_000, **limits: int | None
    ) -> list[Architecture]:
        """Draw from the grammar's distribution conditioned on well-typedness and limits, exactly.

        Args:
            n: how many.
            seed: the same seed gives the same architectures.
            unique: without replacement.
            max_tries: rejections in a row before giving up.
            limits: `max_params`, `max_macs`, `max_memory`, `max_ops`, `max_depth`, `max_size`.

        Raises:
            SamplingError: S001 nothing is accepted, S002 too few different ones exist.
        """
        if n < 0:
            raise UsageError(Diagnostic("U003", f"n must be 0 or more, not {n}"))
        if unique:
            self.refuse_too_many(n)
        return list(islice(self.sampler(seed, unique=unique, max_tries=max_tries, **limits), n))

    def refuse_too_many(self, n: int) -> None:
        """Raise S002 if the grammar has fewer than n derivations."""
        there = self.count()
        if n > there:
            raise SamplingError(
                Diagnostic(
                    "S002",
                    f"{n} different architectures are asked for, the grammar has {there}",
                    hint="ask for fewer, or leave out --unique",
                )
            )

    def derivation(self, text: str) -> Derivation:
        """The derivation of a text, typed or not.

        Raises:
            ArchitectureError: the text is not a sentence of the grammar.
        """

        def build(production: Any, children: Any) -> Derivation:
            return Derivation(production, tuple([c if c.__class__ is Derivation else Token(*c[:2]) for c in children]))

        return self.grammar.tables.parse(text, build)

    def parse(self, text: str, **limits: int | None) -> Architecture:
        """The architecture of a text.

        Raises:
            ArchitectureError: the text is not a sentence of the grammar.
            InfeasibleError: it does not type-check or exceeds a limit.
        """
        return self.check(self.derivation(text), **limits)

    def check(self, derivation: Derivation, **limits: int | None) -> Architecture:
        """The architecture of a derivation.

        Raises:
            InfeasibleError: it does not type-check or exceeds a limit.
        """
        bounds = self.bounds(limits)
        return self._feasible(self.elaborate(TreeChooser(derivation), bounds), derivation, bounds)

    def _feasible(self, outcome: Elaboration, derivation: Derivation | None, bounds: Limits) -> Architecture:
        if outcome.cause is None:
            return Architecture(self, outcome, derivation)
        found = outcome.cause.diagnostic()
        operands = tuple(outcome.trace.history(t) for t in outcome.cause.operands)
        reproduce = None
        if derivation is not None:
            reproduce = self.command("check", derivation.text, bounds)
        raise InfeasibleError(found.with_(evidence=(*found.evidence, *operands), reproduce=reproduce))

    def command(self, verb: str, text: str, bounds: Limits | None = None) -> str:
        """A command line that does the same again."""
        from shlex import quote

        shown = text if len(text) <= 300 else "@FILE"
        parts = ["einsyn", verb, quote(self.argument), quote(shown)]
        for name, t in self.inputs:
            axes = ",".join(f"{a}:{s}".replace(" ", "") for a, s in zip(t.axes, t.sizes, strict=True))
            parts += ["--input", quote(axes if len(self.inputs) == 1 else f"{name}={axes}")]
        for name, value in self.settings.items():
            shown = str(value).lower() if isinstance(value, bool) else str(value)
            parts += ["--set", quote(f"{name}={shown}")]
        own = Limits().merged(dict(self.grammar.directives.limits))
        for name in LIMIT_NAMES:
            limit = getattr(bounds or self.limits, name)
            if limit != getattr(own, name):
                parts += [f"--{name.replace('_', '-')}", str(limit)]
        return " ".join(parts)

    def enumerate(self, *, max_size: int | None = None, **limits: int | None) -> Iterator[Architecture]:
        """Every architecture of non-zero probability, by size, then by alternative."""
        bounds = self.bounds({**limits, "max_size": max_size})
        for derivation in derivations(self.grammar, max_size):
            outcome = self.elaborate(TreeChooser(derivation), bounds)
            if outcome.cause is None:
                yield Architecture(self, outcome, derivation)

    def count(self, *, all: bool = False) -> int | float:
        """The exact number of derivations before typing; `math.inf` where there is no end of them.

        Args:
            all: count those of zero probability too.
        """
        found = count(self.grammar, all=all)
        return math.inf if found is None else found

    def count_by_size(self, up_to: int) -> dict[int, int]:
        """The exact number of derivations of each size from 1 to `up_to`."""
        return dict(list(enumerate(count_by_size(self.grammar, up_to)))[1:])

    def count_valid(self, limit: int = 100_000) -> tuple[int, bool]:
        """How many derivations are architectures: a number, and whether it is exact or a lower bound.

        Args:
            limit: how many derivations to try before leaving it at a lower bound.
        """
        found = 0
        tried = 0
        for derivation in derivations(self.grammar, None):
            if tried == limit:
                return found, False
            tried += 1
            found += self.elaborate(TreeChooser(derivation)).cause is None
        return found, True

    # Reference architectures.

    @property
    def refs(self) -> tuple[str, ...]:
        """Names of the shipped reference architectures."""
        return self.references.names

    def ref(self, name: str) -> Architecture:
        """A shipped reference architecture, with the parameters and the input that it states.

        Parameters, input and limits that `einsyn.load` was given win over those, and so does a profile.
        """
        return self.references.load(self, name)

    def bounds(self, changes: Mapping[str, object]) -> Limits:
        """The space's limits with some replaced; None leaves one as it is.

        Raises:
            UsageError: U001 for a limit that does not exist, U003 for one that is no whole number of 0 or more.
        """
        given: dict[str, int] = {}
        for name, value in changes.items():
            if name not in LIMIT_NAMES:
                near = closest(name, LIMIT_NAMES)
                raise UsageError(
                    Diagnostic(
                        "U001",
                        f"there is no limit {name}",
                        hint=f"did you mean {near}?" if near else f"limits are {', '.join(LIMIT_NAMES)}",
                    )
                )
            if value is None:
                continue
            # 2e6 is how people write it; whatever else Python lets through is none.
            whole = int(value) if isinstance(value, float) and value.is_integer() else value
            if not isinstance(whole, int) or whole < 0:
                raise UsageError(Diagnostic("U003", f"{name} must be a whole number of 0 or more, not {value!r}"))
            given[name] = whole
        return self.limits.merged(given) if given else self.limits
