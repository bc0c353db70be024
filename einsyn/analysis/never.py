"""Alternatives and values of terminals that are in no architecture for the declared input.

Where a space has at most as many derivations as may be looked at, all are: then it is proven. Elsewhere draws are
looked at, and for what none of the good ones has, more draws are led to it. That proves nothing, and the note says how
many draws there were.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from random import Random
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.analysis.branching import rules_of
from einsyn.derivation.choosers import Chooser, RandomChooser, TreeChooser
from einsyn.derivation.enumerate import derivations
from einsyn.diagnostics import Diagnostic, counted
from einsyn.grammar.analysis import min_sizes, reachable_rules
from einsyn.grammar.model import Production, Rule, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from einsyn.derivation.choice import Choice
    from einsyn.diagnostics import Span
    from einsyn.elaborate.elaborate import Elaboration
    from einsyn.elaborate.infeasible import Infeasible
    from einsyn.grammar.model import Grammar
    from einsyn.ir.types import TensorType
    from einsyn.space import Space

# Draws that are led to one alternative; then draws that fail at it, or chose it at all, that are worth a note.
_LED: Final = 600
_FAILED_THERE: Final = 30
_CHOSEN: Final = 400
# Larger draws say little about one alternative and cost much; they are left out, neither good nor bad.
_LARGEST: Final = 200
_LEADING: Final = 0.8
# Values of a terminal that are looked at one by one; of many more each is a number like the next.
_VALUES: Final = 64


class Value(NamedTuple):
    """One of several texts of a terminal that can be drawn."""

    terminal: Terminal
    number: int

    @property
    def span(self) -> Span:
        """The terminal's."""
        return self.terminal.span

    def __str__(self) -> str:
        return f'{self.terminal.name}: "{self.terminal.domain.text(self.number)}"'


# What may turn out to be in no architecture.
_Subject = Production | Value


def never_typed(space: Space, draws: int, seed: int) -> list[Diagnostic]:
    """A warning for all that is proven to be in no architecture, a note for what none was seen with.

    Asked for are alternatives, and values of terminals where some other value of the terminal is in an architecture.

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
        return [seen.finding(each, proven=True) for each in (*asked, *seen.values(asked)) if each not in seen.good]
    random = Random(seed)
    own = space.limits.max_size
    bounds = space.limits if own is not None and own <= _LARGEST else space.limits.merged({"max_size": _LARGEST})

    def look(chooser: Chooser, seen: _Seen) -> None:
        outcome = space.elaborate(chooser, bounds)
        if bounds is space.limits or outcome.cause is None or outcome.cause.code != "L006":
            seen.add(outcome)

    def led_to(subject: _Subject, ways: Sequence[Production]) -> _Seen:
        # What other draws say of it may rest on where they were led.
        led = _Seen()
        for _ in range(_LED):
            look(_Led(space.grammar, random.choice(ways), subject, random), led)
            if subject in led.good or led.suffices(subject):
                break
        return led

    for _ in range(draws):
        look(RandomChooser(random), seen)
    found: list[Diagnostic] = []

    def ask(subject: _Subject, ways: Sequence[Production]) -> None:
        led = led_to(subject, ways)
        seen.good |= led.good
        if subject not in seen.good and (led.suffices(subject) or led.tried[subject] >= _CHOSEN):
            found.append(led.finding(subject, proven=False))

    for production in asked:
        if production not in seen.good:
            ask(production, [production])
    for value in seen.values(asked):
        if value not in seen.good:
            ask(value, [p for p in asked if p in seen.good and value.terminal in p.slots])
    return found


class _Seen:
    """Which alternatives and values were chosen, which in architectures, and why the others were not."""

    def __init__(self) -> None:
        self.good: set[_Subject] = set()
        self.tried: Counter[_Subject] = Counter()
        self.failed_there: Counter[_Subject] = Counter()
        self.causes: dict[_Subject, Counter[str]] = defaultdict(Counter)

    def values(self, asked: Iterable[Production]) -> list[Value]:
        """The values to ask about: of terminals that stand in an alternative of some architecture."""
        terminals = dict.fromkeys([s for p in asked if p in self.good for s in p.slots if isinstance(s, Terminal)])
        return [Value(t, i) for t in terminals if 1 < t.domain.drawable <= _VALUES for i in t.domain.drawn]

    def add(self, outcome: Elaboration) -> None:
        used = set(_subjects(outcome.root))
        origin = outcome.cause.origin if outcome.cause is not None else None
        if origin is not None and origin.production is not None:
            there = [origin.production, *[_value(child) for child in origin.children if child.index >= 0]]
            self.failed_there.update(there)
        if outcome.cause is None:
            self.good |= used
        for each in used:
            self.tried[each] += 1
            if outcome.cause is not None:
                self.causes[each][_told(outcome.cause)] += 1
        if outcome.cause is not None:
            outcome.root.dismantle()

    def suffices(self, subject: _Subject) -> bool:
        """Whether enough draws failed at it, and most that chose it did not fail elsewhere."""
        there = self.failed_there[subject]
        return there >= _FAILED_THERE and 5 * there > 4 * self.tried[subject]

    def finding(self, subject: _Subject, *, proven: bool) -> Diagnostic:
        tried = self.tried[subject]
        if not proven:
            message = f"is in no architecture that was seen: {counted(tried, 'draw')} that chose it failed"
        elif tried:
            many = f"all {tried} derivations that choose it fail"
            message = f"is in no architecture: {'the one derivation that chooses it fails' if tried == 1 else many}"
        else:
            message = "is in no architecture: every derivation fails before it is chosen"
        # What is never chosen fails with what fails before it.
        common = (self.causes[subject] or sum(self.causes.values(), Counter[str]())).most_common(1)
        named = subject if isinstance(subject, Value) else f"{subject.rule.name}: {subject.describe()}"
        return Diagnostic(
            "G122",
            f"`{named}` {message}",
            subject.span,
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


def _subjects(root: Choice) -> Iterator[_Subject]:
    pending = [root]
    while pending:
        choice = pending.pop()
        if choice.production is not None:
            yield choice.production
            pending += choice.children
        elif choice.index >= 0:
            yield _value(choice)


def _value(choice: Choice) -> Value:
    return Value(choice.symbol, choice.index)


class _Led(Chooser):
    """Draws by weight, but most times takes a step towards one alternative, and the shortest way out elsewhere.

    Small derivations have little beside the alternative that could fail.

    Args:
        grammar: the grammar.
        production: the alternative.
        subject: the same, or a value that is drawn there.
        random: where randomness comes from.
    """

    def __init__(self, grammar: Grammar, production: Production, subject: _Subject, random: Random) -> None:
        self._production = production
        self._value = subject if isinstance(subject, Value) else None
        self._random = random
        self._drawn = RandomChooser(random)
        self._found = False
        self._steps = _distances(grammar, production.rule)
        self._sizes = min_sizes(grammar)

    def choose(self, rule: Rule | Terminal, types: tuple[TensorType, ...] | None, path: Choice) -> Production | int:
        if self._value is not None and rule is self._value.terminal and self._found:
            return self._value.number
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
