"""What a fuzzing run does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from einsyn.diagnostics import Diagnostic
from einsyn.errors import UsageError
from einsyn.testing.oracles import oracle

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Plan:
    """What a run does.

    Args:
        against: the reference, and who is compared with it.
        seed: of networks, weights and inputs.
        timeout: seconds for one network in one oracle.
        memory: bytes that a run may take beyond what is loaded; None for no bound.
        max_tests: derivations tried to shrink one failure.
        packages: those whose versions are recorded beside einsyn's own and those of torch and ONNX.
    """

    against: tuple[str, ...] = ("torch", "onnxruntime")
    seed: int = 0
    timeout: float = 10.0
    memory: int | None = None
    max_tests: int = 1_000
    packages: tuple[str, ...] = ()

    def seed_of(self, index: int) -> int:
        """The seed of the weights and inputs of network number `index`, never below 0."""
        return (self.seed + index) % 2**63

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
