"""The one elaborator: from derivations to the typed graph."""
