"""Facts about which rules use which, without recursion on the depth of a grammar.

A grammar here is a mapping from a rule to its rows of symbols; symbols that are not keys are terminals.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

R = TypeVar("R")


def _rules(row: Sequence[object], rows: Mapping[R, object]) -> list[R]:
    """The symbols of a row that are rules: keys of `rows`."""
    found: list[Any] = [symbol for symbol in row if symbol in rows]
    return found


def productive(rows: Mapping[R, Sequence[Sequence[object]]]) -> set[R]:
    """Rules that derive at least one sentence."""
    return set(smallest(rows))


def nullable(rows: Mapping[R, Sequence[Sequence[object]]]) -> set[R]:
    """Rules that derive the empty sentence."""
    only_rules = {rule: [row for row in all_rows if all(s in rows for s in row)] for rule, all_rows in rows.items()}
    return productive(only_rules)


def smallest(rows: Mapping[R, Sequence[Sequence[object]]], *, depth: bool = False) -> dict[R, int]:
    """Number of productions of each rule's smallest derivation; unproductive rules are left out.

    With `depth`, productions on the longest path of its flattest derivation instead. Knuth's generalisation of
    Dijkstra's algorithm: rules are settled in order of their size.
    """
    from heapq import heappop, heappush

    waits: dict[R, list[tuple[R, int]]] = defaultdict(list)  # rule -> rows that contain it, once per use
    missing: dict[tuple[R, int], int] = {}
    sizes: dict[tuple[R, int], int] = {}
    heap: list[tuple[int, int, R]] = []
    order = {rule: i for i, rule in enumerate(rows)}
    for rule, all_rows in rows.items():
        for number, row in enumerate(all_rows):
            uses = _rules(row, rows)
            key = (rule, number)
            missing[key], sizes[key] = len(uses), 1
            for used in uses:
                waits[used].append(key)
            if not uses:
                heappush(heap, (1, order[rule], rule))
    settled: dict[R, int] = {}
    while heap:
        size, _, rule = heappop(heap)
        if rule in settled:
            continue
        settled[rule] = size
        for key in waits[rule]:
            missing[key] -= 1
            sizes[key] = max(sizes[key], 1 + size) if depth else sizes[key] + size
            if not missing[key]:
                heappush(heap, (sizes[key], order[key[0]], key[0]))
    return settled


def reachable(rows: Mapping[R, Sequence[Sequence[object]]], start: R) -> set[R]:
    """Rules that occur in some derivation from `start`, if all of them are productive."""
    seen = {start}
    waiting = deque([start])
    while waiting:
        for row in rows[waiting.popleft()]:
            for rule in _rules(row, rows):
                if rule not in seen:
                    seen.add(rule)
                    waiting.append(rule)
    return seen


def unit_cycle(rows: Mapping[R, Sequence[Sequence[object]]]) -> list[R] | None:
    """Rules that derive each other and nothing more, in a circle; None if there are none."""
    empty = nullable(rows)
    edges: dict[R, list[R]] = {rule: [] for rule in rows}
    for rule, all_rows in rows.items():
        for row in all_rows:
            solid = [s for s in row if s not in empty]
            if not solid:
                edges[rule].extend(_rules(row, rows))  # all of them are
            elif len(solid) == 1:
                edges[rule].extend(_rules(solid, rows))
    for component in components(edges):
        if len(component) > 1 or component[0] in edges[component[0]]:
            return list(reversed(component))
    return None


def components(edges: Mapping[R, Iterable[R]]) -> list[list[R]]:
    """Strongly connected components, each after those that it leads to (Tarjan, without recursion)."""
    number: dict[R, int] = {}
    low: dict[R, int] = {}
    on_stack: set[R] = set()
    stack: list[R] = []
    found: list[list[R]] = []
    for root in edges:
        if root in number:
            continue
        work = [(root, iter(edges[root]))]
        number[root] = low[root] = len(number)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for target in rest:
                if target not in number:
                    number[target] = low[target] = len(number)
                    stack.append(target)
                    on_stack.add(target)
                    work.append((target, iter(edges[target])))
                    break
                if target in on_stack:
                    low[node] = min(low[node], number[target])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == number[node]:
                    component: list[R] = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        component.append(member)
                        if member == node:
                            break
                    found.append(component)
    return found
