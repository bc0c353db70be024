"""The walk in text order that summaries of a tree are made from, and canonical text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from einsyn.derivation.choice import Choice
    from einsyn.derivation.tree import Derivation, Token
    from einsyn.grammar.canonical import Spacing
    from einsyn.grammar.model import Terminal


def read(root: Derivation | Token | Choice) -> tuple[list[tuple[Terminal, str]], list[float]]:
    """The terminals of a tree with their texts, from left to right, and the log-probability of every choice.

    Works on finished derivations and on those under construction once everything is chosen.
    """
    tokens: list[tuple[Terminal, str]] = []
    logs: list[float] = []
    pending: list[Any] = [root]
    while pending:
        item = pending.pop()
        if item.__class__ is tuple:
            tokens.append(item)
            continue
        production = item.production
        if production is None:
            domain = item.symbol.domain
            tokens.append((item.symbol, domain.text(item.index)))
            logs.append(domain.log_prob(item.index))
            continue
        logs.append(production.log_prob)
        children = item.children
        for part in reversed(production.tokens):
            pending.append(children[part] if part.__class__ is int else part)
    return tokens, logs


def join(tokens: list[tuple[Terminal, str]], spacing: Spacing) -> str:
    """Canonical text: tokens joined by nothing, or by a space where they would run together."""
    if spacing.never:
        return "".join([text for _, text in tokens])
    parts: list[str] = []
    before: tuple[Terminal, str] | None = None
    for token in tokens:
        if before is not None:
            parts.append(spacing.separator(*before, *token))
        parts.append(token[1])
        before = token
    return "".join(parts)
