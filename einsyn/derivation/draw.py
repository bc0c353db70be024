"""Derivations for people: the tree with one node a line, and the text broken where the grammar allows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from einsyn.derivation.text import read
from einsyn.derivation.tree import Derivation, Token

if TYPE_CHECKING:
    from einsyn.grammar.model import Grammar

_WIDTH = 100
_INDENT = 2
_DEEPEST = 40
_OPENING, _CLOSING = "([{", ")]}"


def draw(tree: Derivation) -> str:
    """One line a node: the rule, what the alternative denotes, the right-hand side."""
    lines: list[str] = []
    # node, the lead of its own line, the lead of the lines below it
    pending: list[tuple[Derivation | Token, str, str]] = [(tree, "", "")]
    while pending:
        node, lead, below = pending.pop()
        if isinstance(node, Token):
            lines.append(f"{lead}{node.symbol.name} {node.text}")
            continue
        production = node.production
        alias = f" -> {production.alias}" if production.alias else ""
        lines.append(f"{lead}{production.rule.name}: {production.describe()}{alias}")
        # The lines of a deep tree would grow without end: past a depth the lead stays as it is.
        deep = len(below) >= 3 * _DEEPEST
        last = len(node.children) - 1
        for i, child in reversed(list(enumerate(node.children))):
            mark, rest = ("`- ", "   ") if i == last else ("|- ", "|  ")
            pending.append((child, below + mark, below if deep else below + rest))
    return "\n".join(lines)


def pretty_text(tree: Derivation, grammar: Grammar) -> str:
    """The text with line breaks and indents, where the grammar ignores white space; else the canonical text.

    It denotes the same derivation.
    """
    tokens, _ = read(tree)
    canonical = tree.text
    if not all(any(re.fullmatch(t.pattern, gap) for t in grammar.ignored) for gap in (" ", "\n")):
        return canonical
    # The token at which each bracket closes, so that what fits on a line stays on it.
    closes: dict[int, int] = {}
    opened: list[int] = []
    for i, (_, text) in enumerate(tokens):
        if text in _OPENING and text:
            opened.append(i)
        elif text in _CLOSING and text and opened:
            closes[opened.pop()] = i
    lengths = [0]
    for _, text in tokens:
        lengths.append(lengths[-1] + len(text) + 1)
    lines: list[str] = []
    line = ""
    broken: list[int] = []
    for i, (terminal, text) in enumerate(tokens):
        if broken and broken[-1] == i:
            broken.pop()
            lines.append(line)
            line = " " * _INDENT * min(len(broken), _DEEPEST)
        elif i and line.strip():
            line += grammar.spacing.separator(*tokens[i - 1], terminal, text)
        line += text
        indent = " " * _INDENT * min(len(broken), _DEEPEST)
        end = closes.get(i)
        if end is not None and len(indent) + lengths[end + 1] - lengths[i] > _WIDTH:
            broken.append(end)
            lines.append(line)
            line = " " * _INDENT * min(len(broken), _DEEPEST)
        elif broken and text in (",", ";") and _directly_inside(i, broken[-1], closes):
            lines.append(line)
            line = indent
    lines.append(line)
    return "\n".join(each.rstrip() for each in lines)


def _directly_inside(at: int, end: int, closes: dict[int, int]) -> bool:
    """Whether a separator belongs to the innermost broken bracket, not to one within it."""
    return not any(at < close < end and start < at for start, close in closes.items())
