"""The shipped strategies, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from einsyn.search.strategies.random import RandomSearch

if TYPE_CHECKING:
    from einsyn.search.strategy import Strategy

STRATEGIES: dict[str, type[Strategy]] = {each.name: each for each in (RandomSearch,)}
