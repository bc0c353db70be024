"""Derivations as moves see them: laid out in text order, with what has been worked out about each."""

from __future__ import annotations

from collections import deque
from functools import cached_property
from math import fsum, inf
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import ref

from einsyn.architecture import Architecture
from einsyn.derivation.choosers import TreeChooser, weights_of
from einsyn.derivation.text import read
from einsyn.derivation.tree import Derivation, Token, tree_of
from einsyn.elaborate.viability import Viability
from einsyn.grammar.model import Production, Rule

if TYPE_CHECKING:
    from collections.abc import Callable

    from einsyn.elaborate.limits import Limits
    from einsyn.grammar.model import Terminal
    from einsyn.search.choices import Choices
    from einsyn.space import Space

    Node = Derivation | Token

T = TypeVar("T")

# Productions of all derivations that are remembered together, and architectures that are held.
_KEPT: Final = 200_000
_RECENT: Final = 16


def symbol_of(node: Node) -> Rule | Terminal:
    """What a node derives from."""
    return node.symbol if isinstance(node, Token) else node.production.rule


def log_prob(node: Node) -> float:
    """The logarithm of the probability with which the grammar draws a subtree."""
    return fsum(read(node)[1])


class View:
    """A derivation of a space, and whether it is an architecture. Numbers of nodes are those of the text order.

    Args:
        views: what it belongs to; it makes one view for equal derivations.
        tree: the derivation, typed or not.
    """

    def __init__(self, views: Views, tree: Derivation) -> None:
        self.views = views
        self.tree = tree
        self._sites: dict[Any, Any] = {}
        self._architecture: ref[Architecture] | None = None

    @cached_property
    def _placed(self) -> list[tuple[Node, int, int]]:
        return list(self.tree.placed())

    @cached_property
    def nodes(self) -> list[Node]:
        """Every node."""
        return [node for node, _, _ in self._placed]

    @cached_property
    def feasible(self) -> bool:
        """Whether the derivation is well typed and within the limits."""
        return self.architecture is not None

    @property
    def architecture(self) -> Architecture | None:
        """The architecture, or None where the derivation is not feasible. It is made again if nobody holds it."""
        known = vars(self)
        if not known.get("feasible", True):
            return None
        found = None if self._architecture is None else self._architecture()
        if found is None:
            outcome = self.views.space.elaborate(TreeChooser(self.tree), self.views.limits)
            if outcome.cause is not None:
                known["feasible"] = False
                outcome.root.dismantle()
                return None
            found = Architecture(self.views.space, outcome, self.tree)
            self.take(found)
        return found

    @property
    def held(self) -> bool:
        """Whether the architecture has been made and somebody still holds it."""
        return self._architecture is not None and self._architecture() is not None

    def take(self, architecture: Architecture) -> None:
        """Know the architecture of this derivation."""
        self._architecture = ref(architecture)
        self.views.hold(architecture)

    @cached_property
    def form(self) -> str | None:
        """The canonical form of the architecture, if the derivation is feasible."""
        architecture = self.architecture
        return None if architecture is None else architecture.canonical

    @cached_property
    def log_prob(self) -> float:
        """The logarithm of the derivation's probability under the grammar, unconditioned."""
        return self.tree.log_prob

    def sites(self, find: Callable[[View], list[T]]) -> list[T]:
        """What a function finds in this derivation; it is asked once."""
        found: list[T] | None = self._sites.get(find)
        if found is None:
            found = self._sites[find] = find(self)
        return found

    def above(self, number: int) -> tuple[int, int]:
        """The parent of a node other than the root, and its slot there."""
        return self._placed[number][1:]

    def path(self, number: int, top: int = 0) -> list[int]:
        """The child numbers that lead to a node, from the root or from another node above it."""
        steps: list[int] = []
        while number != top:
            number, slot = self.above(number)
            steps.append(slot)
        return steps[::-1]

    def replaced(self, number: int, subtree: Node) -> View:
        """The view of this derivation with another subtree in place of a node."""
        return self.views.of(self.tree.replace(self.path(number), subtree))

    @cached_property
    def outer(self) -> list[int]:
        """For every node the nearest node above it that derives from the same rule, or -1."""
        ends = list(range(1, len(self.nodes) + 1))
        for number in range(len(ends) - 1, 0, -1):
            parent, _ = self.above(number)
            ends[parent] = max(ends[parent], ends[number])
        open_: dict[Rule | Terminal, list[int]] = {}
        found: list[int] = []
        for number, node in enumerate(self.nodes):
            above = open_.setdefault(symbol_of(node), [])
            while above and ends[above[-1]] <= number:
                above.pop()
            found.append(above[-1] if above and isinstance(node, Derivation) else -1)
            above.append(number)
        return found


class Views:
    """The derivations of a space under limits. What is known of those met last is kept, of each once.

    Args:
        space: whose derivations.
        limits: what an architecture may cost; those of the space unless given.
    """

    def __init__(self, space: Space, limits: Limits | None = None) -> None:
        self.space = space
        self.limits = space.limits if limits is None else limits
        self._known: dict[Derivation, View] = {}
        self._nodes = 0
        self._recent: deque[Architecture] = deque(maxlen=_RECENT)
        self._facts: dict[Any, Any] = {}

    @cached_property
    def advice(self) -> Viability:
        """What is needed to finish a derivation."""
        return Viability(self.space.program)

    def fact(self, find: Callable[..., T], *subject: object) -> T:
        """What a function finds out about the space, or about a part of its grammar; it is asked once for each."""
        key = (find, *subject)
        if key not in self._facts:
            self._facts[key] = find(self, *subject)
        return self._facts[key]

    def of(self, tree: Derivation) -> View:
        """The view of a derivation."""
        found = self._known.get(tree)
        if found is None:
            if self._nodes > _KEPT:
                self._known.clear()
                self._nodes = 0
            self._nodes += tree.size
            found = self._known[tree] = View(self, tree)
        return found

    def met(self, architecture: Architecture) -> View:
        """The view of an architecture's derivation."""
        view = self.of(architecture.derivation)
        if not view.held:
            view.take(architecture)
        return view

    def hold(self, architecture: Architecture) -> None:
        """Keep an architecture for a little while: whoever asks whether it is feasible will ask for it as well."""
        self._recent.append(architecture)

    def room(self, view: View, number: int) -> Room:
        """What may stand in place of a node without exceeding a limit."""
        node = view.nodes[number]
        size = self.limits.nodes - view.tree.size + (node.size if isinstance(node, Derivation) else 0)
        deepest = self.limits.max_depth
        return Room(self.advice, size, inf if deepest is None else deepest - len(view.path(number)))


class Room:
    """How many productions may still be added at a place, and how deep.

    Args:
        advice: what is needed to finish a derivation.
        size: productions.
        depth: productions on the longest path.
    """

    def __init__(self, advice: Viability, size: float, depth: float) -> None:
        self._sizes = advice.sizes
        self._depths = advice.depths
        self.size = size
        self.depth = depth

    def add(self, production: Production) -> bool:
        """Take one production; everything else is now a level below it. Whether there was room."""
        self.size -= 1
        self.depth -= 1
        return self.size >= 0 and self.depth >= 0

    def grow(self, symbol: Rule | Terminal, choices: Choices) -> Node | None:
        """A subtree drawn by the grammar, or None as soon as it is certain not to fit."""
        sizes, depths = self._sizes, self._depths
        left = self.size - (sizes.get(symbol, inf) if isinstance(symbol, Rule) else 0)
        # Drawn in text order first: many draws turn out not to fit, and no node has been made for those.
        drawn: list[Token | Production] = []
        pending: list[tuple[Rule | Terminal, float]] = [(symbol, self.depth)]
        while pending:
            here, depth = pending.pop()
            cumulative, count = weights_of(here)
            number = choices.choose(count, cumulative)
            if not isinstance(here, Rule):
                drawn.append(Token(here, number))
                continue
            production = here.drawable[number]
            left -= sizes.get(production, inf) - sizes[here]
            if left < 0 or depths[production] > depth:
                return None
            drawn.append(production)
            if production.slots:
                pending += [(slot, depth - 1) for slot in reversed(production.slots)]
        found = tree_of(drawn)
        if isinstance(found, Derivation):
            self.size -= found.size
        return found
