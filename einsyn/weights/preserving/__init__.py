"""Weights with which a changed network computes what another one does: found on the graphs, checked by numbers."""
