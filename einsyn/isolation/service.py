"""What a child process does, and how it may end without an answer."""

from __future__ import annotations

import signal
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Ending = Literal["exception", "memory", "crash", "hang"]

# Characters of an exception's message that are kept.
_MESSAGE = 4_000
# Signals that no process sends itself by what it computes.
_FROM_OUTSIDE: Final = (signal.SIGKILL.name, signal.SIGTERM.name)


@dataclass(frozen=True)
class Ended:
    """How something ended that gave no answer.

    Args:
        status: an exception, out of memory, the process died, no answer in time.
        exception: the class of the exception, or the signal that ended the process.
        message: what the exception said, or the last lines of the process.
    """

    status: Ending
    exception: str = ""
    message: str = ""

    @property
    def killed(self) -> bool:
        """Whether somebody else ended the process: the system that needs memory, or a person."""
        return self.status == "crash" and self.exception in _FROM_OUTSIDE

    @classmethod
    def process(cls, code: int) -> Ended:
        """The end of a process, with an exit status or, below 0, by a signal."""
        try:
            how = f"exit status {code}" if code >= 0 else signal.Signals(-code).name
        except ValueError:
            how = f"signal {-code}"
        return cls("crash", how)

    @classmethod
    def raised(cls, error: Exception) -> Ended:
        """The end by an exception."""
        status: Ending = "memory" if isinstance(error, MemoryError) else "exception"
        return cls(status, type(error).__name__, str(error).strip()[:_MESSAGE])


class CannotLoadError(Exception):
    """Something that a service needs cannot be imported.

    Args:
        what: its name.
        why: how that ended.
    """

    def __init__(self, what: str, why: Ended) -> None:
        self.what = what
        self.why = why
        super().__init__(what, why)


class Service(ABC):
    """What a child process does. It is sent to the process, so its fields are plain data.

    A `fresh` service has one message for each request, and every answer begins in a fork of its own: nothing that an
    answer leaves behind reaches the next.
    """

    fresh: ClassVar[bool] = False

    def load(self) -> None:  # noqa: B027  # there is something to do for some only
        """Import what every answer needs. Done once: what answers is forked from this, and when it dies forked again.

        Raises:
            CannotLoadError: something is not there.
        """

    def load_in_fork(self) -> None:  # noqa: B027  # there is something to do for some only
        """Import what starts threads when it is imported, because threads do not survive a fork."""

    @abstractmethod
    def answer(self, request: Any) -> Iterator[Any]:
        """The messages that answer a request. What it raises is sent as `Ended`."""
