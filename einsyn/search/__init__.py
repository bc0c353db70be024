"""Search: moves on derivations, strategies built from them, runs that keep every result."""
