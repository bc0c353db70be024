"""Alternatives that are in no architecture for the declared input.

Where a space has at most as many derivations as may be looked at, all are: then it is proven. Elsewhere draws are
looked at, and for an alternative that none of the good ones has, more draws are led to it. That proves nothing, and
the note says how many draws there were.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from random import Random
from typing import TYPE_CHECKING, Final

from einsyn.analysis.branching import rules_of
from einsyn.derivation.choosers import Chooser, RandomChooser, TreeChooser
from einsyn.derivation.enumerate import derivations
from einsyn.diagnostics import Diagnostic, counted
from einsyn.grammar.analysis import min_sizes, reachable_rules
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from einsyn.derivation.choice import Choice
    from einsyn.elaborate.elaborate import Elaboration
    from einsyn.elaborate.infeasible import Infeasible
    from einsyn.grammar.model import Grammar, Production, Terminal
    from einsyn.ir.types import TensorType
    from einsyn.space import Space

# Draws that are led to one alternative; then draws that fail at it, or chose it at all, that are worth a note.
_LED: Final = 600
_FAILED_THERE: Final = 30
_CHOSEN: Final = 400
# Larger draws say little about one alternative and cost much; they are left out, neither good nor bad.
_LARGEST: Final = 200
_LEADING: Final = 0.8


def never_typed(space: Space, draws: int, seed: int) -> list[Diagnostic]:
    """A warning for every alternative that is proven to be in no architecture, a note for one that none was seen with.

    Args:
        space: a loaded space; its limits hold.
        draws: how many draws or derivations to look at.
        seed: of the draws.
    """
    inside = reachable_rules(space.grammar, all=False)
    asked = [p for rule in space.grammar.rules.values() if rule in inside for p in rule.drawable]
    seen = _Seen()
    if space.count() <= draws:
        for derivation in derivations(space.grammar):
            seen.add(space.elaborate(TreeChooser(derivation)))
        return [seen.finding(p, proven=True) for p in asked if p not in seen.good]
    random = Random(seed)
    own = space.limits.max_size
    bounds = space.limits if own is not None and own <= _LARGEST else space.limits.merged({"max_size": _LARGEST})

    def look(chooser: Chooser, seen: _Seen) -> None:
        outcome = space.elaborate(chooser, bounds)
        if bounds is space.limits or outcome.cause is None or outcome.cause.code != "L006":
            seen.add(outcome)

    for _ in range(draws):
        look(RandomChooser(random), seen)
    found: list[Diagnostic] = []
    for production in asked:
        if production in seen.good:
            continue
        # What other draws say of it may rest on where they were led.
        led = _Seen()
        for _ in range(_LED):
            look(_Led(space.grammar, production, random), led)
            if production in led.good or led.suffices(production):
                break
        seen.good |= led.good
        if production not in seen.good and (led.suffices(production) or led.tried[production] >= _CHOSEN):
            found.append(led.finding(production, proven=False))
    return found


class _Seen:
    """Which alternatives were chosen, which in architectures, and why the others were not."""

    def __init__(self) -> None:
        self.good: set[Production] = set()
        self.tried: Counter[Production] = Counter()
        self.failed_there: Counter[Production] = Counter()
        self.causes: dict[Production, Counter[str]] = defaultdict(Counter)

    def add(self, outcome: Elaboration) -> None:
        used = set(_productions(outcome.root))
        origin = outcome.cause.origin if outcome.cause is not None else None
        if origin is not None and origin.production is not None:
            self.failed_there[origin.production] += 1
        if outcome.cause is None:
            self.good |= used
        for production in used:
            self.tried[production] += 1
            if outcome.cause is not None:
                self.causes[production][_told(outcome.cause)] += 1
        if outcome.cause is not None:
            outcome.root.dismantle()

    def suffices(self, production: Production) -> bool:
        """Whether enough draws failed at an alternative, and most that chose it did not fail elsewhere."""
        there = self.failed_there[production]
        return there >= _FAILED_THERE and 5 * there > 4 * self.tried[production]

    def finding(self, production: Production, *, proven: bool) -> Diagnostic:
        tried = self.tried[production]
        if not proven:
            message = f"is in no architecture that was seen: {counted(tried, 'draw')} that chose it failed"
        elif tried:
            many = f"all {tried} derivations that choose it fail"
            message = f"is in no architecture: {'the one derivation that chooses it fails' if tried == 1 else many}"
        else:
            message = "is in no architecture: every derivation fails before it is chosen"
        # What is never chosen fails with what fails before it.
        common = (self.causes[production] or sum(self.causes.values(), Counter[str]())).most_common(1)
        return Diagnostic(
            "G122",
            f"`{production.rule.name}: {production.describe()}` {message}",
            production.span,
            evidence=tuple([f"{counted(count, 'time')} {cause}" for cause, count in common]),
            hint=f"mostly {common[0][0]}" if common else None,
            severity="warning" if proven else "note",
        )


def _told(cause: Infeasible) -> str:
    if cause.inside is not None:
        place = f", in the definition at {cause.inside}"
    else:
        # What the whole architecture has to fulfil has a place, and no alternative.
        place = f", at {cause.span}" if cause.origin is None and cause.span is not None else ""
    return f"{cause.code}: {cause.message}{place}"


def _productions(root: Choice) -> Iterator[Production]:
    pending = [root]
    while pending:
        choice = pending.pop()
        if choice.production is not None:
            yield choice.production
            pending += choice.children


class _Led(Chooser):
    """Draws by weight, but most times takes a step towards one alternative, and the shortest way out elsewhere.

    Small derivations have little beside the alternative that could fail.

    Args:
        grammar: the grammar.
        production: the alternative.
        random: where randomness comes from.
    """

    def __init__(self, grammar: Grammar, production: Production, random: Random) -> None:
        self._production = production
        self._random = random
        self._drawn = RandomChooser(random)
        self._found = False
        self._steps = _distances(grammar, production.rule)
        self._sizes = min_sizes(grammar)

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        if isinstance(rule, Rule) and self._random.random() < _LEADING:
            if not self._found and rule is self._production.rule:
                self._found = True
                return self._production
            here = None if self._found else self._steps.get(rule)
            if here:
                nearer = [p for p in rule.drawable if any(self._steps.get(s, here) < here for s in rules_of(p))]
                return self._random.choice(nearer)
            sizes = [sum(self._sizes.get(s, 0) for s in rules_of(p)) for p in rule.drawable]
            return self._random.choice([p for p, n in zip(rule.drawable, sizes, strict=True) if n == min(sizes)])
        return self._drawn.choose(rule, types, path)


def _distances(grammar: Grammar, target: Rule) -> dict[Rule, int]:
    """How many productions lead from each rule to another one at least."""
    above: dict[Rule, list[Rule]] = defaultdict(list)
    for rule in grammar.rules.values():
        for production in rule.drawable:
            for slot in production.slots:
                if isinstance(slot, Rule):
                    above[slot].append(rule)
    found = {target: 0}
    waiting = deque([target])
    while waiting:
        rule = waiting.popleft()
        for upper in above[rule]:
            if upper not in found:
                found[upper] = found[rule] + 1
                waiting.append(upper)
    return found
