"""Rewriting of graphs: rules as rows of data, and the one driver that applies them."""

from einsyn.rewrite.driver import Phase, Rewritten, Step, rewrite
from einsyn.rewrite.rule import Rule

__all__ = ["Phase", "Rewritten", "Rule", "Step", "rewrite"]
