"""What the contract suites have in common: checks by name, run on subjects, all findings in one error."""

from __future__ import annotations

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
            found.append(Finding(_name(check), shown, str(error) or "it does not hold"))
        except EinsynError as error:
            found.append(Finding(_name(check), shown, str(error)))
        except Exception as error:  # whatever an operation or a space makes einsyn do is what is looked for
            found.append(Finding(_name(check), shown, f"{type(error).__name__}: {error}"))
    return found, returned


def _name(check: Callable[..., object]) -> str:
    return (check.__doc__ or check.__name__).strip().splitlines()[0].rstrip(".")
