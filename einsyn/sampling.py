"""Sampling: the grammar's distribution conditioned on well-typedness and limits, by rejection."""

from __future__ import annotations

import re
from collections import Counter
from random import Random
from typing import TYPE_CHECKING, Any

from einsyn.architecture import Architecture
from einsyn.derivation.choosers import RandomChooser, Recall
from einsyn.diagnostics import Diagnostic, counted
from einsyn.elaborate.summaries import Walk
from einsyn.errors import SamplingError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.elaborate.limits import Limits
    from einsyn.ir.mismatch import Reason
    from einsyn.space import Space

_SHOWN_CAUSES = 5
_KEPT_CAUSES = 50_000


class Sampler:
    """An endless iterator over independent draws.

    Whole trees are rejected, each as early as its first failure shows, which leaves exactly the grammar's
    distribution conditioned on the trees that are well typed and within the limits. (Choosing only among
    what can still be completed would give another distribution.)

    Args:
        space: what to draw from.
        seed: the same seed gives the same architectures.
        limits: what they may cost.
        max_tries: rejections in a row before giving up.
        unique: draw without replacement.
    """

    def __init__(
        self, space: Space, seed: int, limits: Limits, *, max_tries: int = 100_000, unique: bool = False
    ) -> None:
        self._space = space
        self._limits = limits
        self._numbers = Recall(Random(seed))
        self._chooser = RandomChooser(self._numbers)
        self._summaries = space.summaries(limits)
        self._max_tries = max_tries
        self._seen: set[str] | None = set() if unique else None
        self.accepted = 0
        self.rejected = 0
        self.repeated = 0
        # By the reason itself where the same one comes again and again; its text may not have been written yet.
        self._causes: Counter[Reason | tuple[str, str]] = Counter()
        self._merged: Counter[tuple[str, str]] = Counter()

    def __iter__(self) -> Iterator[Architecture]:
        return self

    def __next__(self) -> Architecture:
        space, chooser, limits = self._space, self._chooser, self._limits
        numbers, summaries = self._numbers, self._summaries
        for _ in range(self._max_tries):
            numbers.begin()
            found: Any = summaries.walk(numbers) if summaries.worthwhile else None
            if found is None:
                # The same numbers again, with the whole elaborated: the same draw.
                found = space.elaborate(chooser, limits)
                if found.cause is not None:
                    self._reject((found.cause.code, found.cause.message))
                    found.root.dismantle()
                    continue
            elif found.__class__ is not Walk:
                self._reject(found)
                continue
            architecture = Architecture(space, found)
            if self._seen is not None:
                if architecture.text in self._seen:
                    self.repeated += 1
                    continue
                self._seen.add(architecture.text)
            self.accepted += 1
            return architecture
        raise SamplingError(self._gave_up())

    def _reject(self, cause: Reason | tuple[str, str]) -> None:
        self.rejected += 1
        self._causes[cause] += 1
        if len(self._causes) > _KEPT_CAUSES:
            self._merge()

    @property
    def acceptance(self) -> float:
        """The share of draws that were well typed and within the limits; repeated draws count as accepted."""
        good = self.accepted + self.repeated
        return good / (good + self.rejected) if good + self.rejected else 1.0

    def causes(self) -> list[tuple[str, str, int]]:
        """Why draws were rejected, the commonest first: code, message with numbers left out, how often."""
        self._merge()
        return [(code, message, count) for (code, message), count in self._merged.most_common()]

    def _merge(self) -> None:
        for cause, count in self._causes.items():
            code, message = cause if isinstance(cause, tuple) else (cause.code, cause.message)
            self._merged[code, re.sub(r"\b\d[\d.*]*", "N", message)] += count
        self._causes.clear()

    def explanation(self) -> list[str]:
        """The causes as lines to print."""
        total = max(1, self.rejected)
        return [
            f"{100 * count / total:5.1f} %  {code}  {message}" for code, message, count in self.causes()[:_SHOWN_CAUSES]
        ]

    def _gave_up(self) -> Diagnostic:
        drawn = counted(self._max_tries, "draw")
        if self.repeated and self._seen is not None:
            return Diagnostic(
                "S002",
                f"no new architecture in {drawn}; {len(self._seen)} different ones were found",
                evidence=tuple(self.explanation()),
                hint="ask for fewer, or leave out --unique",
            )
        return Diagnostic(
            "S001",
            f"{drawn} in a row {'was' if self._max_tries == 1 else 'were'} rejected; acceptance {self.acceptance:.2%}",
            evidence=tuple(self.explanation()),
            hint="loosen the limits, change the input, or raise --max-tries",
        )
