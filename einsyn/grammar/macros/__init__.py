"""The language of definitions: its syntax. Its meaning is in `einsyn.elaborate`."""
