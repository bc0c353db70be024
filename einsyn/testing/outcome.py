"""What became of running one network in one oracle."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import numpy as np

    from einsyn.testing.oracles import Results

    Array = np.ndarray[Any, Any]

Status = Literal["done", "exception", "memory", "crash", "hang"]


@dataclass(frozen=True)
class Outcome:
    """What became of one run.

    Args:
        status: `done`, or how it failed: an exception, out of memory, the process died, no answer in time.
        outputs: arrays, where it is done.
        gradients: by name, where they were asked for.
        exception: the class of the exception, or the signal that ended the process.
        message: what the exception said, or the last lines of the process.
    """

    status: Status = "done"
    outputs: tuple[Array, ...] = ()
    gradients: dict[str, Array] = field(default_factory=dict[str, "Array"])
    exception: str = ""
    message: str = ""

    @classmethod
    def of(cls, results: Results) -> Outcome:
        """The outcome of a run that ended."""
        return cls(outputs=tuple(results.outputs), gradients=results.gradients)

    @property
    def summary(self) -> str:
        """The exception in one line without numbers, addresses and quoted names, the same for like failures."""
        said = " ".join(self.message.split())
        said = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|/\S+|\[[^\]]*\]|\{[^}]*\}", "*", said)
        said = re.sub(r"0x[0-9a-f]+|\d+(\.\d+)?", "N", said)
        return f"{self.exception}: {said[:160]}".rstrip(": ")
