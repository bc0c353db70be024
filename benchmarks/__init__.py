"""Benchmarks: ratios against a peer or a hand-written equivalent, measured in one run."""
