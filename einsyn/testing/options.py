"""What hypothesis draws from at a choice: the alternatives by weight, the simplest first."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from hypothesis import strategies as st

from einsyn.elaborate.viability import Viability
from einsyn.grammar.model import Production, Terminal

if TYPE_CHECKING:
    from einsyn.grammar.model import Rule
    from einsyn.space import Space

T = TypeVar("T")
Answer = Production | int

# Every choice is a draw of one of so many tickets. The number is the same for all, so that what hypothesis has drawn
# for one choice can become another's when it deletes what stood between them.
TICKETS: Final = 120
# A terminal with more values is drawn as hypothesis draws integers.
LARGE: Final = 64


class Draw(Protocol):
    """What hypothesis gives a composite strategy."""

    def __call__(self, strategy: st.SearchStrategy[T], /) -> T:
        """A value of the strategy."""
        ...


class Options:
    """The choices of a space as hypothesis sees them.

    Args:
        space: the space.
    """

    def __init__(self, space: Space) -> None:
        self.space = space
        self.viability = Viability(space.program)
        self._values: dict[Terminal, tuple[int, ...]] = {}
        self._answers: dict[
            tuple[Rule | Terminal, tuple[Answer, ...]], tuple[tuple[Answer, ...], st.SearchStrategy[int]]
        ] = {}

    def values(self, terminal: Terminal) -> tuple[int, ...]:
        """The numbers of a terminal's drawable values: numbers in ascending order, other values as written.

        Of a large terminal only the first: the others are drawn by `number`.
        """
        known = self._values.get(terminal)
        if known is None:
            domain = terminal.domain
            if len(domain) > LARGE:
                return tuple(domain.drawn[:1])
            numbers = list(domain.drawn)
            values = [domain.value(i) for i in numbers]
            if all(isinstance(v, int | float) for v in values):
                numbers.sort(key=lambda i: abs(float(domain.value(i))))
            known = self._values[terminal] = tuple(numbers)
        return known

    def alternatives(self, symbol: Rule | Terminal) -> tuple[Answer, ...]:
        """Everything that can stand for a symbol, the simplest first."""
        return self.values(symbol) if isinstance(symbol, Terminal) else self.viability.simplest_first[symbol]

    def pick(self, draw: Draw, symbol: Rule | Terminal, options: tuple[Answer, ...]) -> Answer:
        """One of some alternatives, by the weights that they have in the grammar.

        The draw is the same whatever the options are: one of all alternatives, and where that is not among the
        options one of them in its place. So what hypothesis has drawn keeps its meaning when it deletes something
        before it, and shrinking gets on.
        """
        known = self._answers.get((symbol, options))
        if known is None:
            known = self._answers[symbol, options] = self._answers_of(symbol, options)
        answers, strategy = known
        return answers[draw(strategy)]

    def _answers_of(
        self, symbol: Rule | Terminal, options: tuple[Answer, ...]
    ) -> tuple[tuple[Answer, ...], st.SearchStrategy[int]]:
        """What each ticket of a symbol stands for under some options, and a strategy for the number of a ticket."""
        everything = self.alternatives(symbol)
        number = max(TICKETS, 4 * len(everything))
        sold = tickets(everything, [_weight(symbol, answer) for answer in everything], number)
        left = tickets(options, [_weight(symbol, answer) for answer in options], number)
        others = [i for i, answer in enumerate(sold) if answer not in options]
        answers = list(sold)
        for rank, i in enumerate(others):
            answers[i] = left[rank * len(left) // len(others)]
        return tuple(answers), st.integers(0, len(sold) - 1)

    def number(self, draw: Draw, terminal: Terminal) -> int:
        """The number of a value of a large terminal: any, small numbers and bounds more often, weights not followed."""
        numbers = terminal.domain.drawn
        return numbers[draw(st.integers(0, len(numbers) - 1))]


def _weight(symbol: Rule | Terminal, option: Answer) -> Fraction:
    if isinstance(option, Production):
        return option.probability
    assert isinstance(symbol, Terminal)
    return symbol.domain.probability(option)


def tickets(options: tuple[T, ...], weights: list[Fraction], number: int = TICKETS) -> tuple[T, ...]:
    """Each option as often as its share of the weights, in order: a uniform draw from them is a weighted one.

    None gets less than one; what rounding leaves over goes to the option with the most.
    """
    whole = sum(weights)
    counts = [max(1, round(number * w / whole)) for w in weights]
    counts[counts.index(max(counts))] += number - sum(counts)
    return tuple([option for option, count in zip(options, counts, strict=True) for _ in range(count)])
