"""Sums: which terms are copies that share a term of the parent's, and which have to be zero."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from einsyn.weights.preserving.known import Seen
from einsyn.weights.preserving.role import Fact, Knob
from einsyn.weights.preserving.structure import relative, whole
from einsyn.weights.preserving.units import agree, share

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from einsyn.weights.preserving.known import Known
    from einsyn.weights.preserving.units import Units

_NEAR = 1e-12


class Term(NamedTuple):
    """A term of a sum.

    Args:
        value: the child's.
        facts: what it is of the parent's.
        knob: what multiplies it, if anything.
    """

    value: int
    facts: Sequence[Fact]
    knob: Knob | None


class Solution(NamedTuple):
    """One way of making a sum one of the parent's values.

    Args:
        fact: which.
        factors: for each term what it is multiplied with.
        units: of the terms that stay; they have to be the same.
    """

    fact: Fact
    factors: tuple[tuple[Term, float], ...]
    units: tuple[tuple[Units | None, ...], ...]

    def agrees(self) -> bool:
        """Whether all terms have the same units; what is open is decided for all."""
        return all([agree(a, b) for each in self.units[1:] for a, b in zip(self.units[0], each, strict=True)])


def solutions(known: Known, terms: Sequence[Term], zero: int | None) -> list[Solution]:
    """All ways: a sum of the parent's, a term of it, or zero. First those that make the fewest terms zero.

    A sum that is several times a value comes last: what follows would have to take the factor up.

    Args:
        known: the parent.
        terms: what is added.
        zero: a value of the parent of this type that is zero, if there is one.
    """
    found = _solutions(known, terms, zero)
    return sorted(found, key=lambda each: (each.fact.scale != 1, sum([factor == 0 for _, factor in each.factors])))


def _solutions(known: Known, terms: Sequence[Term], zero: int | None) -> Iterator[Solution]:
    facts = [fact for term in sorted(terms, key=lambda term: term.knob is not None) for fact in term.facts]
    values = dict.fromkeys([fact.value for fact in facts])
    tried: set[int] = set()
    for value in values:
        for source in known.sums[value]:
            (out,) = source.outputs
            if out in tried:
                continue
            tried.add(out)
            wanted = Counter([known.seen[v] for v in source.inputs if not known.zero[v]])
            found = _shared(terms, wanted)
            if found is not None:
                factors, units = found
                fact = whole(known, out, units[0], 1.0)
                if fact is not None:
                    yield Solution(fact, factors, units)
    for fact in facts:
        found = _shared(terms, Counter([_itself(fact)]))
        if found is not None:
            factors, units = found
            yield Solution(Fact(fact.value, units[0]), factors, units)
    for value in values:
        # Nothing can be turned down, but all are the same: so many times it.
        same = [next((f for f in term.facts if f.value == value), None) for term in terms]
        there = [f for f in same if f is not None]
        if len(there) == len(terms):
            factors = tuple([(term, 1.0) for term in terms])
            scale = sum([f.scale for f in there])
            yield Solution(Fact(value, there[0].units, scale), factors, tuple([f.units for f in there]))
    if zero is not None and all([term.knob is not None for term in terms]):
        nothing = (None,) * len(known.graph.types[zero].sizes)
        yield Solution(Fact(zero, nothing), tuple([(term, 0.0) for term in terms]), (nothing,))


def _itself(fact: Fact) -> Seen:
    return Seen(fact.value, (None,) * len(fact.units))


def _shared(
    terms: Sequence[Term], wanted: Counter[Seen]
) -> tuple[tuple[tuple[Term, float], ...], tuple[tuple[Units | None, ...], ...]] | None:
    """Factors that give each of the parent's terms as often as it stands in the parent's sum, and none of the rest."""
    groups: dict[Seen, list[tuple[Term, Fact]]] = {seen: [] for seen in wanted}
    factors: list[tuple[Term, float]] = []
    units: list[tuple[Units | None, ...]] = []
    for term in terms:
        for seen, members in groups.items():
            found = next((f for f in term.facts if relative(f, seen) is not None), None)
            if found is not None:
                members.append((term, found))
                break
        else:
            if term.knob is None:
                return None
            factors.append((term, 0.0))
    for seen, members in groups.items():
        chosen = _factors([(fact.scale, term.knob is not None) for term, fact in members], wanted[seen])
        if chosen is None:
            return None
        for (term, fact), factor in zip(members, chosen, strict=True):
            factors.append((term, factor))
            inside = relative(fact, seen)
            assert inside is not None  # that is why it is a member
            if factor:
                units.append(inside)
    return (tuple(factors), tuple(units)) if units else None


def _factors(members: Sequence[tuple[float, bool]], wanted: float) -> list[float] | None:
    """What to multiply terms with, of which some can be, so that they add to so many times what they are."""
    total = sum([scale for scale, _ in members])
    if not members:
        return None
    if abs(total - wanted) < _NEAR:
        return [1.0] * len(members)
    free = [number for number, (_, turns) in enumerate(members) if turns]
    left = wanted - sum([scale for scale, turns in members if not turns])
    if not free or left < -_NEAR:
        return None
    found = [1.0] * len(members)
    for place, number in enumerate(free):
        found[number] = 0.0 if left < _NEAR else share(place, len(free)) * left / members[number][0]
    return found
