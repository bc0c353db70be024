"""Rewriting of graphs: rules as rows of data, and the one driver that applies them."""

from einsyn.rewrite.driver import Firing, Phase, Rewritten, rewrite
from einsyn.rewrite.rule import Rule

__all__ = ["Firing", "Phase", "Rewritten", "Rule", "rewrite"]
