"""The canonical form of a network: equal for networks that compute the same, whatever their derivations look like.

Two graphs have one canonical form where they differ only in identities and clones, in zeros and what zeros make
void, in the order and the nesting of sums, products and maxima, in the order of execution, in operations that
nothing needs, and in the numbering of weight sets. Equal forms mean equal functions with equal weights
(`CanonicalForm.weights` says which belong together); networks whose forms differ may still be equal by laws that
are not used here (a pooling of a sum is a sum of poolings).

How it works: the network is reduced to terms (`einsyn.terms`). A term is described by a digest, a join of terms by the
sum of their digests, which forgets order and nesting. What tells weight sets apart is first their terms without
weights and the places where these are used (Weisfeiler-Lehman refinement). Mostly that tells all of them apart, and
they are numbered in the order of what was found; else in the order in which they are met, level by level. The digests
describe terms with numbered weight sets and nothing else, so equal ones are the same function; the refinement only
has to find the same numbers for isomorphic graphs, and makes do with arithmetic modulo a prime.
Time is linear in the size of the network but for sorting weight sets.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from einsyn.ir.graph import Graph
from einsyn.terms import MODULUS, PRIME, digest, mark, terms_of_graph, terms_of_trace

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from einsyn.architecture import Architecture
    from einsyn.elaborate.elaborate import Elaboration
    from einsyn.terms import Terms

# Refinement ends where it tells no more weight sets apart; graphs that need more rounds are not found in practice.
_ROUNDS: Final = 8


class CanonicalForm(NamedTuple):
    """What a network is, up to the laws above.

    Args:
        hash: the first 16 hex digits of a digest of it.
        weights: for each weight set of the graph that its outputs depend on, its number in the canonical form.
    """

    hash: str
    weights: Mapping[int, int]


def canonical_hash(network: Architecture | Graph) -> str:
    """16 hex digits that are equal for networks with one canonical form.

    Args:
        network: an architecture, or a graph.
    """
    return canonical_form(network).hash if isinstance(network, Graph) else network.canonical


def canonical_form(network: Graph | Elaboration) -> CanonicalForm:
    """The canonical form of a graph, or of the graph that an elaboration would give.

    Args:
        network: a graph, or an elaboration without a cause.
    """
    if isinstance(network, Graph):
        return _Description(terms_of_graph(network)).form()
    return _Description(terms_of_trace(network.inputs, network.trace.records, network.outputs)).form()


class _Description:
    """Describes terms.

    Args:
        terms: of a network.
    """

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._nodes = terms.nodes
        self._live = terms.live()
        # By node, as far as they are described: the digests, and of joins the sum of those of their terms.
        self._digests: list[bytes] = [b""] * len(terms.nodes)
        self._totals: list[int] = [0] * len(terms.nodes)

    def form(self) -> CanonicalForm:
        """The canonical form."""
        numbers = self._numbers()
        outputs = [self._digests[n].hex() for n in self._terms.outputs]
        return CanonicalForm(digest("network", *self._terms.inputs, *outputs).hex()[:16], numbers)

    def _numbers(self) -> dict[int, int]:
        """Number the weight sets in an order that isomorphic graphs share, and describe all nodes with the numbers."""
        weighted = [(n, owner) for n in self._live if (owner := self._nodes[n][3]) is not None]
        colours: dict[int, int] = dict.fromkeys([owner for _, owner in weighted], 0)
        distinct = 1
        contexts: list[int] = []
        for _ in range(_ROUNDS):
            contexts = self._contexts(colours) if colours else []
            users: dict[int, int] = {}
            if all([users.setdefault(contexts[n], owner) == owner for n, owner in weighted]):
                # No two weight sets are used alike.
                numbers: dict[int, int] = {}
                for context in sorted(users):
                    numbers.setdefault(users[context], len(numbers))
                self._describe(self._live, numbers)
                return numbers
            colours = _refined(weighted, contexts, colours)
            if len(set(colours.values())) == distinct:
                break
            distinct = len(set(colours.values()))
        return self._by_level(contexts)

    def _describe(self, numbers_of_nodes: Sequence[int], weight_sets: Mapping[int, int]) -> None:
        """Work out the digests of some nodes from those of their parts."""
        nodes, joins, digests, totals = self._nodes, self._terms.joins, self._digests, self._totals
        for number in numbers_of_nodes:
            said, _, parts, owner = nodes[number]
            join = joins[number]
            if join is None:
                for n in parts:
                    said += digests[n]
                if owner is not None:
                    said += b"%d" % weight_sets[owner]
            else:
                total = 0
                for n in parts:
                    total += totals[n] if joins[n] == join else int.from_bytes(digests[n])
                totals[number] = total = total % MODULUS
                said += total.to_bytes(32)
            digests[number] = blake2b(said, digest_size=32).digest()

    def _contexts(self, colours: Mapping[int, int]) -> list[int]:
        """For every node what it is and where it is used, weight sets being told apart by their colours."""
        nodes, joins = self._nodes, self._terms.joins
        found = [0] * len(nodes)
        totals = [0] * len(nodes)
        for number in self._live:
            _, value, parts, owner = nodes[number]
            join = joins[number]
            if join is not None:
                total = 0
                for n in parts:
                    total += totals[n] if joins[n] == join else found[n]
                totals[number] = total = total % PRIME
                value += total
            else:
                if owner is not None:
                    value += colours[owner]
                for n in parts:
                    value = (value * _PART + found[n]) % PRIME
            found[number] = value * value % PRIME
        uses = [0] * len(nodes)
        nested = [0] * len(nodes)  # of joins in joins of their own kind: the places of what they are nested in
        for position, number in enumerate(self._terms.outputs):
            uses[number] += mark(position)
        for number in reversed(self._live):
            parts = nodes[number][2]
            join = joins[number]
            use = uses[number]
            value = (found[number] + use * _USE) % PRIME
            place = value * value % PRIME
            if join is None:
                found[number] = place
                for n in parts:
                    uses[n] += place
                    place = place * _PART % PRIME
                continue
            # A term is used where a join is; where that is only nested in another, it is that one's term.
            place = (nested[number] + (place if use else 0)) % PRIME
            for n in parts:
                if joins[n] == join:
                    nested[n] += place
                else:
                    uses[n] += place
        return found

    def _by_level(self, contexts: Sequence[int]) -> dict[int, int]:
        """Number weight sets in the order in which they are met, of one level by context and parts."""
        nodes, joins = self._nodes, self._terms.joins
        heights = [0] * len(nodes)
        levels: dict[int, list[int]] = {}
        for number in self._live:
            # A join is where its highest term is, so that nesting changes no level.
            height = max([heights[n] for n in nodes[number][2]], default=0) + (joins[number] is None)
            heights[number] = height
            levels.setdefault(height, []).append(number)
        weight_sets: dict[int, int] = {}
        for height in sorted(levels):
            # Joins come after the others of their level.
            others = [n for n in levels[height] if joins[n] is None]
            new = [n for n in others if (owner := nodes[n][3]) is not None and owner not in weight_sets]
            for number in sorted(new, key=lambda n: (contexts[n], [self._digests[part] for part in nodes[n][2]])):
                owner = nodes[number][3]
                assert owner is not None
                weight_sets.setdefault(owner, len(weight_sets))
            self._describe(others, weight_sets)
            self._describe([n for n in levels[height] if joins[n] is not None], weight_sets)
        return weight_sets


# What tells the parts of an operation apart, and what a term is from where it is used.
_PART: Final = mark(0) % PRIME
_USE: Final = mark(1) % PRIME


def _refined(weighted: list[tuple[int, int]], contexts: Sequence[int], colours: Mapping[int, int]) -> dict[int, int]:
    """Weight sets told apart by where they are applied, as well as before."""
    totals: dict[int, int] = dict.fromkeys(colours, 0)
    for node, owner in weighted:
        totals[owner] += contexts[node] * contexts[node]
    return {owner: (colours[owner] * _PART + total) ** 2 % PRIME for owner, total in totals.items()}
