"""Pictures of derivations and graphs for people: SVG, and HTML pages that need nothing but themselves."""
