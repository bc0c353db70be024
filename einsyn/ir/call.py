"""Which application of a definition something came from."""

from __future__ import annotations


class Call:
    """One application of a definition, or of a sequence that a rule or a definition names.

    Operations of one application have the same object; it is told from others by identity.

    Args:
        name: the definition's name, or the rule's.
        parent: the application that it is part of, or None.
    """

    __slots__ = ("name", "parent")

    def __init__(self, name: str, parent: Call | None = None) -> None:
        self.name = name
        self.parent = parent

    def __repr__(self) -> str:
        return f"<Call of {self.name}>"
