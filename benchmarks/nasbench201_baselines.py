"""The strategies to beat on NAS-Bench-201, written for its table alone: a cell is its six operations.

Each gives the cells that it evaluates, in order.
"""

from __future__ import annotations

from collections import deque
from itertools import product
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

Cell = tuple[int, ...]
CELLS: list[Cell] = list(product(range(5), repeat=6))
NUMBERS = {cell: number for number, cell in enumerate(CELLS)}


def neighbours(cell: int) -> list[int]:
    """The cells with another operation on one edge."""
    ops = CELLS[cell]
    return [NUMBERS[(*ops[:e], op, *ops[e + 1 :])] for e in range(6) for op in range(5) if op != ops[e]]


NEIGHBOURS = [neighbours(cell) for cell in range(len(CELLS))]


def random_search(random: Random, scores: Sequence[float], budget: int) -> list[int]:
    return [random.randrange(len(CELLS)) for _ in range(budget)]


def evolution(random: Random, scores: Sequence[float], budget: int, population: int = 20, sample: int = 5) -> list[int]:
    """Regularised evolution (Real et al. 2019): the best of a sample has a child, the oldest dies."""
    alive: deque[int] = deque()
    found: list[int] = []
    while len(found) < budget:
        if len(alive) < population:
            cell = random.randrange(len(CELLS))
        else:
            parent = max(random.sample(list(alive), sample), key=lambda each: scores[each])
            cell = random.choice(NEIGHBOURS[parent])
            alive.popleft()
        alive.append(cell)
        found.append(cell)
    return found


def local_search(random: Random, scores: Sequence[float], budget: int) -> list[int]:
    """First-improvement hill climbing with restarts; no cell is evaluated twice."""
    found: list[int] = []
    seen: set[int] = set()

    def evaluate(cell: int) -> float:
        seen.add(cell)
        found.append(cell)
        return scores[cell]

    while len(found) < budget:
        here = random.choice([cell for cell in random.sample(range(len(CELLS)), 200) if cell not in seen])
        score = evaluate(here)
        improved = True
        while improved:
            improved = False
            order = [cell for cell in NEIGHBOURS[here] if cell not in seen]
            random.shuffle(order)
            for cell in order:
                if len(found) == budget:
                    return found
                if evaluate(cell) > score:
                    here, score, improved = cell, scores[cell], True
                    break
    return found
