"""What can be said about a whole space: sizes, probabilities, mistakes, differences, and why a text is not in it."""
