"""Objectives: what a search asks of an architecture, from counted costs to a training."""
