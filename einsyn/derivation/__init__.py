"""Derivation trees: building, printing, sampling, enumerating."""
