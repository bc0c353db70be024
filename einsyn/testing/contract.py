"""What the contract suites have in common: checks by name, run on subjects, all findings in one error."""

from __future__ import annotations

from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from einsyn.errors import EinsynError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

T = TypeVar("T")


class Finding(NamedTuple):
    """A check that failed.

    Args:
        check: what einsyn relies on, in a few words.
        subject: what it was checked on.
        message: what is the case instead.
    """

    check: str
    subject: str
    message: str


class ContractError(AssertionError):
    """Something breaks what einsyn relies on; `findings` lists all that was found.

    Args:
        what: what was checked.
        findings: at least one.
    """

    def __init__(self, what: str, findings: list[Finding]) -> None:
        self.findings = findings
        lines = [f"{what} breaks {len(findings)} of the rules that einsyn relies on"]
        lines += [f"- {check}: {subject}\n    {message}" for check, subject, message in findings]
        super().__init__("\n".join(lines))


def run_checks(checks: Iterable[Callable[[T], object]], subject: T, shown: str) -> tuple[list[Finding], list[object]]:
    """Run checks that assert; the first line of a check's documentation is its name.

    A check that ends in any other error has found something as well.

    Returns:
        What was found, and what the checks returned that found nothing.
    """
    found: list[Finding] = []
    returned: list[object] = []
    for check in checks:
        try:
            returned.append(check(subject))
        except AssertionError as error:
            found.append(Finding(_name(check), shown, _told(error, str(error) or _line(error))))
        except EinsynError as error:
            found.append(Finding(_name(check), shown, _told(error, str(error))))
        except Exception as error:  # whatever an operation or a space makes einsyn do is what is looked for
            found.append(Finding(_name(check), shown, _told(error, f"{type(error).__name__}: {error}, {_line(error)}")))
    return found, returned


def _told(error: Exception, text: str) -> str:
    """What an exception says, with the notes that it got on its way."""
    return "\n    ".join([*text.splitlines(), *getattr(error, "__notes__", ())])


def _line(error: Exception) -> str:
    """Where it was raised: the line of a written network where there is one, else the innermost of einsyn's callers."""
    frames = extract_tb(error.__traceback__)
    written = [frame for frame in frames if frame.filename.startswith("<einsyn net")]
    frame = (written or frames)[-1]
    place = "in the written network" if written else f"at {Path(frame.filename).name}:{frame.lineno}"
    return f"{place}: {(frame.line or '').strip()}"


def _name(check: Callable[..., object]) -> str:
    return (check.__doc__ or check.__name__).strip().splitlines()[0].rstrip(".")
