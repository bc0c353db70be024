"""Derivations as plain tuples, to test the grammar front end without the derivation tower."""

from __future__ import annotations

import random
from bisect import bisect_right
from itertools import product
from typing import TYPE_CHECKING

from einsyn.grammar.loader import load_grammar
from einsyn.grammar.model import Grammar, Production, Rule, Terminal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A node is (production, children); a child that is a token is (terminal, index, text).
Node = tuple  # pyright: ignore[reportMissingTypeArgument]


def load(text: str, **options: object) -> Grammar:
    """A grammar from text; the version line is added."""
    return load_grammar("space.lark", text=f"//@ einsyn 1\n{text}", **options)  # type: ignore[arg-type]


def load_files(folder: Path, **files: str) -> Grammar:
    """A grammar from files: `space` is the main one, the others are named with `__` for the dot."""
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")
    return load_grammar(folder / "space.lark")


def build(production: Production, children: tuple) -> Node:
    return production, children


def parse(grammar: Grammar, text: str) -> Node:
    return grammar.tables.parse(text, build)


def leaves(node: Node) -> list[tuple[Terminal, str]]:
    """The tokens of a derivation, in order."""
    found: list[tuple[Terminal, str]] = []
    waiting: list[object] = [node]
    while waiting:
        item = waiting.pop()
        if isinstance(item[0], Terminal):
            found.append((item[0], item[-1]))
            continue
        production, children = item
        for token in reversed(production.tokens):
            waiting.append(children[token] if isinstance(token, int) else token)
    return found


def text_of(grammar: Grammar, node: Node) -> str:
    """Canonical text."""
    out: list[str] = []
    before = None
    for terminal, text in leaves(node):
        if before is not None:
            out.append(grammar.spacing.separator(*before, terminal, text))
        out.append(text)
        before = terminal, text
    return "".join(out)


def draw(grammar: Grammar, rng: random.Random, budget: int = 200) -> Node | None:
    """A draw from the grammar, or None where it grows too large."""

    def grow(rule: Rule) -> Node:
        nonlocal budget
        budget -= 1
        if budget < 0:
            raise OverflowError
        production = rule.drawable[bisect_right(rule.cumulative, rng.random())]
        return production, tuple(grow(s) if isinstance(s, Rule) else token(s) for s in production.slots)

    def token(terminal: Terminal) -> tuple[Terminal, int, str]:
        domain = terminal.domain
        if domain.cumulative is None:
            index = rng.randrange(domain.drawable)
        else:
            index = bisect_right(domain.cumulative, rng.random())
        return terminal, index, domain.text(index)

    try:
        return grow(grammar.start)
    except OverflowError:
        return None


def by_size(grammar: Grammar, up_to: int, *, all: bool = False) -> dict[int, list[Node]]:
    """All derivations of each size, by brute force."""
    known: dict[tuple[Rule, int], list[Node]] = {}

    def derive(rule: Rule, size: int) -> list[Node]:
        if (rule, size) not in known:
            found: list[Node] = []
            for production in rule.productions if all else rule.drawable:
                slots = [s for s in production.slots if isinstance(s, Rule)]
                for sizes in splits(size - 1, len(slots)):
                    each = dict(zip(range(len(slots)), sizes, strict=True))
                    number = iter(range(len(slots)))
                    choices = [
                        derive(s, each[next(number)]) if isinstance(s, Rule) else tokens(s) for s in production.slots
                    ]
                    found.extend((production, children) for children in product(*choices))
            known[rule, size] = found
        return known[rule, size]

    def tokens(terminal: Terminal) -> list[tuple[Terminal, int, str]]:
        domain = terminal.domain
        return [(terminal, i, domain.text(i)) for i in range(len(domain)) if all or domain.probability(i)]

    return {size: derive(grammar.start, size) for size in range(1, up_to + 1)}


def splits(total: int, parts: int) -> Iterator[tuple[int, ...]]:
    """All ways to write `total` as a sum of `parts` positive numbers."""
    if parts == 0:
        if total == 0:
            yield ()
        return
    for first in range(1, total - parts + 2):
        for rest in splits(total - first, parts - 1):
            yield (first, *rest)
