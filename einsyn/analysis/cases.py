"""Recursion that no weight governs: by the cases of an option, a group or a count, which are drawn equally often."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from einsyn.analysis.branching import rules_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from einsyn.diagnostics import Span
    from einsyn.grammar.model import Production, Rule


def advice(rules: Sequence[Rule]) -> str | None:
    """What to write in the place of an alternative whose cases lead back to its rule differently often.

    Args:
        rules: of a circle.
    """

    def back(production: Production) -> int:
        return sum(s in rules for s in rules_of(production))

    for rule in rules:
        for own in by_alternative(rule.drawable).values():
            least, most = min(own, key=back), max(own, key=back)
            if back(least) < back(most):
                return (
                    f"the cases of the option, group or count in `{rule.name}` are drawn equally often; write them as "
                    f"alternatives, `{least.describe()}` and `{most.describe()}`{' and so on' if len(own) > 2 else ''},"
                    " or as a rule of its own, and weigh those"
                )
    return None


def by_alternative(productions: Iterable[Production]) -> dict[Span, list[Production]]:
    """Productions by the written alternative whose cases they are."""
    found: dict[Span, list[Production]] = defaultdict(list)
    for production in productions:
        found[production.span].append(production)
    return found
