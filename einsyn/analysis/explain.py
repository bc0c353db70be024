"""Why a text is not an architecture of a space, or what it is made of if it is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import islice, product
from typing import TYPE_CHECKING, Final

from einsyn.analysis.nearest import nearest
from einsyn.derivation.choosers import TreeChooser
from einsyn.derivation.tree import Derivation, Token
from einsyn.errors import ArchitectureError, InfeasibleError
from einsyn.grammar.model import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from einsyn.analysis.nearest import Nearest
    from einsyn.architecture import Architecture
    from einsyn.diagnostics import Diagnostic, Span
    from einsyn.grammar.canonical import Spacing
    from einsyn.grammar.model import Production, Terminal
    from einsyn.space import Space

# How many changes of one place are tried, and how many that help are told.
_TRIED: Final = 200
_NEAR: Final = 40
_TEXTS: Final = 16
_TOLD: Final = 5
_SHOWN: Final = 100


@dataclass(frozen=True, slots=True)
class Part:
    """A choice that an architecture makes, as often as it makes it.

    Args:
        symbol: the rule or terminal.
        choice: the right-hand side, or the text of a token.
        span: where it is written.
        count: how often.
        log_prob: the natural logarithm of its probability, once.
    """

    symbol: str
    choice: str
    span: Span
    count: int
    log_prob: float


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of one place that makes an ill-typed text an architecture.

    Args:
        old, new: what stands there, and what could.
        text: the whole text then.
    """

    old: str
    new: str
    text: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """What there is to say about a text.

    Args:
        text: the text, in canonical spelling if it is a sentence.
        diagnostic: why it is no architecture; None where it is one.
        nearest: for a text that is no sentence a nearest one, if one was found.
        place: for a sentence that does not type-check where in the text the fault shows: start and end.
        repairs: for such a sentence changes of one place that help.
        architecture: the architecture, if it is one.
        parts: the choices of a sentence, in the order in which they first occur.
    """

    text: str
    diagnostic: Diagnostic | None = None
    nearest: Nearest | None = None
    place: tuple[int, int] | None = None
    repairs: tuple[Repair, ...] = ()
    architecture: Architecture | None = None
    parts: tuple[Part, ...] = ()

    @property
    def is_sentence(self) -> bool:
        """Whether the text is a sentence of the grammar, typed or not."""
        return self.architecture is not None or self.place is not None


def explain(space: Space, text: str, **limits: int | None) -> Explanation:
    """Say why a text is not an architecture of a space, or what it is made of.

    Args:
        space: a loaded space.
        text: a text, in its language or not.
        limits: `max_params` and the others, in place of those of the space.
    """
    try:
        tree = space.derivation(text)
    except ArchitectureError as error:
        return Explanation(text, error.diagnostics[0], nearest=nearest(space.grammar, text))
    spacing = space.grammar.spacing
    canonical, parts = tree.text, tuple(_parts(tree))
    try:
        return Explanation(canonical, architecture=space.check(tree, **limits), parts=parts)
    except InfeasibleError as error:
        cause = space.elaborate(TreeChooser(tree), space.bounds(limits)).cause
        assert cause is not None
        path = tuple(cause.origin) if cause.origin is not None else ()
        return Explanation(
            canonical,
            error.diagnostics[0],
            place=_extent(tree, path, spacing),
            repairs=tuple(_repairs(space, tree, path, limits)),
            parts=parts,
        )


def _parts(tree: Derivation) -> Iterator[Part]:
    productions: Counter[Production] = Counter()
    texts: Counter[Token] = Counter()
    order: dict[Production | Token, None] = {}
    for node in tree.nodes():
        if isinstance(node, Token):
            texts[node] += 1
            order[node] = None
        else:
            productions[node.production] += 1
            order[node.production] = None
    for choice in order:
        if isinstance(choice, Token):
            terminal = choice.symbol
            log_prob = terminal.domain.log_prob(choice.index)
            if len(terminal.domain) > 1:
                yield Part(terminal.name, choice.text, terminal.span, texts[choice], log_prob)
        elif len(choice.rule.productions) > 1:
            yield Part(choice.rule.name, choice.describe(), choice.span, productions[choice], choice.log_prob)


_Rest = tuple[int, ...] | None


def _extent(tree: Derivation, path: tuple[int, ...], spacing: Spacing) -> tuple[int, int]:
    """From where to where in the canonical text the node at a path stands."""
    length = 0
    start: int | None = None
    opened = False
    before: tuple[Terminal, str] | None = None
    # Nodes and tokens with what is left of the path to the node; None ends it.
    pending: list[tuple[Derivation | Token | tuple[Terminal, str] | None, _Rest]] = [(tree, path)]
    while pending:
        item, rest = pending.pop()
        if item is None:
            break
        if rest == ():
            opened = True
            pending.append((None, None))
        if isinstance(item, Derivation):
            for part in reversed(item.production.tokens):
                if isinstance(part, int):
                    pending.append((item.children[part], rest[1:] if rest and rest[0] == part else None))
                else:
                    pending.append((part, None))
            continue
        token: tuple[Terminal, str] = (item.symbol, item.text) if isinstance(item, Token) else item
        if before is not None:
            gap = spacing.separator(before[0], before[1], token[0], token[1])
            length += len(gap)
        if opened and start is None:
            start = length
        length += len(token[1])
        before = token
    return (length if start is None else start), length


def _repairs(space: Space, tree: Derivation, path: tuple[int, ...], limits: Mapping[str, int | None]) -> list[Repair]:
    """Changes of values at the place where the fault shows, of what stands there, then of what it belongs to."""
    spacing, bounds = space.grammar.spacing, space.bounds(limits)
    node = tree.at(path)
    places = [path]
    if isinstance(node, Derivation):
        below = [((*path, *inner), part) for inner, part in islice(node.walk(), _NEAR)]
        # Values first: they change least.
        places = [*[at for at, part in below if isinstance(part, Token)], *[at for at, _ in below]]
    if path:
        above = tree.at(path[:-1])
        assert isinstance(above, Derivation)
        places += [(*path[:-1], i) for i in range(len(above.children)) if i != path[-1]]
        places.append(path[:-1])
    found: list[Repair] = []
    tried = 0
    for place in dict.fromkeys(places):
        old = tree.at(place)
        for new in _others(old):
            if tried == _TRIED or len(found) == _TOLD:
                return found
            tried += 1
            changed = tree.replace(place, new)
            if space.elaborate(TreeChooser(changed), bounds).cause is None:
                text = changed.text
                start, end = _extent(tree, place, spacing)
                whole = tree.text
                # What stands there now ends as far from the end as before.
                found.append(Repair(whole[start:end], text[start : len(text) - (len(whole) - end)], text))
    return found


def _others(old: Derivation | Token) -> Iterator[Derivation | Token]:
    """What could stand in place of a node without anything new below it but tokens, the likeliest first."""
    if isinstance(old, Token):
        domain = old.symbol.domain
        for i in range(min(len(domain), _SHOWN)):
            if i != old.index:
                yield Token(old.symbol, i)
        return
    others = [p for p in old.production.rule.drawable if p is not old.production]
    for production in sorted(others, key=lambda p: (-p.probability, p.position)):
        if production.slots == old.production.slots:
            yield Derivation(production, old.children)
            continue
        texts = [[Token(s, i) for i in range(min(len(s.domain), _TEXTS))] for s in _terminals(production)]
        if len(texts) == len(production.slots):
            yield from (Derivation(production, tokens) for tokens in islice(product(*texts), _TEXTS))
        elif len(production.slots) == 1:
            # An alternative that is another rule: what that rule has without anything below it.
            (inner,) = production.slots
            assert isinstance(inner, Rule)
            yield from (Derivation(production, (Derivation(p, ()),)) for p in inner.drawable if not p.slots)


def _terminals(production: Production) -> list[Terminal]:
    return [s for s in production.slots if not isinstance(s, Rule)]
